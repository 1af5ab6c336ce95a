"""Data of the plots: curves and single answers on a fold, as tables of fixed decimals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float64

from arginator.metrics import precision_recall_points, roc_points
from arginator.prepared import Prepared
from arginator.tasks import Task

HEADERS = {
    "roc": ("model", "class", "false_positive_rate", "true_positive_rate"),
    "precision_recall": ("model", "class", "recall", "precision"),
    "predictions": ("id", "actual", "predicted", "confidence"),
}
Rows = list[tuple[str, ...]]


def curve_rows(
    proteins: Prepared,
    task: Task,
    probability: Mapping[str, Float64[np.ndarray, "n k"]],
    points: int,
) -> dict[str, Rows]:
    """Return the rows of both curves: the positive class of a binary task, else each class."""
    target = task.encode(proteins.labels)
    curves: dict[str, Rows] = {"roc": [], "precision_recall": []}
    for index in _drawn_classes(task, set(target.tolist())):
        name, positive = task.classes[index], target == index
        for model, answer in probability.items():
            score = answer[:, index]
            roc = zip(*roc_points(positive, score, points), strict=True)
            recall = zip(*precision_recall_points(positive, score, points), strict=True)
            curves["roc"] += _decimals(model, name, roc)
            curves["precision_recall"] += _decimals(model, name, recall)
    return curves


def prediction_rows(
    proteins: Prepared, task: Task, probability: Float64[np.ndarray, "n k"]
) -> Rows:
    """Return the class of each protein, the one that a model gives, and how sure it is."""
    answer = probability.argmax(axis=1)
    confidence = probability.max(axis=1)
    return [
        (name, task.class_of[label], task.classes[index], f"{sure:.4f}")
        for name, label, index, sure in zip(
            proteins.embeddings.ids, proteins.labels, answer, confidence, strict=True
        )
    ]


def _drawn_classes(task: Task, present: set[int]) -> list[int]:
    """Return the classes that get a curve: only those with proteins have one."""
    looked_for = [1] if task.kind == "binary" else range(len(task.classes))
    return [index for index in looked_for if index in present]


def _decimals(model: str, name: str, points: Iterable[Sequence[float]]) -> Rows:
    """Return rows of a curve with six decimals."""
    return [(model, name, f"{x:.6f}", f"{y:.6f}") for x, y in points]
