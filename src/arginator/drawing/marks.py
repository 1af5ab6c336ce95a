"""Marks that several figures share: dots with intervals, numbers beside them, bars of shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from arginator.drawing.canvas import COMPARED, INK, MODEL_COLOURS, name_model

DOT = 6.5  # points across
NARROWEST_LABELLED = 0.15  # share of a bar below which its number does not fit
DARK = 0.5  # brightness below which writing on a bar is white
RING: dict[str, Any] = {"marker": "o", "markerfacecolor": "white", "markeredgewidth": 1.8}
HALVES = np.linspace(0, 1, 3)


def draw_dot(
    axes: Axes,
    row: int,
    score: Mapping[str, Any],
    colour: str,
    *,
    shift: float = 0.0,
    hollow: bool = False,
) -> None:
    """Draw `value` of a score as a dot, with a line from `low` to `high` where it has them.

    What is `shift`ed stands beside the row as a smaller dot.
    """
    if "low" in score:
        axes.plot([score["low"], score["high"]], [row, row], color=colour, lw=2.4, alpha=0.45)
    face, size = "white" if hollow else colour, DOT * 0.7 if shift else DOT
    axes.plot(
        score["value"],
        row + shift,
        "o",
        color=colour,
        markerfacecolor=face,
        markersize=size,
        clip_on=False,
        zorder=3,
    )


def write_beside(axes: Axes, x: float, row: int, text: str, *, left: bool = False) -> None:
    """Write a text beside the dot at `x`, or to its left."""
    axes.annotate(
        text,
        (x, row),
        (-7 if left else 7, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        size=8.5,
        color=INK,
        annotation_clip=False,
    )


def draw_stack(
    axes: Axes, row: int, shares: Mapping[str, float], colours: Mapping[str, str]
) -> None:
    """Draw shares that add up to 1 as a bar, each with its per cent where it fits."""
    start = 0.0
    for name, share in shares.items():
        axes.barh(row, share, 0.74, start, color=colours[name], edgecolor="white", label=name)
        if share >= NARROWEST_LABELLED:
            colour = "white" if brightness(colours[name]) < DARK else INK
            middle = start + share / 2
            text = f"{share:.0%}"
            axes.text(middle, row, text, ha="center", va="center", size=8.5, color=colour)
        start += share


def draw_lines(
    axes: Axes, places: Sequence[float], points: Sequence[Mapping[str, Any]], metric: str
) -> None:
    """Draw a metric of each compared model against a number, with its range where it has one."""
    for model in COMPARED:
        found = [
            (x, *_mean_and_range(point["models"][model][metric]))
            for x, point in zip(places, points, strict=True)
            if metric in point["models"].get(model, {})
        ]
        if not found:
            continue
        x, mean, low, high = np.array(found).T
        colour = MODEL_COLOURS[model]
        axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(x, mean, "o-", color=colour, markersize=4)


def finish_lines(figure: Figure, axes: Axes, models: Iterable[Mapping[str, Any]]) -> None:
    """Give scores a scale that ends at one and name the models."""
    axes.set_ylim(np.floor(5 * (axes.get_ylim()[0] - 0.05)) / 5, 1.02)
    shown = {name for found in models for name in found}
    keys = key_of_models([name for name in reversed(COMPARED) if name in shown], marker="o")
    figure.legend(handles=keys, loc="outside lower center", ncols=len(COMPARED))


def choose_ticks(sizes: Sequence[float]) -> list[float]:
    """Return the smallest and the largest size, and the one nearest their middle on a log scale."""
    if len(sizes) < 3:
        return list(sizes)
    middle = np.sqrt(min(sizes) * max(sizes))
    return sorted({min(sizes), min(sizes, key=lambda size: abs(np.log(size / middle))), max(sizes)})


def prepare_rows(axes: Axes, names: Sequence[str]) -> None:
    """Make room for one row a name, the first on top."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="y")


def in_per_cent(axes: Axes, ticks: Float[np.ndarray, " ticks"] | None = None) -> None:
    """Label the x axis in per cent."""
    if ticks is not None:
        axes.set_xticks(ticks)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def key_of_models(models: Sequence[str], marker: str = "", line: str = "-") -> list[Line2D]:
    """Return a legend's entries for `models`, as lines, markers or both."""
    return [
        Line2D([], [], ls=line, marker=marker, color=MODEL_COLOURS[name], label=name_model(name))
        for name in models
    ]


def brightness(colour: str) -> float:
    """Return how bright a colour such as "#0072B2" looks, 0 to 1.

    >>> brightness("#FFFFFF"), brightness("#000000")
    (1.0, 0.0)
    """
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return round(0.299 * red + 0.587 * green + 0.114 * blue, 4)


def _mean_and_range(score: float | Mapping[str, float]) -> tuple[float, float, float]:
    """Return mean, lowest and highest of a score: one of several runs, or a single number."""
    if isinstance(score, Mapping):
        return score["mean"], score["lowest"], score["highest"]
    return score, score, score
