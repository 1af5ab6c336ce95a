"""Maps of a data set: its vectors laid out on a plane, by class and by fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from arginator.drawing.canvas import FOLD_COLOURS, class_colours, house_style, new_figure
from arginator.folds import Folds
from arginator.prepared import Prepared

MOST_PROTEINS = 2000
COMPONENTS = 50  # of PCA that t-SNE starts from, as its authors do
PERPLEXITY = 30.0
SEED = 0
DOTS_PER_INCH = 220  # dots are an image inside the SVG: thousands of shapes would be large


@house_style()
def draw_map(prepared: Prepared, folds: Folds, split: Mapping[str, Any]) -> Figure:
    """Draw proteins by PCA and t-SNE of their vectors, coloured by class and again by fold.

    Of a large data set 2,000 are shown: of every label but the commonest all, or an equal share
    of each if these would fill more than half, then proteins of the commonest. The same data give
    the same map.

    Args:
        prepared: The data set.
        folds: The fold of each of its proteins.
        split: metrics/split.json.

    References:
        van der Maaten & Hinton 2008, Visualizing data using t-SNE, JMLR 9.
    """
    shown = choose_shown(prepared.labels)
    places = lay_out(prepared.embeddings.matrix[shown])
    labels = [prepared.labels[row] for row in shown]
    colours = class_colours(list(prepared.about.labels))
    fold_of = [folds.fold[row] for row in shown]
    notes = [f"{len(shown):,} of {len(prepared.labels):,} proteins"]
    figure = new_figure(6.0, "Map of the proteins", split, notes)
    layout: list[Any] = [["a", "b"], ["class", "class"], ["c", "d"], ["fold", "fold"]]
    panels = figure.subplot_mosaic(layout, height_ratios=[10, 1, 10, 1])
    for (name, place), above, below in zip(places.items(), "ab", "cd", strict=True):
        _draw_dots(panels[above], place, labels, colours)
        _draw_dots(panels[below], place, fold_of, FOLD_COLOURS)
        panels[above].set_title(name, size=10)
    there = {name: colour for name, colour in colours.items() if name in set(labels)}
    for name, shown_colours in (("class", there), ("fold", FOLD_COLOURS)):
        _name_colours(panels[name], shown_colours)
    panels["a"].set_ylabel("coloured by class")
    panels["c"].set_ylabel("coloured by fold")
    return figure


def choose_shown(labels: Sequence[str], most: int = MOST_PROTEINS) -> Int[np.ndarray, " shown"]:
    """Return which proteins are shown, in order: at most `most`, evenly spread within a label.

    >>> choose_shown(["non", "A", "non", "non", "non"], most=3)
    array([0, 1, 4])
    """
    label = np.array(labels)
    if len(label) <= most:
        return np.arange(len(label))
    names, count = np.unique(label, return_counts=True)
    common = label == names[count.argmax()]
    rare = _spread(~common, min(int((~common).sum()), max(most // 2, most - int(common.sum()))))
    return np.sort(np.concatenate([rare, _spread(common, most - len(rare))]))


def lay_out(matrix: Float[np.ndarray, "n d"]) -> dict[str, Float[np.ndarray, "n 2"]]:
    """Return the places of proteins by PCA and t-SNE, the same on every run of one machine."""
    with threadpool_limits(1):
        centred = matrix.astype(np.float64)
        components = min(COMPONENTS, *centred.shape)
        parts = PCA(components, svd_solver="covariance_eigh").fit_transform(centred)
        perplexity = min(PERPLEXITY, (len(parts) - 1) / 3)
        close = TSNE(perplexity=perplexity, init="pca", random_state=SEED, n_jobs=1)
        return {"PCA (overview)": parts[:, :2], "t-SNE (neighbours)": close.fit_transform(parts)}


def _spread(mask: Bool[np.ndarray, " n"], count: int) -> Int[np.ndarray, " count"]:
    """Return `count` rows where `mask` holds, evenly spread from the first to the last."""
    rows = np.flatnonzero(mask)
    return rows[np.linspace(0, len(rows) - 1, count).round().astype(np.int64)]


def _draw_dots(
    axes: Axes,
    place: Float[np.ndarray, "n 2"],
    groups: Sequence[str],
    colours: Mapping[str, str],
) -> None:
    """Draw a dot a protein; the commonest group lies below, in smaller dots."""
    names, count = np.unique(groups, return_counts=True)
    for name in names[np.argsort(-count, kind="stable")]:
        mask = np.array(groups) == name
        x, y = place[mask].T
        common = name == names[count.argmax()]
        axes.scatter(
            x,
            y,
            s=4 if common else 9,
            color=colours[str(name)],
            alpha=0.45 if common else 0.9,
            linewidth=0,
            rasterized=True,
        )
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(True)


def _name_colours(axes: Axes, colours: Mapping[str, str]) -> None:
    """Turn a strip of the figure into a legend."""
    axes.set_axis_off()
    dots = [Line2D([], [], ls="", marker="o", color=colours[name], label=name) for name in colours]
    axes.legend(handles=dots, loc="center", ncols=6)
