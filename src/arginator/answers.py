"""Answers: what every model says about the proteins of a held-out fold, and their groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int

from arginator.folds import BANDS, Folds
from arginator.params import Bands
from arginator.prepared import Prepared
from arginator.tasks import Task

Probabilities = dict[str, Float64[np.ndarray, "n k"]]
Masks = dict[str, Bool[np.ndarray, " n"]]


@dataclass(frozen=True)
class HeldOut:
    """The n proteins of a held-out fold, as a task sees them.

    Attributes:
        fold: Name of the fold.
        source: Where the data came from, "(simulated)" where it is.
        claims: True if scores on this fold may be claimed.
        task: What is told apart.
        proteins: The data.
        target: True class of each protein, an index into `task.classes`.
        cluster: Cluster of similar proteins.
        band: "near", "middle" or "far" by similarity to the nearest training protein.
        similarity: That similarity.
    """

    fold: str
    source: str
    claims: bool
    task: Task
    proteins: Prepared
    target: Int[np.ndarray, " n"]
    cluster: Int[np.ndarray, " n"]
    band: tuple[str, ...]
    similarity: Float32[np.ndarray, " n"]

    def head(self) -> dict[str, Any]:
        """Return what goes with every number about this fold."""
        return {
            "source": self.source,
            "claims": self.claims,
            "fold": self.fold,
            "proteins": len(self.target),
        }

    def class_masks(self) -> Masks:
        """Return who is of each class, in the order of the classes; those without anyone left out.

        A protein is in exactly one.
        """
        masks = {name: self.target == index for index, name in enumerate(self.task.classes)}
        return {name: mask for name, mask in masks.items() if mask.any()}

    def band_masks(self) -> Masks:
        """Return who is in each band, from near to far; those without anyone left out.

        A protein is in exactly one.
        """
        band = np.array(self.band, dtype=str)
        masks = {name: band == name for name in BANDS}
        return {name: mask for name, mask in masks.items() if mask.any()}

    def count_clusters(self, mask: Bool[np.ndarray, " n"]) -> int:
        """Count the clusters that hold a protein where `mask` holds."""
        return len(np.unique(self.cluster[mask]))


@dataclass(frozen=True)
class Answers:
    """What every model says about a held-out fold.

    Attributes:
        held_out: The proteins.
        raw: Each model's own probabilities, a row a protein, a column a class.
        calibrated: The calibrated ones, which a user gets.
    """

    held_out: HeldOut
    raw: Probabilities
    calibrated: Probabilities

    def wrong(self, model: str) -> Bool[np.ndarray, " n"]:
        """Tell for each protein whether a model's call is wrong."""
        return np.asarray(self.calibrated[model].argmax(axis=1) != self.held_out.target)


def hold_out(
    prepared: Prepared,
    folds: Folds,
    fold: str,
    task: Task,
    audit: Mapping[str, Any],
    bands: Bands,
) -> HeldOut:
    """Return the proteins of a held-out fold as `task` sees them.

    Args:
        prepared: The data set.
        folds: The fold of each of its proteins.
        fold: Name of a fold other than "train".
        task: What is told apart.
        audit: What `arginator.audits` found out about the folds, `source` and `claims` among it.
        bands: The similarities that part near, middle and far.

    Raises:
        DataError: The folds are of other proteins.
    """
    proteins, mask = folds.select(prepared, fold), folds.fold_mask(fold)
    return HeldOut(
        fold,
        audit["source"],
        audit["claims"],
        task,
        proteins,
        task.encode(proteins.labels),
        folds.cluster[mask],
        _name_bands(folds, mask, bands),
        folds.similarity_to_train[mask],
    )


def _name_bands(folds: Folds, mask: Bool[np.ndarray, " all"], bands: Bands) -> tuple[str, ...]:
    """Return the band of each protein where `mask` holds."""
    inside = {name: folds.band_mask(name, bands)[mask] for name in BANDS}
    name_of = np.select(list(inside.values()), list(inside), "")
    return tuple(name_of.tolist())
