"""Metrics: how good a classifier's answers are, as finite numbers with four decimals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64, Int
from sklearn import metrics as sk

from arginator.errors import DataError
from arginator.reports import rounded

Curve = tuple[Float64[np.ndarray, " points"], Float64[np.ndarray, " points"]]


def classification_report(
    target: Int[np.ndarray, " n"],
    probability: Float[np.ndarray, "n k"],
    classes: Sequence[str],
    binary: bool,
) -> dict[str, Any]:
    """Judge probabilities against the truth.

    The class with the highest probability counts as the answer, the first of equals. Balanced
    accuracy and the areas leave out classes without proteins, macro-F1 those neither there nor
    answered. `auroc` and `auprc` (average precision) are those of the second class for a binary
    task, else the mean over each class against the rest. Nothing depends on the proteins' order.

    Args:
        target: True class of each protein, an index into `classes`.
        probability: A row a protein, a column a class.
        classes: The k names.
        binary: True if the second class is the one looked for.

    Returns:
        `accuracy`, `balanced_accuracy`, `mcc`, `macro_f1`, `auroc`, `auprc`, `log_loss`, and
        `per_class` with `precision`, `recall`, `f1` and `support` by name.

    Raises:
        DataError: There is no protein or only one class, or a probability lies outside [0, 1].
    """
    _check(target, probability, classes)
    answer = probability.argmax(axis=1)
    per_class = _per_class(target, answer, classes)
    present = [index for index in range(len(classes)) if (target == index).any()]
    looked_for = [1] if binary else present
    scores = {
        "accuracy": np.mean(answer == target),
        "balanced_accuracy": fmean(_recall(target, answer, index) for index in present),
        "mcc": sk.matthews_corrcoef(target, answer),
        "macro_f1": sk.f1_score(target, answer, average="macro", zero_division=0),
        "auroc": _mean_area(sk.roc_auc_score, target, probability, looked_for),
        "auprc": _mean_area(sk.average_precision_score, target, probability, looked_for),
        "log_loss": log_loss(target, probability),
    }
    return {name: rounded(score) for name, score in scores.items()} | {"per_class": per_class}


def log_loss(target: Int[np.ndarray, " n"], probability: Float[np.ndarray, "n k"]) -> float:
    """Return the mean of -ln(probability of the true class), in nats.

    A probability of 0 counts as 2.2e-16, the spacing of floats at 1, as in scikit-learn.
    """
    true = probability[np.arange(len(target)), target].astype(np.float64)
    smallest = np.finfo(np.float64).eps
    return math.fsum(-np.log(np.clip(true, smallest, 1 - smallest))) / len(target)


def brier_score(target: Int[np.ndarray, " n"], probability: Float[np.ndarray, "n k"]) -> float:
    """Return the mean squared distance of the probabilities from the truth (1 for the true class).

    Squares are summed over the classes, so that it lies in [0, 2]; with two classes they are
    halved, so that it is the usual score of the second one, in [0, 1].

    References:
        Brier 1950, Monthly Weather Review 78.
    """
    truth = np.eye(probability.shape[1])[target]
    squares = ((probability - truth) ** 2).ravel()
    return math.fsum(squares) / len(target) / (2 if probability.shape[1] == 2 else 1)


def expected_calibration_error(
    probability: Float[np.ndarray, " n"], correct: Bool[np.ndarray, " n"], bins: int
) -> float:
    """Return the average gap between confidence and accuracy over bins of equal count.

    Proteins of the same probability share a bin, that of the first of them. Lies in [0, 1]; 0 for
    no proteins.

    Args:
        probability: What was said about each protein.
        correct: Whether it came true.
        bins: How many, at least 1; there are fewer where ties are many.

    Raises:
        DataError: A probability lies outside [0, 1] or is not finite.

    References:
        Naeini et al. 2015, AAAI; bins of equal count after Nixon et al. 2019, CVPR Workshops.
    """
    member = equal_count_bins(probability, bins)
    gaps = [
        abs(math.fsum(probability[member == index]) - np.count_nonzero(correct[member == index]))
        for index in np.unique(member)
    ]
    return math.fsum(gaps) / len(probability) if gaps else 0.0


def equal_count_bins(probability: Float[np.ndarray, " n"], bins: int) -> Int[np.ndarray, " n"]:
    """Return the bin of each probability, from 0 for the lowest.

    The protein of rank r of n, from 0, is in bin r * bins // n, and all of one probability, to nine
    decimals, in that of the first of them.

    Raises:
        DataError: A probability lies outside [0, 1] or is not finite.
    """
    usable = (probability >= 0) & (probability <= 1)
    _refuse_unusable(usable)
    rounded = np.round(probability, 9)
    rank = np.searchsorted(np.sort(rounded), rounded, side="left")
    return np.asarray(rank * bins // max(len(probability), 1))


def roc_points(
    positive: Bool[np.ndarray, " n"], score: Float[np.ndarray, " n"], points: int
) -> Curve:
    """Return false and true positive rate from (0, 0) to (1, 1), at most `points` of them.

    Needs a positive and a negative protein.
    """
    false_rate, true_rate, _ = sk.roc_curve(positive, score)
    return _thin(false_rate, true_rate, points)


def precision_recall_points(
    positive: Bool[np.ndarray, " n"], score: Float[np.ndarray, " n"], points: int
) -> Curve:
    """Return recall and precision from recall 0, where precision is 1 by convention, to recall 1.

    At most `points` of them. Needs a positive protein.
    """
    precision, recall, _ = sk.precision_recall_curve(positive, score, drop_intermediate=True)
    return _thin(recall[::-1], precision[::-1], points)


def _check(
    target: Int[np.ndarray, " n"], probability: Float[np.ndarray, "n k"], classes: Sequence[str]
) -> None:
    """Refuse what cannot be judged."""
    if len(np.unique(target)) < 2:
        found = (
            f"all {len(target):,} are {classes[target[0]]!r}" if len(target) else "there is none"
        )
        raise DataError(
            "metrics", f"proteins of two classes are needed, but {found}", "judge on another fold"
        )
    usable = np.logical_and.reduce((probability >= 0) & (probability <= 1), axis=1)
    _refuse_unusable(usable)


def _refuse_unusable(usable: Bool[np.ndarray, " n"]) -> None:
    """Refuse probabilities that are none; `usable` tells which proteins' are."""
    if not usable.all():
        first = int(np.argmin(usable))
        raise DataError(
            "metrics",
            f"{np.count_nonzero(~usable):,} of {len(usable):,} proteins have a probability outside "
            f"[0, 1] (first: row {first:,} from 0)",
        )


