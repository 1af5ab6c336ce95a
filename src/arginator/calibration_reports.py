"""Reports on calibration: do probabilities come true as often as they say, before and after?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int

from arginator.answers import Answers
from arginator.calibration import Calibration
from arginator.metrics import (
    brier_score,
    classification_report,
    equal_count_bins,
    expected_calibration_error,
)
from arginator.reports import rounded
from arginator.tasks import Task

BEFORE, AFTER = "before", "after"
REPORTED = ("log_loss", "brier", "ece", "mcc")
RELIABILITY = ("model", "stage", "bin", "proteins", "confidence", "accuracy")


def score_probabilities(
    target: Int[np.ndarray, " n"],
    probability: Float64[np.ndarray, "n k"],
    task: Task,
    bins: int,
) -> dict[str, Any]:
    """Return `classification_report` with `brier` and `ece`, the classes still last.

    The expected calibration error is that of the positive class's probability for a binary task,
    else that of the highest probability.
    """
    report = classification_report(target, probability, task.classes, task.kind == "binary")
    said, true = _claims(target, probability, task)
    detail = report.pop("per_class")
    return report | {
        "brier": rounded(brier_score(target, probability)),
        "ece": rounded(expected_calibration_error(said, true, bins)),
        "per_class": detail,
    }


def report_calibration(
    answers: Answers, calibrations: Mapping[str, Calibration], bins: int
) -> dict[str, Any]:
    """Return scores of each model's own probabilities and of the calibrated ones.

    Args:
        answers: What the models say about a fold.
        calibrations: Each model's calibration.
        bins: Bins of the calibration error.
    """
    held_out = answers.held_out
    prevalence = next(iter(calibrations.values())).prevalence

    def score(probability: Float64[np.ndarray, "n k"]) -> dict[str, float]:
        scores = score_probabilities(held_out.target, probability, held_out.task, bins)
        return {name: scores[name] for name in REPORTED}

    return held_out.head() | {
        "bins": bins,
        "prevalence": {name: rounded(share) for name, share in prevalence.items()},
        "models": {
            name: {
                "method": calibration.method,
                "temperature": rounded(calibration.temperature),
                BEFORE: score(answers.raw[name]),
                AFTER: score(answers.calibrated[name]),
            }
            for name, calibration in calibrations.items()
        },
    }


def reliability_rows(answers: Answers, bins: int) -> list[tuple[str, ...]]:
    """Return the rows of reliability.csv: each model's bins, lowest first, before and after.

    The bins are those of the calibration error: it is the mean gap between `confidence`, the mean
    of what was said, and `accuracy`, the share that came true, weighted by `proteins`.
    """
    stages = {BEFORE: answers.raw, AFTER: answers.calibrated}
    return [
        (name, stage, *row)
        for name in answers.raw
        for stage, probabilities in stages.items()
        for row in _bin_rows(*_claims_of(answers, probabilities[name]), bins)
    ]


def _claims_of(
    answers: Answers, probability: Float64[np.ndarray, "n k"]
) -> tuple[Float64[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Return what a model claims about a fold."""
    return _claims(answers.held_out.target, probability, answers.held_out.task)


def _claims(
    target: Int[np.ndarray, " n"], probability: Float64[np.ndarray, "n k"], task: Task
) -> tuple[Float64[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Return the probability that is judged for each protein, and whether it came true."""
    if task.kind == "binary":
        return probability[:, 1], target == 1
    return probability.max(axis=1), probability.argmax(axis=1) == target


def _bin_rows(
    said: Float64[np.ndarray, " n"], true: Bool[np.ndarray, " n"], bins: int
) -> list[tuple[str, ...]]:
    """Return number, mean and truth of each bin that has proteins."""
    member = equal_count_bins(said, bins)
    masks = [member == index for index in np.unique(member)]
    return [
        (f"{index}", f"{mask.sum()}", f"{said[mask].mean():.6f}", f"{true[mask].mean():.6f}")
        for index, mask in enumerate(masks, 1)
    ]
