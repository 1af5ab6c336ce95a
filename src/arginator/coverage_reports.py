"""Reports on conformal sets: how often they hold the true class, and how many classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool

from arginator.answers import Answers, HeldOut
from arginator.conformal import Conformal
from arginator.intervals import share_interval
from arginator.reports import rounded


def report_coverage(
    answers: Answers,
    model: str,
    conformal: Conformal,
    calibration: HeldOut,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Return coverage and size of the sets of one model: overall, per class and per band.

    `coverage` is the share of proteins whose set holds their class, `low` to `high` its interval
    over clusters. `mean_size` is the mean number of classes in a set; `empty`, `single` and `many`
    are the shares of sets with none, one and more. A class also has the numbers of proteins and
    clusters that its sets were calibrated on, and `always`: true if these were too few to ever
    rule it out, so that every set holds it.

    Args:
        answers: What the models say about the fold that is judged.
        model: The model whose sets these are.
        conformal: Rule of its sets.
        calibration: The fold that the rule was made on.
        resamples: Times that the clusters are drawn.
        seed: For drawing them.
    """
    held_out, sets = answers.held_out, conformal.sets(answers.raw[model])

    def describe(mask: Bool[np.ndarray, " n"]) -> dict[str, Any]:
        held = sets[np.arange(len(sets)), held_out.target][mask]
        interval = share_interval(held, held_out.cluster[mask], resamples, seed)
        counts = {"proteins": int(mask.sum()), "clusters": held_out.count_clusters(mask)}
        shares = {"coverage": float(np.mean(held)), "low": interval.low, "high": interval.high}
        shares |= _sizes(sets[mask])
        return counts | {name: rounded(share) for name, share in shares.items()}

    return held_out.head() | {
        "alpha": conformal.alpha,
        "model": model,
        "overall": describe(np.ones(len(sets), dtype=bool)),
        "per_class": {
            name: describe(mask) | _grounds(calibration, name, conformal)
            for name, mask in held_out.class_masks().items()
        },
        "per_band": {name: describe(mask) for name, mask in held_out.band_masks().items()},
    }


def _sizes(sets: Bool[np.ndarray, "n k"]) -> dict[str, float]:
    """Return how many classes are in a set, on average and by kind."""
    size = sets.sum(axis=1)
    return {
        "mean_size": float(np.mean(size)),
        "empty": float(np.mean(size == 0)),
        "single": float(np.mean(size == 1)),
        "many": float(np.mean(size > 1)),
    }


def _grounds(calibration: HeldOut, name: str, conformal: Conformal) -> dict[str, int | bool]:
    """Return what the sets of a class rest on."""
    mask = calibration.target == calibration.task.classes.index(name)
    return {
        "calibration_proteins": int(mask.sum()),
        "calibration_clusters": calibration.count_clusters(mask),
        "always": name not in conformal.quantile,
    }
