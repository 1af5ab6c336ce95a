"""Folds: which part each protein plays, from training to test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int

from arginator.errors import DataError
from arginator.params import Bands
from arginator.prepared import Prepared

FOLDS = ("train", "validation", "calibration", "test")
BANDS = ("near", "middle", "far")  # of similarity to the nearest training protein


@dataclass(frozen=True)
class Folds:
    """The fold of each of n proteins.

    Attributes:
        ids: The n protein ids, in the order of the prepared data set.
        cluster: Cluster of similar proteins, numbered from 0.
        fold: "train", "validation", "calibration" or "test".
        similarity_to_train: Similarity to the nearest training protein; NaN for those themselves.
    """

    ids: tuple[str, ...]
    cluster: Int[np.ndarray, " n"]
    fold: tuple[str, ...]
    similarity_to_train: Float32[np.ndarray, " n"]

    def fold_mask(self, fold: str) -> Bool[np.ndarray, " n"]:
        """Tell for each protein whether it is in `fold`.

        Raises:
            ValueError: There is no such fold.
        """
        if fold not in FOLDS:
            raise ValueError(f"no fold {fold!r} (there: {', '.join(FOLDS)})")
        return np.array([name == fold for name in self.fold], dtype=bool)

    def band_mask(self, band: str, bands: Bands) -> Bool[np.ndarray, " n"]:
        """Tell for each protein whether it is held out and in `band`.

        Near begins at `bands.near`, far lies below `bands.far`, middle between the two.

        Raises:
            ValueError: There is no such band.
        """
        if band not in BANDS:
            raise ValueError(f"no band {band!r} (there: {', '.join(BANDS)})")
        similarity = self.similarity_to_train
        near, far = similarity >= np.float32(bands.near), similarity < np.float32(bands.far)
        masks = {"near": near, "far": far, "middle": ~(near | far | np.isnan(similarity))}
        return np.asarray(masks[band])

    def clusters_per_class(self, prepared: Prepared) -> dict[str, dict[str, int]]:
        """Count by fold and label the clusters that hold a protein of that label."""
        labels = np.array(prepared.labels)
        masks = {fold: self.fold_mask(fold) for fold in FOLDS}
        return {
            fold: {
                label: len(np.unique(self.cluster[mask & (labels == label)]))
                for label in prepared.about.labels
            }
            for fold, mask in masks.items()
        }

    def select(self, prepared: Prepared, fold: str) -> Prepared:
        """Return the proteins of `prepared` that are in `fold`.

        Raises:
            DataError: The folds were made for other proteins.
        """
        if self.ids != prepared.embeddings.ids:
            raise DataError(
                f"data set {prepared.about.source!r}",
                f"the folds are of {len(self.ids):,} other proteins than the "
                f"{len(prepared.embeddings.ids):,} prepared ones",
                "run `dvc repro split`",
            )
        return prepared.select(self.fold_mask(fold))
