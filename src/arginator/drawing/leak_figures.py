"""Figures of an audit: how near test proteins of each label come to training."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Shaped
from matplotlib.figure import Figure

from arginator.drawing.canvas import DASHED, INK, VERMILLION, class_colours, house_style, new_figure

BINS = 60


@house_style()
def draw_leaks(
    similarity: Float32[np.ndarray, " n"],
    label: Shaped[np.ndarray, " n"],
    max_similarity: float,
    source: str,
) -> Figure:
    """Draw how similar each test protein is to its nearest training protein, by label.

    Args:
        similarity: Cosine to the nearest training protein.
        label: Label of each test protein.
        max_similarity: Similarity above which that is a near-copy.
        source: What the data are called.
    """
    names = [str(name) for name in np.unique(label)]
    near = int((similarity > np.float32(max_similarity)).sum())
    notes = [f"{near:,} of {len(similarity):,} test proteins have a near-copy in training"]
    facts = {"source": source, "claims": True}
    height_in = 0.9 + 0.75 * len(names)
    figure = new_figure(height_in, "How similar test proteins are to training", facts, notes)
    rows = figure.subplots(len(names), sharex=True, squeeze=False)[:, 0]
    low = np.floor(min(0.0, float(similarity.min())) * 10) / 10
    edges = np.linspace(low, 1, BINS + 1)
    for axes, (name, colour) in zip(rows, class_colours(names).items(), strict=True):
        own = similarity[label == name]
        axes.stairs(np.histogram(own.clip(max=1), edges)[0], edges, fill=True, color=colour)
        axes.set_title(f"{name}: {len(own):,} proteins", size=9, loc="left")
        axes.axvspan(max_similarity, 1, color=VERMILLION, alpha=0.08, linewidth=0, zorder=0)
        axes.axvline(max_similarity, color=INK, linewidth=1, linestyle=DASHED)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
    rows[-1].set_xlabel("cosine similarity to the nearest training protein")
    return figure