def _per_class(
    target: Int[np.ndarray, " n"], answer: Int[np.ndarray, " n"], classes: Sequence[str]
) -> dict[str, dict[str, float | int]]:
    """Return precision, recall, F1 and number of proteins of each class; 0 where undefined."""
    columns = sk.precision_recall_fscore_support(
        target, answer, labels=range(len(classes)), zero_division=0
    )
    return {
        name: {
            "precision": rounded(precision),
            "recall": rounded(recall),
            "f1": rounded(f1),
            "support": int(support),
        }
        for name, precision, recall, f1, support in zip(classes, *columns, strict=True)
    }


def _recall(target: Int[np.ndarray, " n"], answer: Int[np.ndarray, " n"], index: int) -> float:
    """Return the share of a class's proteins that are found."""
    return float(np.mean(answer[target == index] == index))


def _mean_area(
    area: Callable[[Any, Any], float],
    target: Int[np.ndarray, " n"],
    probability: Float[np.ndarray, "n k"],
    looked_for: Sequence[int],
) -> float:
    """Return the mean over classes of an area under the curve of one class against the rest."""
    return fmean(area(target == index, probability[:, index]) for index in looked_for)


def _thin(across: Float[np.ndarray, " m"], up: Float[np.ndarray, " m"], points: int) -> Curve:
    """Keep at most `points` of a curve with both ends, evenly along its length.

    Lengths across are those of the fourth root, so that the first few per mille, which a
    logarithmic axis shows, get their share.
    """
    kept = np.arange(len(across))
    if len(across) > points:
        steps = np.abs(np.diff(across**0.25)) + np.abs(np.diff(up))
        length = np.concatenate([[0.0], np.cumsum(steps)])
        wanted = np.linspace(0, length[-1], points)
        kept = np.unique(np.searchsorted(length, wanted).clip(max=len(length) - 1))
        kept[0], kept[-1] = 0, len(length) - 1
    return across[kept].astype(np.float64), up[kept].astype(np.float64)
