"""Reports by category: which kinds of proteins a model takes for something else."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool

from arginator.answers import Answers, HeldOut
from arginator.intervals import share_interval
from arginator.reports import rounded


def report_categories(answers: Answers, model: str, resamples: int, seed: int) -> dict[str, Any]:
    """Return how often each model is wrong about the proteins of each category.

    Of a binary task only the negative class counts, so that `wrong` are false positives; else
    every protein. Categories come in alphabetical order; there are none where the data set names
    none.

    Args:
        answers: What the models say about a fold.
        model: The model whose share wrong gets the interval `low` to `high`, over clusters, and
            whose calls are counted in `called`.
        resamples: Times that the clusters are drawn.
        seed: For drawing them.
    """
    held_out = answers.held_out
    judged = _judged(held_out)
    category = np.array([name or "" for name in held_out.proteins.categories], dtype=str)
    masks = {str(name): judged & (category == name) for name in np.unique(category[judged])}
    unnamed = masks.pop("", np.zeros(0, dtype=bool))
    return held_out.head() | {
        "model": model,
        "without_category": int(unnamed.sum()),
        "categories": {
            name: _report(answers, mask, model, resamples, seed) for name, mask in masks.items()
        },
    }


def _judged(held_out: HeldOut) -> Bool[np.ndarray, " n"]:
    """Tell which proteins count: the negatives of a binary task, else all."""
    if held_out.task.kind == "binary":
        return np.asarray(held_out.target == 0)
    return np.ones(len(held_out.target), dtype=bool)


def _report(
    answers: Answers, mask: Bool[np.ndarray, " n"], model: str, resamples: int, seed: int
) -> dict[str, Any]:
    """Return how often each model is wrong where `mask` holds."""
    held_out, proteins = answers.held_out, int(mask.sum())
    wrong = {name: int(answers.wrong(name)[mask].sum()) for name in answers.calibrated}
    low, high = share_interval(answers.wrong(model)[mask], held_out.cluster[mask], resamples, seed)
    return {
        "label": _labels(held_out, mask),
        "proteins": proteins,
        "clusters": held_out.count_clusters(mask),
        "wrong": wrong,
        "share": {name: rounded(count / proteins) for name, count in wrong.items()},
        "low": rounded(low),
        "high": rounded(high),
        "called": _calls(answers, mask, model),
    }


def _labels(held_out: HeldOut, mask: Bool[np.ndarray, " n"]) -> str:
    """Return the labels that a category has, in the order of the data set's."""
    labels = held_out.proteins.labels
    there = {labels[row] for row in np.flatnonzero(mask).tolist()}
    return ", ".join(label for label in held_out.proteins.about.labels if label in there)


def _calls(answers: Answers, mask: Bool[np.ndarray, " n"], model: str) -> dict[str, int]:
    """Count a model's calls by class, where there are any."""
    classes = answers.held_out.task.classes
    called = answers.calibrated[model][mask].argmax(axis=1)
    count = np.bincount(called, minlength=len(classes)).tolist()
    return {name: number for name, number in zip(classes, count, strict=True) if number}
