"""ROC and precision-recall curves of a task's models."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from arginator.drawing.canvas import (
    DASHED,
    GREY,
    INK,
    MODEL_COLOURS,
    class_colours,
    describe_test,
    house_style,
    name_model,
    new_figure,
)
from arginator.reports import BASELINES

CURVE_MODELS = ("nearest_neighbour", "logistic_regression", "network")
YES_OR_NO = ("majority", "nearest_neighbour")  # models without probabilities: they have one choice
LEGEND_COLUMNS = 3


@house_style()
def draw_roc(curves: pd.DataFrame, metrics: Mapping[str, Any], task: str) -> Figure:
    """Draw the share of each class found against the share of others called by mistake.

    The scale of mistakes is logarithmic, as few of them are bearable among many proteins; a rate
    of zero stands at the left edge.

    Args:
        curves: Columns model, class, false_positive_rate, true_positive_rate.
        metrics: The task's report on the test fold.
        task: Name of the task.
    """
    figure = new_figure(4.3, "ROC curve", metrics, describe_test(metrics, task))
    axes = figure.subplots()
    rate = curves["false_positive_rate"]
    low = 10 ** min(-1, np.floor(np.log10(rate[rate > 0].min())))
    diagonal = np.geomspace(low, 1)
    (chance,) = axes.plot(diagonal, diagonal, color=GREY, lw=1, ls=DASHED, label="chance")
    visible = curves.assign(false_positive_rate=rate.clip(lower=low))
    lines = _draw_curves(axes, visible, metrics, ("false_positive_rate", "true_positive_rate"))
    axes.set(xlabel="others called by mistake (false positive rate, log scale)")
    axes.set(ylabel="found (recall)", xscale="log", xlim=(low, 1), ylim=(0, 1.02))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{100 * rate:g}%"))
    lines.append(chance)
    figure.legend(handles=lines, loc="outside lower center", ncols=LEGEND_COLUMNS)
    return figure


@house_style()
def draw_precision_recall(curves: pd.DataFrame, metrics: Mapping[str, Any], task: str) -> Figure:
    """Draw how many calls are right against the share of each class found.

    Args:
        curves: Columns model, class, recall, precision.
        metrics: The task's report on the test fold.
        task: Name of the task.
    """
    figure = new_figure(4.3, "Precision and recall", metrics, describe_test(metrics, task))
    axes = figure.subplots()
    lines = _draw_curves(axes, curves, metrics, ("recall", "precision"))
    axes.set(xlabel="found (recall)", ylabel="calls that are right (precision)")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    figure.legend(handles=lines, loc="outside lower center", ncols=LEGEND_COLUMNS)
    return figure


def _draw_curves(
    axes: Axes, curves: pd.DataFrame, metrics: Mapping[str, Any], columns: tuple[str, str]
) -> list[Line2D]:
    """Draw the curves of one class by model, of several by class; return the legend's lines."""
    if curves["class"].nunique() > 1:
        return _draw_by_class(axes, curves, metrics, columns)
    lines = []
    for model in CURVE_MODELS:
        chosen = curves[curves["model"] == model]
        lines.append(_draw_curve(axes, chosen, columns, MODEL_COLOURS[model], 2.0))
        lines[-1].set_label(name_model(model))
    return lines[::-1]


def _draw_by_class(
    axes: Axes, curves: pd.DataFrame, metrics: Mapping[str, Any], columns: tuple[str, str]
) -> list[Line2D]:
    """Draw the network's curves, and those of the best baseline as thin lines."""
    colours = class_colours(list(metrics["network"]["per_class"]))
    best = max(BASELINES, key=lambda model: float(metrics[model]["auprc"]))
    thickness = {best: 1.0, "network": 2.0}
    drawn = [name for name in colours if (curves["class"] == name).any()]
    for model, name in product(thickness, drawn):
        chosen = curves[(curves["model"] == model) & (curves["class"] == name)]
        _draw_curve(axes, chosen, columns, colours[name], thickness[model])
    return [Line2D([], [], color=colours[name], label=name) for name in drawn] + [
        Line2D([], [], color=INK, lw=thickness[model], label=name_model(model))
        for model in ("network", best)
    ]


def _draw_curve(
    axes: Axes, curve: pd.DataFrame, columns: tuple[str, str], colour: str, thickness: float
) -> Line2D:
    """Draw one curve; that of a model that only says yes or no is a dot between the ends."""
    x, y = (curve[column].to_numpy() for column in columns)
    if len(x) == 3 and curve["model"].isin(YES_OR_NO).all():
        size = 2 + 3 * thickness
        return axes.plot(x[1], y[1], "o", color=colour, markersize=size, clip_on=False)[0]
    order = slice(None) if columns[0] != "recall" or x[0] >= x[-1] else slice(None, None, -1)
    style = "steps-post" if columns[0] == "recall" else "default"
    return axes.plot(x[order], y[order], color=colour, lw=thickness, drawstyle=style)[0]
