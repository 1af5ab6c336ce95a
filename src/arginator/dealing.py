"""Dealing groups of proteins out to folds, so that each fold gets its share of every class.

scikit-learn's StratifiedGroupKFold makes folds of one size and may leave a class out of one; here
folds have their own shares, and no class is missing where groups allow it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

ATTEMPTS = 10  # random orders tried where large groups leave the counts off target
NEAR = 0.01  # of a class: a count this near to its target is not worth another attempt
SMALLEST_GAIN = 1e-9


def deal_groups(
    group: Int[np.ndarray, " n"],
    label: Int[np.ndarray, " n"],
    fractions: Float[np.ndarray, " f"],
    seed: int,
) -> Int[np.ndarray, " n"]:
    """Return the fold of each protein; a group is never divided.

    Groups are dealt out from the largest share of a class to the smallest, each to the fold that
    comes nearest to its target; then single groups move as long as that puts a class into a fold
    without it or brings the counts nearer. Nearness is the chi-square distance of the counts of
    each class in each fold from their targets. Where large groups leave the counts off target,
    random orders are tried too and the nearest result is kept. The seed decides between equals.

    Args:
        group: Group of each protein, 0 to m - 1, none empty.
        label: Class of each protein, 0 to k - 1, none empty.
        fractions: Share of each fold, adding up to 1.
        seed: Whole number that decides between equal groups.

    Returns:
        Fold of each protein, 0 to f - 1. A class may be missing from a fold if it has fewer groups
        than there are folds, or if its groups hold other scarce classes too.
    """
    rng = np.random.default_rng(seed)
    classes = int(label.max()) + 1
    counts = np.bincount(group * classes + label, minlength=(int(group.max()) + 1) * classes)
    counts = counts.reshape(-1, classes)
    target = fractions[:, None] * counts.sum(axis=0)
    order = rng.permutation(len(counts))
    order = order[np.argsort(-_largest_share(counts)[order], kind="stable")]
    best = _move(counts, target, _deal(counts, target, order))
    for _ in range(ATTEMPTS):
        if _is_near(_fill(counts, best, len(target)), target):
            break
        order = rng.permutation(len(counts))
        best = _better(counts, target, best, _move(counts, target, _deal(counts, target, order)))
    return np.asarray(best[group])


def missing_classes(
    fold: Int[np.ndarray, " n"], label: Int[np.ndarray, " n"], folds: int
) -> Bool[np.ndarray, "f k"]:
    """Tell for each fold and class whether the fold holds no protein of the class."""
    classes = int(label.max()) + 1
    counts = np.bincount(fold * classes + label, minlength=folds * classes)
    return np.asarray(counts.reshape(folds, classes) == 0)


def _largest_share(counts: Int[np.ndarray, "m k"]) -> Float[np.ndarray, " m"]:
    """Return for each group the largest share that it holds of any class."""
    return np.asarray((counts / counts.sum(axis=0)).max(axis=1))


def _is_near(filled: Int[np.ndarray, "f k"], target: Float[np.ndarray, "f k"]) -> bool:
    """Tell whether no class is missing and each count is within 1 % of its class, or 1."""
    allowed = np.maximum(NEAR * target.sum(axis=0), 1)
    return bool((filled > 0).all() and (np.abs(filled - target) <= allowed).all())


def _deal(
    counts: Int[np.ndarray, "m k"], target: Float[np.ndarray, "f k"], order: Int[np.ndarray, " m"]
) -> Int[np.ndarray, " m"]:
    """Give each group in turn to the fold whose distance it lowers most."""
    fold = np.zeros(len(counts), dtype=np.int64)
    excess = -target
    for row in order:
        growth = (counts[row] * (2 * excess + counts[row]) / target).sum(axis=1)
        fold[row] = growth.argmin()
        excess[fold[row]] += counts[row]
    return fold


def _move(
    counts: Int[np.ndarray, "m k"], target: Float[np.ndarray, "f k"], fold: Int[np.ndarray, " m"]
) -> Int[np.ndarray, " m"]:
    """Move one group after another, each the move that helps most, until none helps."""
    fold = fold.copy()
    groups = np.arange(len(counts))
    filled = _fill(counts, fold, len(target))
    while True:
        missing = _change_of_missing(counts, filled, fold)
        distance = _change_of_distance(counts, filled, target, fold)
        missing[groups, fold] = distance[groups, fold] = 0
        distance[missing > missing.min()] = np.inf
        row, goal = divmod(int(distance.argmin()), len(target))
        if missing.min() == 0 and distance[row, goal] > -SMALLEST_GAIN:
            return fold
        filled[fold[row]] -= counts[row]
        filled[goal] += counts[row]
        fold[row] = goal


def _change_of_distance(
    counts: Int[np.ndarray, "m k"],
    filled: Int[np.ndarray, "f k"],
    target: Float[np.ndarray, "f k"],
    fold: Int[np.ndarray, " m"],
) -> Float[np.ndarray, "m f"]:
    """Return what moving each group to each other fold adds to the chi-square distance.

    Plain sums rather than a matrix product, whose last bits depend on threads.
    """
    square = np.einsum("mk,fk->mf", counts**2, 1 / target)
    slope = np.einsum("mk,fk->mf", 2 * counts, (filled - target) / target)
    leave = np.take_along_axis(square - slope, fold[:, None], axis=1)
    return np.asarray(square + slope + leave)


def _change_of_missing(
    counts: Int[np.ndarray, "m k"], filled: Int[np.ndarray, "f k"], fold: Int[np.ndarray, " m"]
) -> Int[np.ndarray, "m f"]:
    """Return how many more (fold, class) pairs are empty after moving each group to each fold."""
    held = (counts > 0).astype(np.int64)
    found = np.einsum("mk,fk->mf", held, (filled == 0).astype(np.int64))
    lost = (held * (counts == filled[fold])).sum(axis=1)
    return np.asarray(lost[:, None] - found)


def _better(
    counts: Int[np.ndarray, "m k"],
    target: Float[np.ndarray, "f k"],
    first: Int[np.ndarray, " m"],
    second: Int[np.ndarray, " m"],
) -> Int[np.ndarray, " m"]:
    """Return the one of two assignments with fewer classes missing, then the smaller distance."""

    def badness(fold: Int[np.ndarray, " m"]) -> tuple[int, float]:
        filled = _fill(counts, fold, len(target))
        return int((filled == 0).sum()), float(((filled - target) ** 2 / target).sum())

    return min(first, second, key=badness)


def _fill(
    counts: Int[np.ndarray, "m k"], fold: Int[np.ndarray, " m"], folds: int
) -> Int[np.ndarray, "f k"]:
    """Return the proteins of each class in each fold."""
    filled = np.zeros((folds, counts.shape[1]), dtype=np.int64)
    np.add.at(filled, fold, counts)
    return filled
