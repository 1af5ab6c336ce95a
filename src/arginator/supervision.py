"""What a model learns from: a training and a validation fold that fit a task and each other."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from arginator.errors import DataError
from arginator.tasks import Task


@runtime_checkable
class Fold(Protocol):
    """Proteins to learn from or to judge by, wherever their vectors are."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Label of each protein."""

    @property
    def width(self) -> int:
        """Numbers in a vector."""


def check_folds(train: Fold, validation: Fold, task: Task) -> None:
    """Do nothing if both folds have every class of `task` and vectors of one width.

    Raises:
        DataError: A class is missing from a fold, or the folds differ in width.
    """
    _check_classes("training fold", train, task)
    _check_classes("validation fold", validation, task)
    width, expected = validation.width, train.width
    if width != expected:
        raise DataError(
            "validation fold",
            f"vectors have width {width:,}, expected {expected:,} as in the training fold",
            "take both folds from one data set",
        )


def _check_classes(where: str, fold: Fold, task: Task) -> None:
    """Do nothing if `fold` has every class of `task`.

    Raises:
        DataError: A class is missing.
    """
    counts = np.bincount(task.encode(fold.labels), minlength=len(task.classes))
    missing = [name for name, count in zip(task.classes, counts, strict=True) if count == 0]
    if missing:
        raise DataError(
            where,
            f"{len(missing):,} of {len(counts):,} classes of task {task.name!r} have no protein "
            f"(first: {missing[0]!r})",
            "split the data so that every fold has every class",
        )
