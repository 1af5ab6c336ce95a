"""Figures of scores with their intervals: all models side by side, and errors by category."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from arginator.drawing.canvas import (
    BLUE,
    COMPARED,
    DASHED,
    GREY,
    MODEL_COLOURS,
    SCORES,
    describe_test,
    house_style,
    name_model,
    new_figure,
)
from arginator.drawing.marks import (
    draw_dot,
    in_per_cent,
    key_of_models,
    prepare_rows,
    write_beside,
)
from arginator.reports import BASELINES

MOST_CATEGORIES = 14
LINE_LENGTH = 74


@house_style()
def draw_models(verdict: Mapping[str, Any], task: str) -> Figure:
    """Draw the scores of all models with 95 % intervals, the baselines in grey.

    A dashed line stands at the best baseline; below is the verdict in words.

    Args:
        verdict: metrics/<task>/verdict.json.
        task: Name of the task.
    """
    models = [name for name in MODEL_COLOURS if name in verdict["models"]]
    title = "Every model beside its yardsticks"
    figure = new_figure(3.2, title, verdict, describe_test(verdict, task))
    panels = figure.subplots(1, len(SCORES), sharey=True)
    for axes, (metric, name) in zip(panels, SCORES.items(), strict=True):
        scores = {model: verdict["models"][model][metric] for model in models}
        _draw_scores(axes, scores)
        axes.set_title(name, size=10)
    prepare_rows(panels[0], [name_model(model) for model in models])
    figure.legend(
        handles=key_of_models(["majority", "network"], marker="o"),
        labels=["baselines", "network, and its form that ships"],
        title=fill(str(verdict["sentence"]), LINE_LENGTH),
        title_fontsize=9.5,
        loc="outside lower center",
        ncols=2,
    )
    return figure


@house_style()
def draw_categories(categories: Mapping[str, Any], task: str) -> Figure:
    """Draw which kinds of proteins are called wrongly: the shipped model beside the baselines.

    The worst stand on top; of many categories those with the most errors are shown.

    Args:
        categories: metrics/<task>/categories.json, with at least one category.
        task: Name of the task.
    """
    shipped, found = categories["model"], categories["categories"]
    most = sorted(found, key=lambda name: (-found[name]["wrong"][shipped], name))[:MOST_CATEGORIES]
    shown = sorted(most, key=lambda name: (-found[name]["share"][shipped], name))
    notes = [f"{task} task", f"{categories['fold']} fold"]
    if len(found) > len(shown):
        notes.append(f"{len(shown)} of {len(found)} categories")
    figure = new_figure(
        1.3 + 0.42 * len(shown), "Wrong calls by kind of protein", categories, notes
    )
    axes = figure.subplots()
    beside = [model for model in COMPARED if model in BASELINES]
    for row, name in enumerate(shown):
        _draw_category(axes, row, found[name], shipped, beside)
    prepare_rows(axes, [fill(name, 24) for name in shown])
    right = max(0.05, 1.08 * axes.get_xlim()[1])
    for row, name in enumerate(shown):
        text = f"{found[name]['wrong'][shipped]:,} of {found[name]['proteins']:,}"
        write_beside(axes, right, row, text)
    axes.set(xlim=(-0.01 * right, right), xlabel="share called wrongly")
    in_per_cent(axes)
    keys = key_of_models([shipped, *beside], marker="o", line="")
    keys[0].set_label(f"{name_model(shipped)} (ships)")
    figure.legend(handles=keys, loc="outside lower center", ncols=len(keys))
    return figure


def _draw_scores(axes: Axes, scores: Mapping[str, Mapping[str, float]]) -> None:
    """Draw one row a model: its score with interval, and the number at the right."""
    best = max(scores[model]["value"] for model in BASELINES if model in scores)
    axes.axvline(best, color=GREY, lw=1, ls=DASHED, zorder=0)
    for row, (model, score) in enumerate(scores.items()):
        colour = GREY if model in BASELINES else BLUE
        draw_dot(axes, row, score, colour)
        write_beside(axes, 1.0, row, f"{score['value']:.3f}")
    low = min(0.0, *(score.get("low", score["value"]) for score in scores.values()))
    axes.set(xlim=(low - 0.02, 1.42))
    axes.set_xticks((0, 0.5, 1), ("0", "0.5", "1"))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="y")


def _draw_category(
    axes: Axes, row: int, found: Mapping[str, Any], shipped: str, beside: list[str]
) -> None:
    """Draw the shares that the shipped model and the baselines call wrongly."""
    for model, shift in zip(beside, (-0.25, 0.25), strict=True):
        draw_dot(axes, row, {"value": found["share"][model]}, MODEL_COLOURS[model], shift=shift)
    score = {"value": found["share"][shipped], "low": found["low"], "high": found["high"]}
    draw_dot(axes, row, score, MODEL_COLOURS[shipped])
