"""All figures of a task and of a data set, by the name of their file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from arginator.drawing.band_figures import draw_bands, draw_coverage
from arginator.drawing.canvas import write_figure
from arginator.drawing.compression_figures import draw_compression
from arginator.drawing.curve_figures import draw_precision_recall, draw_roc
from arginator.drawing.data_figures import draw_folds, draw_similarity
from arginator.drawing.map_figures import draw_map
from arginator.drawing.model_figures import draw_confusion, draw_training
from arginator.drawing.reliability_figures import draw_reliability
from arginator.drawing.score_figures import draw_categories, draw_models
from arginator.errors import DataError
from arginator.files import read_json
from arginator.folds import Folds
from arginator.prepared import Prepared
from arginator.reports import read_report

BAND = ("model", "class", "x", "low", "high")
TABLES = {
    "roc": ("model", "class", "false_positive_rate", "true_positive_rate"),
    "roc_band": BAND,
    "precision_recall": ("model", "class", "recall", "precision"),
    "precision_recall_band": BAND,
    "predictions": ("actual", "predicted"),
    "reliability": ("model", "stage", "bin", "proteins", "confidence", "accuracy"),
    "history": ("epoch", "train_loss", "val_loss", "val_mcc", "val_macro_f1"),
}
REPORTS = ("verdict", "compression", "calibration", "coverage", "bands", "categories")
WORDS = dict.fromkeys(("model", "class", "stage", "id", "actual", "predicted", "set"), str)


@dataclass(frozen=True)
class TaskResults:
    """What the figures of a task are drawn from.

    Attributes:
        task: Name of the task.
        metrics: Its report on the test fold.
        reports: Further reports by the name of their file: those of `REPORTS`.
        tables: Data of the plots by the name of their file: those of `TABLES`, with at least the
            columns there.
        monitor: The column of the table "history" that picks the epoch.
    """

    task: str
    metrics: Mapping[str, Any]
    reports: Mapping[str, Mapping[str, Any]]
    tables: Mapping[str, pd.DataFrame]
    monitor: str


def read_results(task: str, metrics: Path, plots: Path, monitor: str) -> TaskResults:
    """Read the results of `task` from its folders of metrics and plot data.

    Raises:
        DataError: A file is missing, damaged or lacks a column.
    """
    tables = {name: _read_table(plots / f"{name}.csv") for name in TABLES}
    reports = {name: read_json(metrics / f"{name}.json") for name in REPORTS}
    return TaskResults(task, read_report(metrics, "test"), reports, tables, monitor)


def draw_task(results: TaskResults) -> dict[str, Figure]:
    """Return the figures of one task; that of categories only where the data set names some."""
    metrics, task = results.metrics, results.task
    reports, tables = results.reports, results.tables
    recall = (tables["precision_recall"], tables["precision_recall_band"])
    figures = {
        "roc": draw_roc(tables["roc"], tables["roc_band"], metrics, task),
        "precision_recall": draw_precision_recall(*recall, metrics, task),
        "confusion": draw_confusion(tables["predictions"], metrics, task),
        "reliability": draw_reliability(
            tables["reliability"], reports["calibration"], metrics, task
        ),
        "bands": draw_bands(reports["bands"], task),
        "coverage": draw_coverage(reports["coverage"], metrics, task),
        "training": draw_training(tables["history"], metrics, task, results.monitor),
        "models": draw_models(reports["verdict"], task),
        "compression": draw_compression(reports["compression"], task),
    }
    if reports["categories"]["categories"]:
        figures["categories"] = draw_categories(reports["categories"], task)
    return figures


def draw_data(prepared: Prepared, split: Mapping[str, Any], folds: Folds) -> dict[str, Figure]:
    """Return the figures of a data set: its folds, their similarity to training, and its map.

    Args:
        prepared: The data set.
        split: metrics/split.json.
        folds: The fold of each protein, and its similarity to training.
    """
    return {
        "folds": draw_folds(split),
        "similarity": draw_similarity(folds, split),
        "map": draw_map(prepared, folds, split),
    }


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
    missing = [name for name in TABLES[path.stem] if name not in table]
    if missing:
        raise DataError(path, f"has no column {missing[0]!r}", remedy)
    return table
