"""ROC and precision-recall curves of a task's models, with their intervals over clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from arginator.drawing.canvas import (
    COMPARED,
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

YES_OR_NO = ("majority", "nearest_neighbour")  # models without probabilities: they have one choice
COLUMNS = 3  # panels side by side, and entries of the legend
THICK, THIN = 2.0, 1.2
SHADE = 0.18


@house_style()
def draw_roc(
    curves: pd.DataFrame, bands: pd.DataFrame, metrics: Mapping[str, Any], task: str
) -> Figure:
    """Draw the share of each class found against the share of others called by mistake.

    The scale of mistakes is logarithmic, as few of them are bearable among many proteins; a rate
    of zero stands at the left edge. One class has one panel with three models, several have a
    panel each with the network and the best baseline.

    Args:
        curves: Columns model, class, false_positive_rate, true_positive_rate.
        bands: Columns model, class, x, low, high: 95 % intervals over clusters.
        metrics: The task's report on the test fold.
        task: Name of the task.
    """
    rate = curves["false_positive_rate"]
    low = 10 ** min(-1, np.floor(np.log10(rate[rate > 0].min())))
    visible = curves.assign(false_positive_rate=rate.clip(lower=low))
    bands = bands.assign(x=bands["x"].clip(lower=low))
    columns = ("false_positive_rate", "true_positive_rate")
    figure, panels = _start_panels("ROC curve", curves, metrics, task)
    keys = _draw_panels(panels, visible, bands, metrics, columns)
    diagonal = np.geomspace(low, 1)
    for axes in panels.values():
        (chance,) = axes.plot(diagonal, diagonal, color=GREY, lw=1, ls=DASHED, label="chance")
        axes.set(xscale="log", xlim=(low, 1), ylim=(0, 1.02))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{100 * rate:g}%"))
    figure.supylabel("found (recall)", size=10)
    below = "others called by mistake (false positive rate, log scale)"
    _finish_panels(figure, panels, [*keys, chance], below)
    return figure


@house_style()
def draw_precision_recall(
    curves: pd.DataFrame, bands: pd.DataFrame, metrics: Mapping[str, Any], task: str
) -> Figure:
    """Draw how many calls are right against the share of each class found.

    One class has one panel with three models, several have a panel each with the network and the
    best baseline.

    Args:
        curves: Columns model, class, recall, precision.
        bands: Columns model, class, x, low, high: 95 % intervals over clusters.
        metrics: The task's report on the test fold.
        task: Name of the task.
    """
    figure, panels = _start_panels("Precision and recall", curves, metrics, task)
    keys = _draw_panels(panels, curves, bands, metrics, ("recall", "precision"))
    for axes in panels.values():
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    figure.supylabel("calls that are right (precision)", size=10)
    _finish_panels(figure, panels, keys, "found (recall)")
    return figure


def find_best_baseline(metrics: Mapping[str, Any]) -> str:
    """Return the baseline with the highest AUPRC, the first of equals."""
    return max(BASELINES, key=lambda model: float(metrics[model]["auprc"]))


def _start_panels(
    title: str, curves: pd.DataFrame, metrics: Mapping[str, Any], task: str
) -> tuple[Figure, dict[str, Axes]]:
    """Return a figure with one panel for each class that has a curve."""
    there = set(curves["class"])
    classes = [name for name in metrics["network"]["per_class"] if name in there]
    columns = min(COLUMNS, len(classes))
    rows = -(-len(classes) // columns)
    height_in = 4.3 if len(classes) == 1 else 0.9 + 1.65 * rows
    figure = new_figure(height_in, title, metrics, describe_test(metrics, task))
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for empty in grid.flat[len(classes) :]:
        empty.remove()
    for axes in grid.flat[max(len(classes) - columns, 0) : len(classes)]:
        axes.tick_params(axis="x", labelbottom=True)
    return figure, dict(zip(classes, grid.flat, strict=False))


def _draw_panels(
    panels: Mapping[str, Axes],
    curves: pd.DataFrame,
    bands: pd.DataFrame,
    metrics: Mapping[str, Any],
    columns: tuple[str, str],
) -> list[Artist]:
    """Draw the curves of one class by model, of several by class; return the legend's entries."""
    best = find_best_baseline(metrics)
    models = COMPARED if len(panels) == 1 else (best, "network")
    colours = class_colours(list(metrics["network"]["per_class"]))
    styles = _style_models(models, one_class=len(panels) == 1)
    for (name, axes), model in ((panel, model) for panel in panels.items() for model in models):
        colour, thickness = styles[model]
        colour = colour or colours[name]
        band = bands[(bands["model"] == model) & (bands["class"] == name)].sort_values("x")
        x, low, high = (band[column].to_numpy() for column in ("x", "low", "high"))
        axes.fill_between(x, low, high, color=colour, alpha=SHADE, linewidth=0)
        chosen = curves[(curves["model"] == model) & (curves["class"] == name)]
        _draw_curve(axes, chosen, columns, colour, thickness)
        if len(panels) > 1:
            axes.set_title(name, size=10, color=colours[name], weight="bold")
    keys: list[Artist] = [
        Line2D([], [], color=styles[model][0] or INK, lw=styles[model][1], label=name_model(model))
        for model in models[::-1]
    ]
    return [*keys, Patch(color=GREY, alpha=0.35, linewidth=0, label="95% over clusters")]


def _style_models(models: Sequence[str], *, one_class: bool) -> dict[str, tuple[str | None, float]]:
    """Return colour (None: that of the class) and thickness of the curves of each model."""
    if one_class:
        return {model: (MODEL_COLOURS[model], THICK) for model in models}
    return {model: (None, THICK) if model == "network" else (GREY, THIN) for model in models}


def _draw_curve(
    axes: Axes, curve: pd.DataFrame, columns: tuple[str, str], colour: str, thickness: float
) -> None:
    """Draw one curve; that of a model that only says yes or no is a dot between the ends."""
    x, y = (curve[column].to_numpy() for column in columns)
    label = name_model(str(curve["model"].iloc[0])) if len(curve) else ""
    if len(x) == 3 and curve["model"].isin(YES_OR_NO).all():
        size = 2 + 3 * thickness
        axes.plot(x[1], y[1], "o", color=colour, markersize=size, clip_on=False, label=label)
        return
    backwards = columns[0] == "recall" and len(x) > 0 and x[0] < x[-1]
    order = slice(None, None, -1) if backwards else slice(None)
    style = "steps-post" if columns[0] == "recall" else "default"
    axes.plot(x[order], y[order], color=colour, lw=thickness, drawstyle=style, label=label)


def _finish_panels(
    figure: Figure, panels: Mapping[str, Axes], keys: Sequence[Artist], below: str
) -> None:
    """Name the x axis that all panels share, and the lines below it."""
    if len(panels) > 1:
        for axes in panels.values():
            axes.tick_params(labelsize=8)
    figure.legend(
        handles=list(keys),
        title=below,
        title_fontsize=10,
        loc="outside lower center",
        ncols=COLUMNS if len(panels) == 1 else COLUMNS + 1,
    )
