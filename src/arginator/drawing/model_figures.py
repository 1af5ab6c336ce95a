"""Figures of a task's network: where it errs, and how it learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from arginator.drawing.canvas import (
    BLUE,
    DASHED,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    describe_test,
    house_style,
    new_figure,
)

ON_WHITE: dict[str, Any] = {"frameon": True, "edgecolor": "none", "framealpha": 0.9}
CHARACTERS_ON_X = 45  # of class names side by side; more are slanted


@house_style()
def draw_confusion(predictions: pd.DataFrame, metrics: Mapping[str, Any], task: str) -> Figure:
    """Draw what the shipped model calls the proteins of each class: counts and shares of the row.

    Args:
        predictions: Columns actual and predicted, one row a protein of the test fold.
        metrics: The task's report on the test fold.
        task: Name of the task.
    """
    classes = list(metrics["network"]["per_class"])
    counted = pd.crosstab(predictions["actual"], predictions["predicted"])
    counts = counted.reindex(index=classes, columns=classes, fill_value=0).to_numpy()
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    height_in = max(3.2, 0.55 * len(classes))
    figure = new_figure(height_in, "Actual and predicted", metrics, describe_test(metrics, task))
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
    _write_cells(axes, counts, share)
    slope = 0 if max(map(len, classes)) * len(classes) < CHARACTERS_ON_X else 35
    axes.set_xticks(range(len(classes)), classes, rotation=slope, ha="right" if slope else "center")
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="predicted by the shipped model", ylabel="actual")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return figure


@house_style()
def draw_training(
    history: pd.DataFrame, metrics: Mapping[str, Any], task: str, monitor: str
) -> Figure:
    """Draw loss and validation scores by epoch; the epoch whose weights are kept is marked.

    Args:
        history: Columns epoch, train_loss, val_loss, val_mcc, val_macro_f1; one row an epoch.
        metrics: The task's report on the test fold.
        task: Name of the task.
        monitor: Column that picks the epoch; its first best value wins.
    """
    figure = new_figure(4.2, "Training of the network", metrics, [f"{task} task"])
    loss, score = figure.subplots(2, sharex=True)
    epoch, best = history["epoch"], find_best_epoch(history, monitor)
    loss.plot(epoch, history["train_loss"], color=ORANGE, label="training")
    loss.plot(epoch, history["val_loss"], color=BLUE, label="validation")
    loss.set(ylabel="loss", ylim=(0, None))
    score.plot(epoch, history["val_mcc"], color=GREEN, label="MCC, validation")
    score.plot(epoch, history["val_macro_f1"], color=PURPLE, label="macro-F1, validation")
    score.set(ylabel="score", xlabel="epoch")
    score.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (loss, score):
        axes.axvline(best, color=INK, linewidth=1, linestyle=DASHED)
    loss.legend(loc="upper right", **ON_WHITE)
    score.legend(loc="lower right", **ON_WHITE)
    loss.set_title(f"epoch {best} is kept (best {monitor.removeprefix('val_')})", size=9)
    return figure


def find_best_epoch(history: pd.DataFrame, monitor: str) -> int:
    """Return the epoch with the first best value of `monitor`: a loss is best when low.

    >>> find_best_epoch(pd.DataFrame({"epoch": [1, 2, 3], "val_mcc": [0.1, 0.7, 0.7]}), "val_mcc")
    2
    """
    values = history[monitor].to_numpy()
    row = values.argmin() if monitor.endswith("loss") else values.argmax()
    return int(history["epoch"].iloc[row])


def format_share(share: float) -> str:
    """Return a share in whole per cent that rounds neither to none nor to all.

    >>> format_share(0.002), format_share(0.5), format_share(0.998), format_share(1.0)
    ('<1%', '50%', '>99%', '100%')
    """
    if 0 < share < 0.01:
        return "<1%"
    return ">99%" if 0.99 < share < 1 else f"{share:.0%}"


def _write_cells(
    axes: Axes, counts: Int[np.ndarray, "k k"], share: Float[np.ndarray, "k k"]
) -> None:
    """Write count and share into each cell of a confusion matrix; zeros stay faint."""
    size = min(10.0, 60 / len(counts))
    for (row, column), count in np.ndenumerate(counts):
        text = f"{count:,}\n{format_share(float(share[row, column]))}" if count else "0"
        colour = GREY if not count else "white" if share[row, column] > 0.6 else INK
        axes.text(column, row, text, ha="center", va="center", size=size, color=colour)
