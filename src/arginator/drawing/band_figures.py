"""Figures by distance to training: scores of the models, and coverage of the conformal sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from arginator.drawing.canvas import (
    BAND_COLOURS,
    COMPARED,
    DASHED,
    GREY,
    INK,
    MODEL_COLOURS,
    VERMILLION,
    class_colours,
    house_style,
    new_figure,
)
from arginator.drawing.marks import (
    draw_dot,
    draw_stack,
    in_per_cent,
    key_of_models,
    prepare_rows,
    write_beside,
)

SIZES = {"empty": VERMILLION, "single": "#9CC3DE", "many": "#E8C27A"}
SIZE_NAMES = ("empty set", "one class", "several classes")
STEP = 0.17  # between models side by side
BANDS_IN_WORDS = {"near": "near training", "middle": "between the two", "far": "far from training"}


@house_style()
def draw_bands(bands: Mapping[str, Any], task: str) -> Figure:
    """Draw each model's MCC on near, middle and far proteins, and on all.

    Where a band holds a single class, MCC is undefined: a ring shows the share that is called
    rightly.

    Args:
        bands: metrics/<task>/bands.json.
        task: Name of the task.
    """
    names = ["all", *(name for name in BAND_COLOURS if name in bands["bands"])]
    notes = [f"{task} task", f"{bands['fold']} fold"]
    figure = new_figure(3.9, "Scores by distance to training", bands, notes)
    axes = figure.subplots()
    for place, name in enumerate(names):
        _draw_scores(axes, place, bands["bands"][name]["models"])
    for model, shift in _places().items():
        _join(axes, [bands["bands"][name]["models"].get(model, {}) for name in names], model, shift)
    axes.axvline(0.5, color=GREY, lw=0.8)
    axes.set_xticks(range(len(names)), [_describe_band(bands, name) for name in names], size=8.2)
    axes.set(ylabel="MCC", xlim=(-0.5, len(names) - 0.5))
    axes.set_ylim(min(0.0, axes.get_ylim()[0]), 1.04)
    axes.tick_params(axis="x", length=0)
    axes.grid(visible=False, axis="x")
    keys = key_of_models(COMPARED[::-1], marker="o", line="")
    if any("mcc" not in bands["bands"][name]["models"]["network"] for name in names):
        keys.append(Line2D([], [], ls="", marker="o", markerfacecolor="white", color=INK))
        keys[-1].set_label("one class only: share right")
    figure.legend(handles=keys, loc="outside lower center", ncols=2 if len(keys) > 3 else 3)
    return figure


@house_style()
def draw_coverage(coverage: Mapping[str, Any], metrics: Mapping[str, Any], task: str) -> Figure:
    """Draw how often conformal sets hold the true class, and how many classes they hold.

    Args:
        coverage: metrics/<task>/coverage.json.
        metrics: The task's report on the test fold; its classes have the colours.
        task: Name of the task.
    """
    colours = class_colours(list(metrics["network"]["per_class"]))
    rows = [("all proteins", INK, coverage["overall"])]
    rows += [(name, colours[name], found) for name, found in coverage["per_class"].items()]
    first_band = len(rows)
    bands = [(text, coverage["per_band"].get(name)) for name, text in BANDS_IN_WORDS.items()]
    rows += [(text, GREY, found) for text, found in bands if found]
    notes = [f"{task} task", f"{coverage['fold']} fold (proteins in brackets)"]
    height_in = 1.5 + 0.36 * len(rows)
    figure = new_figure(height_in, "Do the sets hold the true class?", coverage, notes)
    held, sizes = figure.subplots(1, 2, sharey=True, width_ratios=[1.15, 1])
    for row, (_, colour, found) in enumerate(rows):
        always = bool(found.get("always", False))
        draw_dot(held, row, {**found, "value": found["coverage"]}, colour, hollow=always)
        write_beside(held, 1.03, row, f"{found['coverage']:.0%}")
        draw_stack(sizes, row, {size: found[size] for size in SIZES}, SIZES)
    prepare_rows(held, [f"{name} ({found['proteins']:,})" for name, _, found in rows])
    for axes in (held, sizes):
        axes.axhline(0.5, color=GREY, lw=0.8)
        axes.axhline(first_band - 0.5, color=GREY, lw=0.8)
    _label_coverage(held, sizes, 1 - float(coverage["alpha"]))
    keys = [
        Line2D([], [], ls="", marker="s", markersize=9, color=colour, label=name)
        for colour, name in zip(SIZES.values(), SIZE_NAMES, strict=True)
    ]
    if any(found.get("always") for _, _, found in rows):
        keys.append(Line2D([], [], ls="", marker="o", markerfacecolor="white", color=INK))
        keys[-1].set_label("in every set: too few to calibrate")
    figure.legend(handles=keys, loc="outside lower center", ncols=4 - len(keys) // 4 * 2)
    return figure


def _places() -> dict[str, float]:
    """Return where models stand beside each other within a band."""
    return {model: STEP * (place - 1) for place, model in enumerate(COMPARED)}


def _draw_scores(axes: Axes, place: int, models: Mapping[str, Any]) -> None:
    """Draw the scores of a band as dots, or as rings where only one class is there."""
    for model, shift in _places().items():
        scores = models.get(model, {})
        face = MODEL_COLOURS[model] if "mcc" in scores else "white"
        value = scores.get("mcc", scores.get("accuracy", np.nan))
        axes.plot(
            place + shift,
            value,
            "o",
            color=MODEL_COLOURS[model],
            markerfacecolor=face,
            markeredgewidth=1.8,
            markersize=8,
            clip_on=False,
            zorder=3,
        )


def _join(axes: Axes, scores: list[Mapping[str, Any]], model: str, shift: float) -> None:
    """Join a model's scores from near to far."""
    value = [score.get("mcc", np.nan) for score in scores[1:]]
    place = 1 + shift + np.arange(len(value))
    axes.plot(place, value, color=MODEL_COLOURS[model], lw=1.5, alpha=0.6)


def _describe_band(bands: Mapping[str, Any], name: str) -> str:
    """Return a band's name, its limits and how many proteins and clusters it holds."""
    near, far = bands["band_limits"]["near"], bands["band_limits"]["far"]
    limits = {"near": f"≥ {near:g}", "middle": f"{far:g} to {near:g}", "far": f"< {far:g}"}
    band = bands["bands"][name]
    rare = band["proteins"] - max(band["support"].values())
    where = f"{name} ({limits[name]})" if name in limits else "all of them"
    counts = (f"{band['proteins']:,} proteins", f"{band['clusters']:,} clusters")
    return "\n".join([where, *counts, f"{rare:,} of rarer classes"])


def _label_coverage(held: Axes, sizes: Axes, nominal: float) -> None:
    """Write what both panels show."""
    held.axvline(nominal, color=INK, lw=1, ls=DASHED, zorder=0)
    low = held.get_xlim()[0]
    held.set_xlim(min(0.5, np.floor(low * 10) / 10), 1.16)
    held.set_title(f"hold it (dashed: {nominal:.0%} promised)", size=9.5)
    in_per_cent(held, np.array([0.0, 0.5, 1.0]) if low < 0.4 else np.array([0.5, 0.75, 1.0]))
    sizes.set(xlim=(0, 1))
    sizes.set_title("classes in a set", size=9.5)
    in_per_cent(sizes, np.array([0.0, 0.5, 1.0]))
    sizes.grid(visible=False)
    sizes.tick_params(axis="y", length=0)
    sizes.spines["left"].set_visible(False)
