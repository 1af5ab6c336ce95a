"""Metrics of many resamples at once: each protein counts as often as it was drawn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

METRICS = (
    "accuracy",
    "balanced_accuracy",
    "mcc",
    "macro_f1",
    "auroc",
    "auprc",
    "log_loss",
    "brier",
)
Scores = dict[str, Float64[np.ndarray, " b"]]


class Counts(NamedTuple):
    """How a class's proteins rank among all, in each of b resamples.

    Thresholds fall from left to right. They are the g scores that proteins of the class have.

    Attributes:
        found: Proteins of the class at or above each threshold.
        tied: Those of them at the threshold itself.
        wrong_above: Other proteins above the threshold.
        wrong: Other proteins at or above it.
        positives: Proteins of the class.
        negatives: Other proteins.
    """

    found: Int[np.ndarray, "b g"]
    tied: Int[np.ndarray, "b g"]
    wrong_above: Int[np.ndarray, "b g"]
    wrong: Int[np.ndarray, "b g"]
    positives: Int[np.ndarray, " b"]
    negatives: Int[np.ndarray, " b"]


class Ranking:
    """Proteins sorted once by a score, the highest first, then counted for many resamples.

    Args:
        positive: True for proteins of the class.
        score: The higher, the rather of the class; equal scores share a threshold.
    """

    def __init__(self, positive: Bool[np.ndarray, " n"], score: Float[np.ndarray, " n"]) -> None:
        self._order = np.argsort(-score, kind="stable")
        ranked = -score[self._order]
        self._place = np.flatnonzero(positive[self._order])
        threshold = ranked[self._place]
        self._first = np.flatnonzero(np.diff(threshold, prepend=-np.inf))
        self._start = np.searchsorted(ranked, threshold[self._first], "left")
        self._end = np.searchsorted(ranked, threshold[self._first], "right")

    def count(self, weight: Int[np.ndarray, "b n"]) -> Counts:
        """Count proteins above and at each threshold in each resample."""
        ranked = weight.take(self._order, axis=1)
        passed = np.zeros((len(weight), weight.shape[1] + 1), dtype=np.int64)
        np.cumsum(ranked, axis=1, out=passed[:, 1:])
        tied = np.add.reduceat(
            ranked.take(self._place, axis=1), self._first, axis=1, dtype=np.int64
        )
        found = np.cumsum(tied, axis=1)
        positives = tied.sum(axis=1)
        return Counts(
            found,
            tied,
            passed.take(self._start, axis=1) - (found - tied),
            passed.take(self._end, axis=1) - found,
            positives,
            passed[:, -1] - positives,
        )


class WeightedReport:
    """Judges a model's probabilities on many resamples, as `metrics.classification_report` does.

    A resample in which every protein counts w times gets the same scores as a data set that holds
    each protein w times. `brier` is the mean squared distance to the truth: of the second class's
    probability for a binary task, else summed over classes.

    Args:
        target: True class of each protein, an index of a column.
        probability: A row a protein, a column a class.
        binary: True if the second class is the one looked for.

    References:
        Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
    """

    def __init__(
        self, target: Int[np.ndarray, " n"], probability: Float[np.ndarray, "n k"], binary: bool
    ) -> None:
        self._classes = probability.shape[1]
        cell = target * self._classes + probability.argmax(axis=1)
        self._by_cell = np.argsort(cell, kind="stable")
        self._cells, self._first = np.unique(cell[self._by_cell], return_index=True)
        self._loss = _losses(target, probability, binary)
        looked_for = [1] if binary else np.unique(target).tolist()
        self._rankings = {
            index: Ranking(target == index, probability[:, index]) for index in looked_for
        }

    def score(self, weight: Int[np.ndarray, "b n"]) -> Scores:
        """Return each of `METRICS` for each resample; NaN where fewer than two classes are left.

        Args:
            weight: How often each protein counts, a row a resample.
        """
        confusion = self._confusion(weight)
        support, answered = confusion.sum(axis=2), confusion.sum(axis=1)
        right, total = confusion.diagonal(axis1=1, axis2=2), support.sum(axis=1)
        present = support > 0
        loss, brier = np.einsum("bn,ln->lb", weight.astype(np.float64), self._loss)
        with np.errstate(divide="ignore", invalid="ignore"):
            auroc, auprc = self._areas(weight, present)
            scores = {
                "accuracy": right.sum(axis=1) / total,
                "balanced_accuracy": _mean(right / support, present),
                "mcc": _mcc(right.sum(axis=1), support, answered, total),
                "macro_f1": _mean(2 * right / (support + answered), support + answered > 0),
                "auroc": auroc,
                "auprc": auprc,
                "log_loss": loss / total,
                "brier": brier / total,
            }
        usable = np.count_nonzero(present, axis=1) > 1
        return {name: np.where(usable, values, np.nan) for name, values in scores.items()}

    def mcc(self, weight: Int[np.ndarray, "b n"]) -> Float64[np.ndarray, " b"]:
        """Return that one of the scores alone, which is much faster."""
        return _mcc_of_counts(self._confusion(weight))

    def _confusion(self, weight: Int[np.ndarray, "b n"]) -> Float64[np.ndarray, "b k k"]:
        """Count by true and answered class; whole numbers."""
        confusion = np.zeros((len(weight), self._classes**2))
        by_cell = weight.take(self._by_cell, axis=1)
        confusion[:, self._cells] = np.add.reduceat(by_cell, self._first, axis=1)
        return confusion.reshape(-1, self._classes, self._classes)

    def _areas(
        self, weight: Int[np.ndarray, "b n"], present: Bool[np.ndarray, "b k"]
    ) -> tuple[Float64[np.ndarray, " b"], Float64[np.ndarray, " b"]]:
        """Return the mean areas under the ROC and the precision-recall curve."""
        areas = [_areas(ranking.count(weight)) for ranking in self._rankings.values()]
        there = present[:, list(self._rankings)]
        return (
            _mean(np.column_stack([roc for roc, _ in areas]), there),
            _mean(np.column_stack([precision for _, precision in areas]), there),
        )


def expected_mcc(
    target: Int[np.ndarray, " n"],
    probability: Float[np.ndarray, "n k"],
    weight: Int[np.ndarray, "b n"],
) -> Float64[np.ndarray, " b"]:
    """Return the MCC of calls drawn from the probabilities: that of the counts to be expected.

    A call that is all but a tie counts for little here, where the MCC of the most probable classes
    jumps. NaN where fewer than two classes are left; the MCC itself if every probability is 0 or 1.

    Args:
        target: True class of each protein, an index of a column.
        probability: A row a protein, a column a class.
        weight: How often each protein counts, a row a resample.
    """
    classes = probability.shape[1]
    truth = np.eye(classes)[target]
    cells = (truth[:, :, None] * probability[:, None, :]).reshape(len(target), -1)
    return _mcc_of_counts((weight.astype(np.float64) @ cells).reshape(-1, classes, classes))


def _mcc_of_counts(confusion: Float64[np.ndarray, "b k k"]) -> Float64[np.ndarray, " b"]:
    """Return the MCC of counts by true and answered class; NaN with fewer than two true classes."""
    support, answered = confusion.sum(axis=2), confusion.sum(axis=1)
    right = np.trace(confusion, axis1=1, axis2=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = _mcc(right, support, answered, support.sum(axis=1))
    return np.where(np.count_nonzero(support > 0, axis=1) > 1, values, np.nan)


def _losses(
    target: Int[np.ndarray, " n"], probability: Float[np.ndarray, "n k"], binary: bool
) -> Float64[np.ndarray, "2 n"]:
    """Return each protein's log loss, clipped as in `metrics.log_loss`, and squared distance."""
    smallest = np.finfo(np.float64).eps
    true = probability[np.arange(len(target)), target].astype(np.float64)
    distance = probability - np.eye(probability.shape[1])[target]
    brier = np.square(distance[:, 1:] if binary else distance).sum(axis=1)
    return np.stack([-np.log(np.clip(true, smallest, 1 - smallest)), brier])


