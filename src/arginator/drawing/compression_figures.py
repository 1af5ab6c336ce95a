"""Figures of candidates: what quality each keeps at which size and effort."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, Locator, LogLocator, MaxNLocator, NullFormatter

from arginator.drawing.canvas import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    house_style,
    new_figure,
)
from arginator.reports import NETWORK

ORIGINS = {
    "training": (BLUE, "the network"),
    "contribution": (ORANGE, "pruned, contribution"),
    "weight_norm": (PURPLE, "pruned, weight norm"),
    "random": (SKY, "pruned at random"),
    "masking": (GREY, "weights set to zero"),
    "distillation": (GREEN, "distilled"),
}
MARKERS = {None: "o", "dynamic": "s", "static": "D"}
NUMBERS = {None: "32-bit", "dynamic": "8-bit, dynamic", "static": "8-bit, static"}
WIDE = 4  # times the lowest number of an axis; a narrower one has ticks as if it were linear
EFFORTS = {"bytes": "bytes", "multiply_adds": "multiply-adds a protein"}


@house_style()
def draw_compression(
    compression: Mapping[str, Any], task: str, efforts: Mapping[str, str] = EFFORTS
) -> Figure:
    """Draw the MCC that each candidate keeps on the test fold against what it costs.

    A ring stands around the candidate that ships, a line joins those that nothing cheaper beats,
    and refused ones are hollow.

    Args:
        compression: metrics/<task>/compression.json.
        task: Name of the task.
        efforts: Numbers in every candidate's row, and what to call them.
    """
    title = "Quality against cost"
    figure = new_figure(4.1, title, compression, [f"{task} task", "test fold"])
    panels = figure.subplots(1, len(efforts), sharey=True)
    for axes, (effort, label) in zip(panels, efforts.items(), strict=True):
        _draw_candidates(axes, compression, effort)
        axes.set_xscale("log")
        axes.set_xlabel(label)
        axes.xaxis.set_major_locator(_few_ticks(*axes.get_xlim()))
        axes.xaxis.set_major_formatter(FuncFormatter(_short))
        axes.xaxis.set_minor_formatter(NullFormatter())
    panels[0].set_ylabel("MCC, test fold")
    figure.legend(handles=_keys(compression), loc="outside lower center", ncols=3)
    return figure


def find_front(places: Mapping[str, tuple[float, float]]) -> list[str]:
    """Return who nothing beats: lower in the first number or higher in the second, and in order.

    >>> find_front({"a": (1.0, 0.5), "b": (2.0, 0.4), "c": (3.0, 0.9), "d": (3.0, 0.8)})
    ['a', 'c']
    """
    front: list[str] = []
    for name in sorted(places, key=lambda name: (places[name][0], -places[name][1])):
        if not front or places[name][1] > places[front[-1]][1]:
            front.append(name)
    return front


def _draw_candidates(axes: Axes, compression: Mapping[str, Any], effort: str) -> None:
    """Draw each candidate's score over what it costs."""
    candidates = compression["candidates"]
    places = {
        name: (float(row[effort]), float(row["test"]["mcc"])) for name, row in candidates.items()
    }
    front = [places[name] for name in find_front(places)]
    axes.plot(*zip(*front, strict=True), color=INK, lw=0.8, alpha=0.6, zorder=1)
    for name, row in candidates.items():
        colour = ORIGINS[_origin(row)][0]
        face = "white" if row["refused"] else colour
        marker = MARKERS[row["quantization"]]
        axes.plot(*places[name], marker, color=colour, markerfacecolor=face, markersize=6, zorder=2)
    shipped = places[compression["model"]]
    axes.plot(*shipped, "o", markersize=14, markerfacecolor="none", color=VERMILLION, zorder=3)
    axes.axhline(places[NETWORK][1], color=BLUE, lw=0.8, ls=":", zorder=0)


def _origin(row: Mapping[str, Any]) -> str:
    """Return where a candidate's weights come from: the criterion if it was pruned."""
    return str(row["criterion"] or row["method"])


def _keys(compression: Mapping[str, Any]) -> list[Line2D]:
    """Return the legend's entries: where weights come from, how they are stored, what became."""
    rows = compression["candidates"].values()
    origins = [name for name in ORIGINS if name in {_origin(row) for row in rows}]
    stored = [name for name in MARKERS if name in {row["quantization"] for row in rows}]
    return [
        *(_key("o", *ORIGINS[name]) for name in origins),
        *(_key(MARKERS[name], INK, NUMBERS[name]) for name in stored),
        _key("o", INK, "refused", hollow=True),
        _key("o", VERMILLION, "ships", hollow=True, size=11.0),
        Line2D([], [], color=INK, lw=0.8, label="best at its cost"),
    ]


def _key(
    marker: str, colour: str, label: str, *, hollow: bool = False, size: float = 6.0
) -> Line2D:
    """Return one entry of the legend."""
    face = "white" if hollow else colour
    return Line2D(
        [],
        [],
        ls="",
        marker=marker,
        color=colour,
        label=label,
        markerfacecolor=face,
        markersize=size,
    )


def _few_ticks(low: float, high: float) -> Locator:
    """Return what places ticks on a logarithmic axis so that their numbers keep apart."""
    return LogLocator(subs=(1, 2, 4)) if high > WIDE * low else MaxNLocator(4)


def _short(value: float, _: int) -> str:
    """Return a number, a large one with k or M.

    >>> _short(3.0, 0), _short(300_000.0, 0), _short(1_000_000.0, 0)
    ('3', '300 k', '1 M')
    """
    if value < 1e3:
        return f"{value:g}"
    return f"{value / 1e6:g} M" if value >= 1e6 else f"{value / 1e3:g} k"
