"""Reliability: does what a model calls 80 % sure come true eight times of ten?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from arginator.drawing.canvas import (
    DASHED,
    GREY,
    INK,
    MODEL_COLOURS,
    describe_test,
    house_style,
    name_model,
    new_figure,
)
from arginator.drawing.curve_figures import find_best_baseline

HISTOGRAM_EDGES = np.linspace(0, 1, 21)
TICKS = (0, 0.5, 1)
BEFORE: dict[str, Any] = {
    "color": GREY,
    "lw": 1.2,
    "marker": "o",
    "markersize": 4,
    "markerfacecolor": "white",
    "label": "before calibration",
}


@house_style()
def draw_reliability(
    reliability: pd.DataFrame,
    calibration: Mapping[str, Any],
    metrics: Mapping[str, Any],
    task: str,
) -> Figure:
    """Draw how often probabilities come true, before and after calibration.

    Args:
        reliability: Columns model, stage (before, after), bin, proteins, confidence, accuracy.
        calibration: metrics/<task>/calibration.json.
        metrics: The task's report on the test fold; picks the baseline beside the network.
        task: Name of the task.
    """
    title = "Do the probabilities come true?"
    figure = new_figure(4.3, title, metrics, describe_test(metrics, task))
    models = ("network", find_best_baseline(metrics))
    panels = figure.subplots(2, 2, sharex=True, sharey="row", height_ratios=[3, 1])
    for column, model in enumerate(models):
        rows = reliability[reliability["model"] == model]
        _draw_diagram(panels[0, column], rows, MODEL_COLOURS[model])
        _draw_counts(panels[1, column], rows, MODEL_COLOURS[model])
        panels[0, column].set_title(_describe(model, calibration["models"][model]), size=10)
    panels[0, 0].set_ylabel("share that came true")
    panels[1, 0].set_ylabel("proteins")
    keys = [
        Line2D([], [], **BEFORE),
        Line2D([], [], color=INK, marker="o", markersize=4, label="after"),
        Line2D([], [], color=INK, lw=1, ls=DASHED, label="ideal"),
    ]
    figure.legend(
        handles=keys,
        title="probability given",
        title_fontsize=10,
        loc="outside lower center",
        ncols=len(keys),
    )
    return figure


def _describe(model: str, scores: Mapping[str, Any]) -> str:
    """Return a panel's title: the model and its calibration error before and after."""
    before, after = (float(scores[stage]["ece"]) for stage in ("before", "after"))
    return f"{name_model(model)}\nerror (ECE) {before:.3f} → {after:.3f}"


def _draw_diagram(axes: Axes, rows: pd.DataFrame, colour: str) -> None:
    """Draw accuracy against confidence, one dot a bin."""
    axes.plot([0, 1], [0, 1], color=INK, lw=1, ls=DASHED)
    before, after = (_of_stage(rows, stage) for stage in ("before", "after"))
    axes.plot(before["confidence"], before["accuracy"], **BEFORE)
    axes.plot(after["confidence"], after["accuracy"], "o-", color=colour, markersize=4)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xticks=TICKS, yticks=TICKS)


def _draw_counts(axes: Axes, rows: pd.DataFrame, colour: str) -> None:
    """Draw how many proteins have which probability, as finely as the bins tell."""
    before, after = (_of_stage(rows, stage) for stage in ("before", "after"))
    for table, style in ((after, {"fill": True, "color": colour}), (before, {"color": GREY})):
        weight = table["proteins"].to_numpy(dtype=float)
        count = np.histogram(table["confidence"].clip(0, 1), HISTOGRAM_EDGES, weights=weight)[0]
        axes.stairs(count, HISTOGRAM_EDGES, **style)
    axes.set_yscale("log")
    axes.set_ylim(bottom=1)


def _of_stage(rows: pd.DataFrame, stage: str) -> pd.DataFrame:
    """Return the bins of a stage in order."""
    return rows[rows["stage"] == stage].sort_values("confidence")
