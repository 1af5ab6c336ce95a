"""Bootstrap over clusters: what a number would be, had other families of proteins been tested."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Int32

from arginator.weighted_metrics import Counts, Ranking

CONFIDENCE = 0.95
BLOCK_NUMBERS = 2**16  # weights held at a time, so that they stay near the processor
CURVE_RESAMPLES = 200
CURVE_POINTS = 100


class Interval(NamedTuple):
    """Two ends that hold the middle `CONFIDENCE` of all resamples."""

    low: float
    high: float


class Band(NamedTuple):
    """A curve's interval at each of some places across.

    Attributes:
        x: False positive rates or recalls, rising.
        low: Lower end of true positive rate or precision there.
        high: Upper end.
    """

    x: Float64[np.ndarray, " points"]
    low: Float64[np.ndarray, " points"]
    high: Float64[np.ndarray, " points"]


def draw_clusters(clusters: int, resamples: int, seed: int) -> Iterator[Int32[np.ndarray, "b m"]]:
    """Yield how often each cluster is drawn, a row a resample, some resamples at a time.

    Each resample draws as many clusters as there are, with replacement.
    """
    rng = np.random.default_rng(seed)
    step = max(1, BLOCK_NUMBERS // clusters)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = rng.integers(clusters, size=(rows, clusters))
        drawn += clusters * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * clusters)
        yield counts.reshape(rows, clusters).astype(np.int32)


def resample_clusters(
    cluster: Int[np.ndarray, " n"], resamples: int, seed: int
) -> Iterator[Int32[np.ndarray, "b n"]]:
    """Yield how often each protein counts, a row a resample, some resamples at a time.

    Whole clusters are drawn with replacement, as many as there are, since proteins of one cluster
    are no independent evidence. The same clusters in any order and under any numbers that rise
    alike give the same resamples.

    Args:
        cluster: Cluster of each protein.
        resamples: Rows in all.
        seed: Where the draws come from.

    References:
        Field and Welsh 2007, doi:10.1111/j.1467-9868.2007.00593.x (the randomised cluster
        bootstrap).
    """
    number = np.unique(cluster, return_inverse=True)[1]
    step = max(1, BLOCK_NUMBERS // max(len(cluster), 1))
    for counts in draw_clusters(int(number.max(initial=0)) + 1, resamples, seed):
        for start in range(0, len(counts), step):
            yield counts[start : start + step].take(number, axis=1)


def percentile_interval(values: Float[np.ndarray, " b"]) -> Interval:
    """Return the ends between which the middle 95 % of `values` lie; NaN ones are left out.

    References:
        Efron and Tibshirani 1993, doi:10.1201/9780429246593, chapter 13.
    """
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(values[~np.isnan(values)], [tail, 100 - tail])
    return Interval(float(low), float(high))


def curve_band(
    kind: Literal["roc", "precision_recall"],
    positive: Bool[np.ndarray, " n"],
    score: Float[np.ndarray, " n"],
    cluster: Int[np.ndarray, " n"],
    seed: int,
) -> Band:
    """Return the pointwise interval of a ROC or precision-recall curve over clusters.

    "roc": true positive rate along the straight lines of the curve, at false positive rates that
    rise by a constant factor to 1. "precision_recall": precision at the highest threshold that
    reaches a recall, at recalls in equal steps to 1; no straight lines, which would flatter (Davis
    and Goadrich 2006, doi:10.1145/1143844.1143874). Needs a positive and a negative protein.
    """
    ranking, blocks = Ranking(positive, score), resample_clusters(cluster, CURVE_RESAMPLES, seed)
    x = _rates(int(np.count_nonzero(~positive))) if kind == "roc" else _recalls()
    trace = _true_positive_rates if kind == "roc" else _precisions
    curves = np.concatenate([trace(ranking.count(weight), x) for weight in blocks])
    low, high = np.array([percentile_interval(column) for column in curves.T]).T
    return Band(x, low, high)


def _rates(negatives: int) -> Float64[np.ndarray, " points"]:
    """Return rates from a tenth, or the power of ten at or below one mistake, up to 1."""
    return np.geomspace(10.0 ** min(-1, np.floor(-np.log10(negatives))), 1, CURVE_POINTS)


def _recalls() -> Float64[np.ndarray, " points"]:
    """Return recalls above 0 up to 1."""
    return np.arange(1, CURVE_POINTS + 1) / CURVE_POINTS


def _true_positive_rates(
    counts: Counts, x: Float64[np.ndarray, " points"]
) -> Float64[np.ndarray, "b points"]:
    """Return each resample's true positive rates; those without two classes are left out."""
    across = _corners(counts.wrong_above, counts.wrong, counts.negatives)
    up = _corners(counts.found - counts.tied, counts.found, counts.positives)
    usable = (counts.positives > 0) & (counts.negatives > 0)
    rates = [np.interp(x, *corners) for corners in zip(across[usable], up[usable], strict=True)]
    return np.array(rates).reshape(-1, len(x))


def _corners(
    before: Int[np.ndarray, "b g"], after: Int[np.ndarray, "b g"], total: Int[np.ndarray, " b"]
) -> Float64[np.ndarray, "b corners"]:
    """Return one coordinate of each ROC curve's corners: 0, both sides of each threshold, 1."""
    between = np.stack([before, after], axis=2).reshape(len(total), -1)
    shares = between / np.maximum(total, 1)[:, None]
    return np.pad(shares, ((0, 0), (1, 1)), constant_values=((0, 0), (0, 1)))


def _precisions(
    counts: Counts, x: Float64[np.ndarray, " points"]
) -> Float64[np.ndarray, "b points"]:
    """Return each resample's precisions; those without two classes are left out."""
    precision = counts.found / np.maximum(counts.found + counts.wrong, 1)
    usable = np.flatnonzero((counts.positives > 0) & (counts.negatives > 0))
    needed = x * counts.positives[:, None] - 1e-9  # a product of shares may miss a whole number
    found = [np.searchsorted(counts.found[row], needed[row]) for row in usable]
    column = np.array(found, dtype=np.int64).reshape(-1, len(x))
    return np.take_along_axis(precision[usable], column, axis=1)
