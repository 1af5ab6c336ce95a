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
MOST = 0.5  # of a class in a held-out fold: a group of more stands for it alone


def deal_groups(
    group: Int[np.ndarray, " n"],
    label: Int[np.ndarray, " n"],
    fractions: Float[np.ndarray, " f"],
    seed: int,
    largest_share: float | None,
) -> Int[np.ndarray, " n"]:
    """Return the fold of each protein; a group is never divided.

    Groups are dealt out from the largest share of a class to the smallest, each to the fold that
    comes nearest to its target; then single groups move as long as that puts a class into a fold
    without it or brings the counts nearer. Nearness is the chi-square distance of the counts of
    each class in each fold from their targets. Where large groups leave the counts off target,
    random orders are tried too and the nearest result is kept. The seed decides between equals.

    With `largest_share`, a group that would fill more than that share of any class's target in a
    fold may not go there, except to the first fold (training), so that no class is judged by one
    family; nor may one into any but the first that turns out to be most of a class where it went,
    as long as there are others to take its place. A fold may stay below its targets then. Only
    where a class would be missing from a fold, the smallest of its barred groups may go there
    after all.

    Args:
        group: Group of each protein, 0 to m - 1, none empty.
        label: Class of each protein, 0 to k - 1, none empty.
        fractions: Share of each fold, adding up to 1; the first is for training.
        seed: Whole number that decides between equal groups.
        largest_share: Most of a class's target in a fold that one group may fill; None for any.

    Returns:
        Fold of each protein, 0 to f - 1. A class may be missing from a fold if it has fewer groups
        than there are folds, or if its groups hold other scarce classes too.
    """
    classes = int(label.max()) + 1
    counts = np.bincount(group * classes + label, minlength=(int(group.max()) + 1) * classes)
    counts = counts.reshape(-1, classes)
    target = fractions[:, None] * counts.sum(axis=0)
    allowed = np.ones((len(counts), len(target)), dtype=bool)
    if largest_share is not None:
        allowed = _bar_large(counts, target, seed, largest_share)
    fold = _deal_in_several_orders(counts, target, allowed, seed, ATTEMPTS)
    return np.asarray(fold[group])


def missing_classes(
    fold: Int[np.ndarray, " n"], label: Int[np.ndarray, " n"], folds: int
) -> Bool[np.ndarray, "f k"]:
    """Tell for each fold and class whether the fold holds no protein of the class."""
    counts = np.zeros((folds, int(label.max()) + 1), dtype=np.int64)
    np.add.at(counts, (fold, label), 1)
    return np.asarray(counts == 0)


def _largest_share(counts: Int[np.ndarray, "m k"]) -> Float[np.ndarray, " m"]:
    """Return for each group the largest share that it holds of any class."""
    return np.asarray((counts / counts.sum(axis=0)).max(axis=1))


def _is_near(filled: Int[np.ndarray, "f k"], target: Float[np.ndarray, "f k"]) -> bool:
    """Tell whether no class is missing and each count is within 1 % of its class, or 1."""
    allowed = np.maximum(NEAR * target.sum(axis=0), 1)
    return bool((filled > 0).all() and (np.abs(filled - target) <= allowed).all())


def _bar_large(
    counts: Int[np.ndarray, "m k"], target: Float[np.ndarray, "f k"], seed: int, share: float
) -> Bool[np.ndarray, "m f"]:
    """Bar from a fold the groups too large for it, then those that are most of a class there.

    The second is done once: again and again it would empty classes that have few groups.
    """
    allowed = np.asarray((counts[:, None, :] <= share * target).all(axis=2))
    allowed[:, 0] = True
    allowed, fold = _allow_every_class(counts, target, allowed, seed)
    dominant = _dominant(counts, fold, allowed, max(share, MOST))
    return _allow_every_class(counts, target, allowed & ~dominant, seed)[0]


