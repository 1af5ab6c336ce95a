"""The figure of the study that leaves classes and families out: is the unknown noticed?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from arginator.drawing.canvas import (
    BLUE,
    DASHED,
    GREY,
    INK,
    ORANGE,
    class_colours,
    house_style,
    new_figure,
)
from arginator.drawing.marks import HALVES, RING, in_per_cent, prepare_rows, write_beside

SEPARATORS = {"confidence": ("D", ORANGE), "distance": ("s", BLUE)}


@house_style()
def draw_left_out(left_out: Mapping[str, Any]) -> Figure:
    """Draw how many proteins of a class or family never trained on are flagged as new.

    Args:
        left_out: metrics/studies/<task>/left_out.json.
    """
    colours = class_colours(left_out["labels"])
    rows = [(f"class {name}", name, found) for name, found in left_out["classes"].items()]
    families = left_out.get("families", {})
    rows += [(f"family {name}", str(found["label"]), found) for name, found in families.items()]
    notes = ["each left out of training in turn (proteins)"]
    figure = new_figure(1.6 + 0.36 * len(rows), "Is the unknown noticed?", left_out, notes)
    flagged, auroc = figure.subplots(1, 2, sharey=True)
    for row, (_, label, found) in enumerate(rows):
        _draw_flags(flagged, row, found, colours.get(label, INK))
        _draw_separation(auroc, row, found.get("auroc", {}))
    prepare_rows(flagged, [f"{name} ({found['proteins']:,})" for name, _, found in rows])
    auroc.spines["left"].set_visible(False)
    auroc.tick_params(axis="y", length=0)
    if families:
        for axes in (flagged, auroc):
            axes.axhline(len(left_out["classes"]) - 0.5, color=GREY, lw=0.8)
    _label_left_out(figure, flagged, auroc, float(left_out["alpha"]))
    return figure


def _draw_flags(axes: Axes, row: int, found: Mapping[str, Any], colour: str) -> None:
    """Draw the share flagged of the left-out proteins and of those known."""
    shares = [float(found["false_flags"]), float(found["flagged"])]
    axes.plot(shares, [row, row], color=colour, lw=2, alpha=0.4)
    axes.plot(shares[0], row, color=GREY, markersize=7, clip_on=False, **RING)
    axes.plot(shares[1], row, "o", color=colour, markersize=8, clip_on=False)
    write_beside(axes, max(shares), row, f"{shares[1]:.0%}")


def _draw_separation(axes: Axes, row: int, auroc: Mapping[str, float]) -> None:
    """Draw how well either score ranks left-out proteins above known ones."""
    for score, (marker, colour) in SEPARATORS.items():
        if score in auroc:
            axes.plot(auroc[score], row, marker, color=colour, markersize=6, clip_on=False)


def _label_left_out(figure: Figure, flagged: Axes, auroc: Axes, alpha: float) -> None:
    """Write what both panels show."""
    flagged.axvline(alpha, color=INK, lw=1, ls=DASHED)
    flagged.set(xlim=(-0.03, 1.22))
    in_per_cent(flagged, HALVES)
    flagged.set_title("flagged as unlike training", size=10)
    auroc.axvline(0.5, color=INK, lw=1, ls=DASHED)
    auroc.set_xlim(min(0.45, auroc.get_xlim()[0]), 1.02)
    ticks = {0.0: "0", 0.25: "0.25", 0.5: "0.5\nchance", 0.75: "0.75", 1.0: "1"}
    seen = {tick: text for tick, text in ticks.items() if tick >= auroc.get_xlim()[0]}
    auroc.set_xticks(list(seen), list(seen.values()))
    auroc.set_title("told from known (AUROC)", size=10)
    keys = [
        Line2D([], [], ls="", marker="o", color=INK, label="left out"),
        Line2D([], [], ls="", color=GREY, label=f"known ({alpha:.0%} allowed)", **RING),
    ]
    keys += [
        Line2D([], [], ls="", marker=marker, color=colour, label=f"by {score}")
        for score, (marker, colour) in SEPARATORS.items()
    ]
    figure.legend(handles=keys, loc="outside lower center", ncols=4, handletextpad=0.2)
