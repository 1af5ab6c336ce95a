"""Reports by similarity to training: does a model know more than its nearest neighbour?"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int

from arginator.answers import Answers
from arginator.metrics import classification_report
from arginator.params import Bands
from arginator.reports import DETAIL, rounded

ALL = "all"


def report_bands(answers: Answers, bands: Bands) -> dict[str, Any]:
    """Return what each model scores on the near, middle and far proteins, and on all of them.

    Each band has its `proteins`, `clusters` and `support` by class; each model in it the scores
    of `arginator.metrics.classification_report` and the `recall` of each class there. Where only
    one class is there, no score but `accuracy` is defined: the others are left out, as are bands
    without proteins.

    Args:
        answers: What the models say about a fold.
        bands: The similarities that part the bands.
    """
    held_out = answers.held_out
    masks = {ALL: np.ones(len(held_out.target), dtype=bool)} | held_out.band_masks()
    return held_out.head() | {
        "band_limits": {"near": bands.near, "far": bands.far},
        "bands": {name: _report(answers, mask) for name, mask in masks.items()},
    }


def _report(answers: Answers, mask: Bool[np.ndarray, " n"]) -> dict[str, Any]:
    """Return who is in a band, and what each model scores there."""
    held_out = answers.held_out
    support = {name: int((mask & of).sum()) for name, of in held_out.class_masks().items()}
    return {
        "proteins": int(mask.sum()),
        "clusters": held_out.count_clusters(mask),
        "support": {name: support.get(name, 0) for name in held_out.task.classes},
        "models": {
            name: _score(answers, held_out.target[mask], probability[mask])
            for name, probability in answers.calibrated.items()
        },
    }


def _score(
    answers: Answers, target: Int[np.ndarray, " m"], probability: Float64[np.ndarray, "m k"]
) -> dict[str, Any]:
    """Return those scores that are defined for the classes that are there."""
    task = answers.held_out.task
    if len(np.unique(target)) < 2:
        accuracy = rounded(np.mean(probability.argmax(axis=1) == target))
        return {"accuracy": accuracy, "recall": {task.classes[int(target[0])]: accuracy}}
    report = classification_report(target, probability, task.classes, task.kind == "binary")
    classes = report.pop(DETAIL)
    recall = {name: scores["recall"] for name, scores in classes.items() if scores["support"]}
    return report | {"recall": recall}
