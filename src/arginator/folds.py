"""Folds: which part each protein plays, from training to test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int

from arginator.errors import DataError
from arginator.params import Bands
from arginator.prepared import Prepared, Provenance

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
        return {
            fold: {label: len(sizes) for label, sizes in by_label.items()}
            for fold, by_label in self._cluster_sizes(prepared).items()
        }

    def effective_clusters(self, prepared: Prepared) -> dict[str, dict[str, float]]:
        """Return by fold and label how many clusters of equal size would be as diverse.

        That is 1 over the chance that two proteins drawn (with replacement) from a label are of
        one cluster: the number of clusters if all are alike, hardly above 1 if one is far larger
        than the others, 0 for a label that is not in a fold. One decimal.

        References:
            Simpson 1949, doi:10.1038/163688a0; Hill 1973, doi:10.2307/1934352.
        """
        return {
            fold: {label: _effective_number(sizes) for label, sizes in by_label.items()}
            for fold, by_label in self._cluster_sizes(prepared).items()
        }

    def _cluster_sizes(self, prepared: Prepared) -> dict[str, dict[str, Int[np.ndarray, " c"]]]:
        """Return by fold and label the number of its proteins in each cluster that has any."""
        labels = np.array(prepared.labels)
        masks = {fold: self.fold_mask(fold) for fold in FOLDS}
        return {
            fold: {
                label: np.unique(self.cluster[mask & (labels == label)], return_counts=True)[1]
                for label in prepared.about.labels
            }
            for fold, mask in masks.items()
        }

    def select(self, prepared: Prepared, fold: str) -> Prepared:
        """Return the proteins of `prepared` that are in `fold`.

        Raises:
            DataError: The folds were made for other proteins.
        """
        self.check_ids(prepared.embeddings.ids, prepared.about)
        return prepared.select(self.fold_mask(fold))

    def check_ids(self, ids: tuple[str, ...], about: Provenance) -> None:
        """Do nothing if the folds were made for these proteins.

        Raises:
            DataError: They were made for others.
        """
        if self.ids != ids:
            raise DataError(
                f"data set {about.source!r}",
                f"the folds are of {len(self.ids):,} other proteins than the "
                f"{len(ids):,} prepared ones",
                "run `dvc repro split`",
            )


def _effective_number(sizes: Int[np.ndarray, " c"]) -> float:
    """Return the inverse Simpson index of clusters of these sizes, 0 for none."""
    total = int(sizes.sum())
    return round(total**2 / int((sizes**2).sum()), 1) if total else 0.0
