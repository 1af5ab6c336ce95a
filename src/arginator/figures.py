"""All figures of a task and of a data set, by the name of their file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from arginator.drawing.canvas import write_figure
from arginator.drawing.curve_figures import draw_precision_recall, draw_roc
from arginator.drawing.data_figures import draw_folds, draw_similarity
from arginator.drawing.model_figures import draw_confusion, draw_models, draw_training
from arginator.errors import DataError
from arginator.folds import Folds
from arginator.reports import read_report

COLUMNS = {
    "roc": ("model", "class", "false_positive_rate", "true_positive_rate"),
    "precision_recall": ("model", "class", "recall", "precision"),
    "predictions": ("actual", "predicted"),
    "history": ("epoch", "train_loss", "val_loss", "val_mcc", "val_macro_f1"),
}
WORDS = dict.fromkeys(("model", "class", "id", "actual", "predicted"), str)


@dataclass(frozen=True)
class TaskResults:
    """What the figures of a task are drawn from.

    Attributes:
        task: Name of the task.
        metrics: Its report on the test fold.
        roc: Columns model, class, false_positive_rate, true_positive_rate.
        precision_recall: Columns model, class, recall, precision.
        predictions: Columns id, actual, predicted, confidence: the shipped model on the test fold.
        history: One row an epoch: epoch, train_loss, val_loss, val_mcc, val_macro_f1.
        monitor: The column of `history` that picks the epoch.
    """

    task: str
    metrics: Mapping[str, Any]
    roc: pd.DataFrame
    precision_recall: pd.DataFrame
    predictions: pd.DataFrame
    history: pd.DataFrame
    monitor: str


def read_results(task: str, metrics: Path, plots: Path, monitor: str) -> TaskResults:
    """Read the results of `task` from its folders of metrics and plot data.

    Raises:
        DataError: A file is missing, damaged or lacks a column.
    """
    tables = {name: _read_table(plots / f"{name}.csv") for name in COLUMNS}
    return TaskResults(task, read_report(metrics, "test"), **tables, monitor=monitor)


def draw_task(results: TaskResults) -> dict[str, Figure]:
    """Return the figures of one task: curves, confusion, training and the models' scores."""
    metrics, task = results.metrics, results.task
    return {
        "roc": draw_roc(results.roc, metrics, task),
        "precision_recall": draw_precision_recall(results.precision_recall, metrics, task),
        "confusion": draw_confusion(results.predictions, metrics, task),
        "training": draw_training(results.history, metrics, task, results.monitor),
        "models": draw_models(metrics, task),
    }


def draw_data(split: Mapping[str, Any], folds: Folds) -> dict[str, Figure]:
    """Return the figures of a data set: its folds, and their similarity to training.

    Args:
        split: metrics/split.json.
        folds: The fold of each protein, and its similarity to training.
    """
    return {"folds": draw_folds(split), "similarity": draw_similarity(folds, split)}


def write_figures(figures: Mapping[str, Figure], folder: Path) -> None:
    """Write each figure into `folder` as SVG under its name."""
    for name, figure in figures.items():
        write_figure(figure, folder / f"{name}.svg")


def _read_table(path: Path) -> pd.DataFrame:
    """Read a table of plot data; names stay text, whatever they look like."""
    remedy = "run `dvc repro evaluate`"
    try:
        table = pd.read_csv(path, dtype=WORDS, keep_default_na=False)
    except FileNotFoundError:
        raise DataError(path, "no such file", remedy) from None
    except ValueError as error:
        raise DataError(path, f"damaged or no table ({error})", remedy) from None
    missing = [name for name in COLUMNS[path.stem] if name not in table]
    if missing:
        raise DataError(path, f"has no column {missing[0]!r}", remedy)
    return table
