"""Prevalence: the share of each class, and how odds move when it changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Float64, Int

from arginator.errors import DataError


def class_shares(
    target: Int[np.ndarray, " n"], classes: Sequence[str], where: str = "fold"
) -> dict[str, float]:
    """Return the share of each class among the proteins.

    Args:
        target: Class of each protein, an index into `classes`.
        classes: The k names.
        where: What the proteins are, for the error.

    Raises:
        DataError: A class has no protein.
    """
    count = np.bincount(target, minlength=len(classes))
    missing = [name for name, number in zip(classes, count, strict=True) if number == 0]
    if missing:
        raise DataError(
            where,
            f"{len(missing):,} of {len(count):,} classes have no protein (first: {missing[0]!r})",
            "split the data so that every fold has every class",
        )
    return {name: float(c / len(target)) for name, c in zip(classes, count, strict=True)}


def check_prevalence(prevalence: Mapping[str, float], classes: Sequence[str]) -> None:
    """Do nothing if `prevalence` gives every class a share above 0 and they add up to 1.

    Raises:
        DataError: It does not.
    """
    where, remedy = "prevalence", f"give one share each to {', '.join(classes)}"
    other = sorted(set(prevalence) ^ set(classes))
    if other:
        problem = f"{len(other)} classes are missing or unknown (first: {other[0]!r})"
        raise DataError(where, problem, remedy)
    low = [name for name in classes if not 0 < prevalence[name] <= 1]
    if low:
        problem = f"{len(low)} shares lie outside (0, 1] (first: {low[0]!r}, {prevalence[low[0]]})"
        raise DataError(where, problem, remedy)
    total = sum(prevalence.values())
    if abs(total - 1) > 1e-6:
        raise DataError(where, f"shares add up to {total:g}, expected 1", remedy)


def shift_prevalence(
    probability: Float[np.ndarray, "n k"],
    before: Mapping[str, float],
    after: Mapping[str, float],
    classes: Sequence[str],
) -> Float64[np.ndarray, "n k"]:
    """Move the odds of the classes from one prevalence to another; each row adds up to 1.

    References:
        Saerens et al. 2002, Neural Computation 14, doi:10.1162/089976602753284446.
    """
    ratio = np.array([after[name] / before[name] for name in classes])
    if (ratio == 1).all():
        return probability.astype(np.float64)
    shifted = probability * ratio
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
