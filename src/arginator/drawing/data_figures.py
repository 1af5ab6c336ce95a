"""Figures of a data set: what is in its folds, and how far they lie apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from arginator.drawing.canvas import (
    DASHED,
    FOLD_COLOURS,
    GREY,
    INK,
    VERMILLION,
    house_style,
    new_figure,
)
from arginator.folds import FOLDS, Folds

DOTTED = (0, (1, 2))
BINS = 60
NARROWEST_LABELLED = 0.045  # share of the width below which a count does not fit


@house_style()
def draw_folds(split: Mapping[str, Any]) -> Figure:
    """Draw how each class is shared out among the folds, with the number of proteins in each.

    Args:
        split: metrics/split.json.
    """
    folds = split["folds"]
    labels = [name for name in folds["train"] if name != "proteins"]
    proteins = sum(fold["proteins"] for fold in folds.values())
    notes = [f"{proteins:,} proteins in {split['clusters']:,} clusters"]
    height_in = 1.3 + 0.42 * len(labels)
    figure = new_figure(height_in, "Proteins of each class in each fold", split, notes)
    axes = figure.subplots()
    for row, label in enumerate(labels):
        _draw_shares(axes, row, {fold: folds[fold][label] for fold in FOLD_COLOURS})
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlim=(0, 1.1), ylim=(len(labels) - 0.5, -0.5), xlabel="share of the class")
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    handles, names = axes.get_legend_handles_labels()
    shown = dict(zip(names, handles, strict=True))
    figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=len(shown))
    return figure


@house_style()
def draw_similarity(folds: Folds, split: Mapping[str, Any]) -> Figure:
    """Draw how similar each held-out protein is to its nearest training protein.

    Args:
        folds: The fold of each protein, and its similarity to training.
        split: metrics/split.json.
    """
    values = {name: folds.similarity_to_train[folds.fold_mask(name)] for name in FOLDS[1:]}
    held_out = {name: value for name, value in values.items() if len(value)}
    limit = np.float32(split["max_similarity"])
    above = sum(int((value > limit).sum()) for value in held_out.values())
    notes = [f"{above:,} proteins above the limit"]
    title = "How similar held-out proteins are to training"
    figure = new_figure(1 + 0.95 * len(held_out), title, split, notes)
    rows = figure.subplots(len(held_out), sharex=True, squeeze=False)[:, 0]
    low = min(0.0, *(float(value.min()) for value in held_out.values()))
    edges = np.linspace(np.floor(low * 10) / 10, 1, BINS + 1)
    for axes, (name, similarity) in zip(rows, held_out.items(), strict=True):
        _draw_histogram(axes, similarity, edges, name)
        _mark_limit(axes, float(split["max_similarity"]), labelled=axes is rows[0])
        _mark_bands(axes, split["band_limits"], labelled=axes is rows[0])
    rows[-1].set_xlabel("cosine similarity to the nearest training protein")
    return figure


def _draw_shares(axes: Axes, row: int, counts: Mapping[str, int]) -> None:
    """Draw one class as a bar of folds, each with its count, the total at the end."""
    total = sum(counts.values())
    start = 0.0
    for fold, count in counts.items():
        share = count / max(total, 1)
        axes.barh(row, share, left=start, color=FOLD_COLOURS[fold], edgecolor="white", label=fold)
        if share >= NARROWEST_LABELLED:
            axes.text(start + share / 2, row, f"{count:,}", ha="center", va="center", size=8.5)
        start += share
    axes.text(1.015, row, f"{total:,}", va="center", size=9, color=GREY)


def _draw_histogram(
    axes: Axes, similarity: Float[np.ndarray, " n"], edges: Float[np.ndarray, " edges"], fold: str
) -> None:
    """Draw the shares of a fold's proteins by similarity, with its median and highest value."""
    share = np.histogram(similarity.clip(max=1), edges)[0] / len(similarity)
    axes.stairs(share, edges, fill=True, color=FOLD_COLOURS[fold])
    axes.set_title(
        f"{fold}: {len(similarity):,} proteins, median {np.median(similarity):.2f}, "
        f"highest {similarity.max():.4f}",
        size=9,
        loc="left",
    )
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _mark_bands(axes: Axes, limits: Mapping[str, float], *, labelled: bool) -> None:
    """Mark where far ends and near begins."""
    for name, side in (("far", -1), ("near", 1)):
        axes.axvline(limits[name], color=GREY, linewidth=1, linestyle=DOTTED)
        if labelled:
            axes.annotate(
                name,
                (limits[name], 0.76),
                (4 * side, 0),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha="left" if side > 0 else "right",
                va="top",
                size=9,
            )


def _mark_limit(axes: Axes, limit: float, *, labelled: bool) -> None:
    """Mark the limit and what lies above it."""
    axes.axvspan(limit, 1, color=VERMILLION, alpha=0.08, linewidth=0, zorder=0)
    axes.axvline(limit, color=INK, linewidth=1, linestyle=DASHED)
    if labelled:
        axes.annotate(
            f"limit {limit:g}",
            (limit, 0.97),
            (5, 0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            va="top",
            size=9,
        )
