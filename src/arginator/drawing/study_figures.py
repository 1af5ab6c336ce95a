"""Figures of the studies beside the record: what a split hides, what more data brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from arginator.drawing.canvas import (
    BAND_COLOURS,
    COMPARED,
    INK,
    MODEL_COLOURS,
    SCORES,
    VERMILLION,
    house_style,
    name_model,
    new_figure,
)
from arginator.drawing.marks import (
    HALVES,
    RING,
    choose_ticks,
    draw_lines,
    draw_stack,
    finish_lines,
    in_per_cent,
    prepare_rows,
)

SPLITS = {"cluster": "similar proteins kept apart", "random": "random split"}
QUARTERS = np.linspace(0, 1, 5)


@house_style()
def draw_gap(gap: Mapping[str, Any]) -> Figure:
    """Draw each model's scores with similar proteins kept apart, and what a random split adds.

    Args:
        gap: metrics/studies/<task>/gap.json.
    """
    facts = {**gap, "reason": "study of splits"}
    notes = [f"limit {gap['max_similarity']:g}"]
    figure = new_figure(3.9, "How much a random split flatters", facts, notes)
    layout: list[Any] = [list(SCORES), ["bands"] * len(SCORES)]
    panels = figure.subplot_mosaic(layout, height_ratios=[2.1, 1])
    models = [name for name in COMPARED if name in gap["gap"]]
    for metric, title in SCORES.items():
        _draw_gaps(panels[metric], gap, models, metric)
        panels[metric].set_title(title, size=10)
        prepare_rows(panels[metric], [name_model(m) if metric == "mcc" else "" for m in models])
    _draw_distances(panels["bands"], gap["splits"])
    keys = [
        Line2D([], [], ls="", marker="o", color=INK, label=SPLITS["cluster"]),
        Line2D([], [], ls="", color=INK, label=SPLITS["random"], **RING),
    ]
    figure.legend(handles=keys, loc="outside lower center", ncols=2)
    return figure


@house_style()
def draw_learning_curve(curve: Mapping[str, Any]) -> Figure:
    """Draw scores against the number of training proteins, with the range over seeds.

    Args:
        curve: metrics/studies/<task>/learning_curve.json.
    """
    notes = [f"{curve['fold']} fold"] if "fold" in curve else []
    figure = new_figure(3.1, "What more training data brings", curve, notes)
    panels = figure.subplots(1, len(SCORES), sharey=True)
    sizes = [float(point["proteins"]) for point in curve["points"]]
    for axes, (metric, title) in zip(panels, SCORES.items(), strict=True):
        draw_lines(axes, sizes, curve["points"], metric)
        axes.set_title(title, size=10)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(choose_ticks(sizes)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.tick_params(axis="x", labelsize=8.5)
        axes.xaxis.set_major_formatter(lambda size, _: f"{size:,.0f}")
    panels[1].set_xlabel("training proteins (log scale)")
    panels[0].set_ylabel("score")
    finish_lines(figure, panels[0], [point["models"] for point in curve["points"]])
    return figure


@house_style()
def draw_ablation(ablation: Mapping[str, Any]) -> Figure:
    """Draw scores and the largest cluster against the similarity that keeps proteins together.

    Args:
        ablation: metrics/studies/<task>/ablation.json; a limit that could not be split has a
            reason instead of scores.
    """
    facts = {**ablation, "reason": "study of splits"}
    limits = sorted(ablation["limits"], key=lambda limit: float(limit["max_similarity"]))
    tried = [limit for limit in limits if "models" in limit]
    places = [float(limit["max_similarity"]) for limit in tried]
    figure = new_figure(4.3, "What the limit on similarity does to the scores", facts, [])
    layout: list[Any] = [list(SCORES), ["clusters"] * len(SCORES)]
    panels = figure.subplot_mosaic(layout, height_ratios=[1.7, 1])
    for metric, title in SCORES.items():
        draw_lines(panels[metric], places, tried, metric)
        panels[metric].set_title(title, size=10)
        panels[metric].xaxis.set_major_locator(MaxNLocator(3))
        panels[metric].sharey(panels["mcc"])
        panels[metric].tick_params(labelleft=metric == "mcc")
    panels["mcc"].set_ylabel("score on test")
    panels["macro_f1"].set_xlabel("limit on similarity")
    _draw_clusters(panels["clusters"], limits)
    finish_lines(figure, panels["mcc"], [limit["models"] for limit in tried])
    return figure


def _draw_gaps(axes: Axes, gap: Mapping[str, Any], models: Sequence[str], metric: str) -> None:
    """Draw the score of each model under both splits, joined by a line, with the difference."""
    for row, model in enumerate(models):
        scores = [gap["splits"][split]["models"][model].get(metric) for split in SPLITS]
        if None in scores:
            continue
        colour = MODEL_COLOURS[model]
        axes.plot(scores, [row, row], color=colour, lw=2, alpha=0.5)
        axes.plot(scores[0], row, "o", color=colour, markersize=7, clip_on=False)
        axes.plot(scores[1], row, color=colour, markersize=7, clip_on=False, **RING)
        middle = (scores[0] + scores[1]) / 2
        axes.annotate(
            f"{gap['gap'][model][metric]:+.2f}",
            (middle, row),
            (0, 7),
            textcoords="offset points",
            ha="center",
            size=8.5,
        )
    axes.set(xlim=(min(0.0, axes.get_xlim()[0]), 1.02))
    axes.set_xticks(HALVES, ("0", "0.5", "1"))


def _draw_distances(axes: Axes, splits: Mapping[str, Any]) -> None:
    """Draw how many test proteins of each split are near training, and how many far."""
    for row, split in enumerate(SPLITS):
        bands = splits[split]["by_band"]
        counts = {band: bands.get(band, {}).get("proteins", 0) for band in BAND_COLOURS}
        total = max(sum(counts.values()), 1)
        shares = {band: count / total for band, count in counts.items()}
        draw_stack(axes, row, shares, BAND_COLOURS)
    prepare_rows(axes, [SPLITS["cluster"].replace("proteins ", "proteins\n"), SPLITS["random"]])
    axes.set(xlim=(0, 1))
    in_per_cent(axes, QUARTERS)
    axes.grid(visible=False)
    handles, names = axes.get_legend_handles_labels()
    shown = dict(zip(names, handles, strict=True))
    axes.legend(
        shown.values(),
        shown.keys(),
        loc="lower right",
        bbox_to_anchor=(1.02, 0.94),
        ncols=len(shown),
        handlelength=1,
        columnspacing=1,
    )
    axes.set_title("nearness to training", size=9.5, loc="left")


def _draw_clusters(axes: Axes, limits: Sequence[Mapping[str, Any]]) -> None:
    """Draw the size of the largest cluster at each limit, and which limits could not be split."""
    place = range(len(limits))
    sizes = [limit.get("largest_cluster", 0) for limit in limits]
    axes.bar(place, sizes, 0.6, color=BAND_COLOURS["middle"])
    for x, (size, limit) in enumerate(zip(sizes, limits, strict=True)):
        can = "models" in limit
        text, colour = (f"{size:,}", INK) if can else ("cannot\nbe split", VERMILLION)
        axes.text(x, size, text, ha="center", va="bottom", size=8.5, color=colour)
    axes.set_xticks(place, [f"{limit['max_similarity']:g}" for limit in limits])
    axes.set_ylim(0, 1.3 * max([*sizes, 1]))
    axes.set_title("proteins in the largest cluster", size=10, loc="left")
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("limit: proteins more similar than this share a fold")
