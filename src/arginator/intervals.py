"""Intervals over clusters; those of shares honest too where resampling has nothing to go by."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float, Int

from arginator.bootstrap import Interval, draw_clusters, percentile_interval
from arginator.reports import rounded

FEW = 30  # clusters below which resamples of them say too little
DEVIATES = 1.959963984540054  # the standard normal distribution's middle 95 % lies within these


def with_interval(value: float, resampled: Float[np.ndarray, " b"]) -> dict[str, float]:
    """Return a value and the interval of its resamples as `value`, `low` and `high`, rounded."""
    interval = percentile_interval(resampled)
    return {
        "value": rounded(value),
        "low": rounded(interval.low),
        "high": rounded(interval.high),
    }


def share_interval(
    hit: Bool[np.ndarray, " n"], cluster: Int[np.ndarray, " n"], resamples: int, seed: int
) -> Interval:
    """Return a 95 % interval of the share of proteins that are hit; it is never empty.

    The percentiles of the share in resamples of whole clusters. Few clusters make them too near
    to each other, and none or all hit makes them fall together, since resampling cannot draw what
    was not seen: then the interval also spans Wilson's, with each cluster as one trial. Does not
    depend on the order of the proteins.

    Args:
        hit: Whether each protein is; one or more of them.
        cluster: Cluster of each protein.
        resamples: Times the clusters are drawn.
        seed: Where the draws come from.
    """
    number = np.unique(cluster, return_inverse=True)[1]
    size = np.bincount(number)
    hits = np.bincount(number[hit], minlength=len(size))
    blocks = draw_clusters(len(size), resamples, seed)
    interval = percentile_interval(np.concatenate([(c @ hits) / (c @ size) for c in blocks]))
    if len(size) >= FEW and interval.low < interval.high:
        return interval
    wilson = wilson_interval(float(np.mean(hit)), len(size))
    return Interval(min(interval.low, wilson.low), max(interval.high, wilson.high))


def wilson_interval(share: float, trials: int) -> Interval:
    """Return Wilson's 95 % score interval of a share seen in independent trials.

    It lies in [0, 1] and holds `share`.

    >>> low, high = wilson_interval(1.0, 10)
    >>> round(low, 3), high
    (0.722, 1.0)

    References:
        Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    square = DEVIATES**2
    centre = (share + square / (2 * trials)) / (1 + square / trials)
    spread = share * (1 - share) / trials + square / (4 * trials**2)
    half = DEVIATES * math.sqrt(spread) / (1 + square / trials)
    return Interval(max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)))