def _allow_every_class(
    counts: Int[np.ndarray, "m k"],
    target: Float[np.ndarray, "f k"],
    allowed: Bool[np.ndarray, "m f"],
    seed: int,
) -> tuple[Bool[np.ndarray, "m f"], Int[np.ndarray, " m"]]:
    """Allow more where a class would be missing; return what is allowed and a first dealing."""
    while True:
        fold = _deal_in_several_orders(counts, target, allowed, seed, 0)
        needed = _needed_after_all(counts, fold, allowed)
        if not needed.any():
            return allowed, fold
        allowed = allowed | needed


def _needed_after_all(
    counts: Int[np.ndarray, "m k"], fold: Int[np.ndarray, " m"], allowed: Bool[np.ndarray, "m f"]
) -> Bool[np.ndarray, "m f"]:
    """Mark for each class missing from a fold its smallest barred group, the first of equals."""
    needed = np.zeros_like(allowed)
    for place, label in np.argwhere(_fill(counts, fold, allowed.shape[1]) == 0):
        barred = np.flatnonzero((counts[:, label] > 0) & ~allowed[:, place])
        if len(barred):
            needed[barred[counts[barred].sum(axis=1).argmin()], place] = True
    return needed


def _dominant(
    counts: Int[np.ndarray, "m k"],
    fold: Int[np.ndarray, " m"],
    allowed: Bool[np.ndarray, "m f"],
    limit: float,
) -> Bool[np.ndarray, "m f"]:
    """Bar from all folds but the first the groups that are over `limit` of a class in theirs.

    Those stay for which fewer other groups of the class than there are folds may go there.
    """
    folds = allowed.shape[1]
    most = counts > limit * _fill(counts, fold, folds)[fold]
    others = np.einsum("mk,mf->fk", (counts > 0).astype(np.int64), allowed.astype(np.int64)) - 1
    dominant = np.zeros_like(allowed)
    rows = np.flatnonzero((most & (others[fold] >= folds)).any(axis=1) & (fold > 0))
    dominant[rows, 1:] = True
    return dominant


def _deal_in_several_orders(
    counts: Int[np.ndarray, "m k"],
    target: Float[np.ndarray, "f k"],
    allowed: Bool[np.ndarray, "m f"],
    seed: int,
    attempts: int,
) -> Int[np.ndarray, " m"]:
    """Return the best fold of each group: large ones first, then random orders if that is off."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(counts))
    order = order[np.argsort(-_largest_share(counts)[order], kind="stable")]
    best = _move(counts, target, allowed, _deal(counts, target, allowed, order))
    for _ in range(attempts):
        if _is_near(_fill(counts, best, len(target)), target):
            break
        dealt = _deal(counts, target, allowed, rng.permutation(len(counts)))
        best = _better(counts, target, best, _move(counts, target, allowed, dealt))
    return best


def _deal(
    counts: Int[np.ndarray, "m k"],
    target: Float[np.ndarray, "f k"],
    allowed: Bool[np.ndarray, "m f"],
    order: Int[np.ndarray, " m"],
) -> Int[np.ndarray, " m"]:
    """Give each group in turn to the fold whose distance it lowers most."""
    fold = np.zeros(len(counts), dtype=np.int64)
    excess = -target
    for row in order:
        growth = (counts[row] * (2 * excess + counts[row]) / target).sum(axis=1)
        fold[row] = np.where(allowed[row], growth, np.inf).argmin()
        excess[fold[row]] += counts[row]
    return fold


def _move(
    counts: Int[np.ndarray, "m k"],
    target: Float[np.ndarray, "f k"],
    allowed: Bool[np.ndarray, "m f"],
    fold: Int[np.ndarray, " m"],
) -> Int[np.ndarray, " m"]:
    """Move one group after another, each the allowed move that helps most, until none helps."""
    fold = fold.copy()
    groups = np.arange(len(counts))
    filled = _fill(counts, fold, len(target))
    while True:
        missing = _change_of_missing(counts, filled, fold)
        distance = _change_of_distance(counts, filled, target, fold)
        missing[groups, fold] = distance[groups, fold] = 0
        missing[~allowed] = 1  # worse than to stay
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
