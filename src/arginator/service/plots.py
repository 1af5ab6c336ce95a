"""Where the proteins of a job lie among the training proteins, as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Float32, Float64
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from arginator.baseline_models import unit_rows
from arginator.drawing.canvas import (
    GREY,
    INK,
    class_colours,
    house_style,
    new_figure,
    write_figure,
)
from arginator.embeddings import Embeddings
from arginator.novelty import NoveltyIndex

MOST_SHOWN = 1_000


class TrainingMap:
    """The two directions in which the training proteins differ most.

    Args:
        reference: The training proteins as points.
        source: What their data set is called.
    """

    def __init__(self, reference: NoveltyIndex, source: str) -> None:
        self._reference, self._source = reference, source
        unit = reference.unit.astype(np.float32)
        self._centre = unit.mean(axis=0)
        unit -= self._centre
        value, vector = np.linalg.eigh((unit.T @ unit).astype(np.float64))
        axes = vector[:, np.argsort(-value)[:2]]
        largest = axes[np.abs(axes).argmax(axis=0), range(2)]
        self._axes: Float64[np.ndarray, "d 2"] = axes * np.sign(largest)
        self._trained = self._place(reference.unit.astype(np.float32))

    def draw(self, embeddings: Embeddings, rows: pa.RecordBatch, proteins: int, path: Path) -> None:
        """Draw some proteins among those of training.

        Args:
            embeddings: The proteins, of which at most a thousand are shown.
            rows: What was predicted of them; what was not scored is not shown.
            proteins: How many the job has in all.
            path: The SVG to write.
        """
        scored = np.flatnonzero(embeddings.matrix.any(axis=1))[:MOST_SHOWN]
        matrix = embeddings.matrix[scored].astype(np.float32)
        place = self._place(unit_rows(matrix, self._reference.mean))
        classes = [rows.column("class")[int(row)].as_py() for row in scored]
        write_figure(self._figure(place, classes, proteins), path)

    @house_style()
    def _figure(
        self, place: Float[np.ndarray, "n 2"], classes: list[str | None], proteins: int
    ) -> Figure:
        """Return the picture."""
        notes = [f"{len(place):,} of {proteins:,} proteins"]
        facts = {"source": f"trained on {self._source}", "claims": True}
        figure = new_figure(4.2, "Your proteins among those of training", facts, notes)
        axes = figure.subplots()
        names = sorted(set(self._reference.labels))
        colours = class_colours(names)
        label = np.array(self._reference.labels)
        for name in sorted(names, key=lambda name: -int((label == name).sum())):
            x, y = self._trained[label == name].T
            axes.scatter(x, y, s=5, color=colours[name], alpha=0.35, linewidth=0, rasterized=True)
        own = [colours.get(called or "", GREY) for called in classes]
        axes.scatter(
            place[:, 0], place[:, 1], s=36, marker="D", color=own, edgecolor=INK, linewidth=1
        )
        axes.set(xticks=[], yticks=[], xlabel="first component", ylabel="second component")
        handles = [Line2D([], [], ls="", marker="o", color=colours[name]) for name in names]
        handles.append(Line2D([], [], ls="", marker="D", color=GREY, markeredgecolor=INK))
        figure.legend(handles, [*names, "yours, by class"], loc="outside lower center", ncols=6)
        return figure

    def _place(self, unit: Float32[np.ndarray, "n d"]) -> Float64[np.ndarray, "n 2"]:
        """Return where vectors of length 1 lie."""
        return np.asarray((unit - self._centre) @ self._axes)