def _mean(
    values: Float[np.ndarray, "b k"], counted: Bool[np.ndarray, "b k"]
) -> Float64[np.ndarray, " b"]:
    """Return each row's mean over the columns that are counted."""
    total = np.where(counted, values, 0).sum(axis=1)
    return np.asarray(total / np.count_nonzero(counted, axis=1))


def _mcc(
    right: Float64[np.ndarray, " b"],
    support: Float64[np.ndarray, "b k"],
    answered: Float64[np.ndarray, "b k"],
    total: Float64[np.ndarray, " b"],
) -> Float64[np.ndarray, " b"]:
    """Return Matthews' correlation of several classes; 0 where all answers are one class.

    References:
        Gorodkin 2004, doi:10.1016/j.compbiolchem.2004.09.006.
    """
    covariance = right * total - (support * answered).sum(axis=1)
    spread = total**2 - np.square(answered).sum(axis=1)
    spread *= total**2 - np.square(support).sum(axis=1)
    return np.where(spread > 0, covariance / np.sqrt(spread), 0)


def _areas(counts: Counts) -> tuple[Float64[np.ndarray, " b"], Float64[np.ndarray, " b"]]:
    """Return the area under the ROC curve and the average precision; NaN without the class.

    The first is the share of pairs, one protein of the class and one other, in which the former
    scores higher; ties count half (Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747).
    """
    twice_below = 2 * counts.negatives[:, None] - counts.wrong_above - counts.wrong
    pairs = (counts.tied * twice_below).sum(axis=1) / 2
    called = np.maximum(counts.found + counts.wrong, 1)
    precision = (counts.tied * (counts.found / called)).sum(axis=1)
    return pairs / (counts.positives * counts.negatives), precision / counts.positives
