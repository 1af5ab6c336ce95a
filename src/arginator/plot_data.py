"""Data of the plots: curves, their bands and single answers on a fold, as tables of text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

from arginator.answers import Answers, HeldOut
from arginator.bootstrap import curve_band
from arginator.calibration_reports import RELIABILITY, reliability_rows
from arginator.files import write_text
from arginator.metrics import precision_recall_points, roc_points

BAND = ("model", "class", "x", "low", "high")
Rows = list[tuple[str, ...]]


class Table(NamedTuple):
    """A table of text.

    Attributes:
        header: Names of the columns.
        rows: A text a column.
    """

    header: tuple[str, ...]
    rows: Rows


def curve_tables(answers: Answers, points: int) -> dict[str, Table]:
    """Return both curves of every model: of the positive class of a binary task, else each class.

    Args:
        answers: What the models say about a fold.
        points: Most points kept of a curve.
    """
    roc: Rows = []
    recall: Rows = []
    for index, name, positive in _drawn_classes(answers.held_out):
        for model, probability in answers.calibrated.items():
            score = probability[:, index]
            roc += _decimals(model, name, roc_points(positive, score, points))
            recall += _decimals(model, name, precision_recall_points(positive, score, points))
    return {
        "roc": Table(("model", "class", "false_positive_rate", "true_positive_rate"), roc),
        "precision_recall": Table(("model", "class", "recall", "precision"), recall),
    }


def band_tables(answers: Answers, models: Sequence[str], seed: int) -> dict[str, Table]:
    """Return the intervals around the curves of some models, by resampling clusters.

    Args:
        answers: What the models say about a fold.
        models: Those whose bands are wanted.
        seed: For drawing clusters.
    """
    roc: Rows = []
    recall: Rows = []
    cluster = answers.held_out.cluster
    for index, name, positive in _drawn_classes(answers.held_out):
        for model in models:
            score = answers.calibrated[model][:, index]
            roc += _decimals(model, name, curve_band("roc", positive, score, cluster, seed))
            band = curve_band("precision_recall", positive, score, cluster, seed)
            recall += _decimals(model, name, band)
    return {"roc_band": Table(BAND, roc), "precision_recall_band": Table(BAND, recall)}


def reliability_table(answers: Answers, bins: int) -> Table:
    """Return the bins of every model's calibration, before and after."""
    return Table(RELIABILITY, reliability_rows(answers, bins))


def prediction_table(
    answers: Answers,
    model: str,
    sets: Bool[np.ndarray, "n k"],
    novelty: Float64[np.ndarray, " n"],
    flagged: Bool[np.ndarray, " n"],
) -> Table:
    """Return all that a model says about each protein beside what is known about it.

    `confidence` is the highest calibrated probability, `set` the classes that cannot be ruled out
    with "|" between them, and a column `probability_<class>` holds each calibrated probability.

    Args:
        answers: What the models say about a fold.
        model: The model that is shown.
        sets: Which classes its conformal set of each protein holds.
        novelty: Distance of each protein to training.
        flagged: Whether that is above the threshold.
    """
    held_out, probability = answers.held_out, answers.calibrated[model]
    classes = held_out.task.classes
    columns = {
        "id": held_out.proteins.embeddings.ids,
        "actual": [classes[index] for index in held_out.target],
        "predicted": [classes[index] for index in probability.argmax(axis=1)],
        "confidence": [f"{sure:.4f}" for sure in probability.max(axis=1)],
        "cluster": [f"{number}" for number in held_out.cluster],
        "band": held_out.band,
        "similarity_to_train": [f"{cosine:.4f}" for cosine in held_out.similarity],
        "novelty": [f"{distance:.4f}" for distance in novelty],
        "flagged": ["true" if flag else "false" for flag in flagged],
        "set": ["|".join(np.array(classes)[inside]) for inside in sets],
    }
    for index, name in enumerate(classes):
        columns[f"probability_{name}"] = [f"{share:.6f}" for share in probability[:, index]]
    return Table(tuple(columns), list(zip(*columns.values(), strict=True)))


def write_tables(tables: Mapping[str, Table], folder: Path) -> None:
    """Write each table into `folder` as CSV under its name."""
    for name, table in tables.items():
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(table.header)
        writer.writerows(table.rows)
        write_text(text.getvalue(), folder / f"{name}.csv")


def _drawn_classes(held_out: HeldOut) -> Iterable[tuple[int, str, Bool[np.ndarray, " n"]]]:
    """Yield the classes that get a curve, with their proteins: only those that have some."""
    for name, positive in held_out.class_masks().items():
        index = held_out.task.classes.index(name)
        if index == 1 or held_out.task.kind != "binary":
            yield index, name, positive


def _decimals(model: str, name: str, columns: Iterable[Float64[np.ndarray, " points"]]) -> Rows:
    """Return rows of a curve with six decimals."""
    return [
        (model, name, *(f"{number:.6f}" for number in row)) for row in zip(*columns, strict=True)
    ]
