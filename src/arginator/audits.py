"""The audit of a split: how near held-out proteins come to those that a model rests on."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int

from arginator.errors import DataError
from arginator.folds import BANDS, FOLDS, Folds
from arginator.params import Bands, SplitParams
from arginator.prepared import Prepared
from arginator.reports import rounded
from arginator.similarity import nearest

TOTAL = "proteins"  # the key of a fold's total among its labels
CLEARLY_SHORT = 0.9  # of a class's target in a fold; less is worth a warning
CLAIMABLE = 0.9  # a limit above this lets near-copies into training, whatever made the vectors
FEW = 2  # effective clusters of a class in a fold; fewer are worth a warning
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Neighbours:
    """The most similar protein of each of n proteins.

    Attributes:
        row: Its row; -1 for a protein that was not asked about.
        similarity: Its similarity; NaN for a protein that was not asked about.
    """

    row: Int[np.ndarray, " n"]
    similarity: Float32[np.ndarray, " n"]

    def or_nearer(self, other: Neighbours) -> Neighbours:
        """Return for each protein the more similar one of both."""
        is_nearer = other.similarity > np.nan_to_num(self.similarity, nan=-np.inf)
        return Neighbours(
            np.where(is_nearer, other.row, self.row),
            np.where(is_nearer, other.similarity, self.similarity),
        )

    def above(self, limit: float) -> Bool[np.ndarray, " n"]:
        """Tell for each protein whether it has one that is more similar than `limit`."""
        return np.asarray(self.similarity > np.float32(limit))

    def count_above(self, limit: float) -> int:
        """Return how many proteins have one that is more similar than `limit`."""
        return int(self.above(limit).sum())


def limit_of(params: SplitParams) -> tuple[str, float]:
    """Return name and value of the limit above which two proteins belong together."""
    if params.cluster_by == "sequence":
        return "max_identity", params.max_identity
    return "max_similarity", params.max_similarity


def find_neighbours(
    unit: Float32[np.ndarray, "n d"],
    queries: Bool[np.ndarray, " n"],
    references: Bool[np.ndarray, " n"],
) -> Neighbours:
    """Return the nearest reference of each query."""
    row = np.full(len(unit), -1, dtype=np.int64)
    similarity = np.full(len(unit), np.nan, dtype=np.float32)
    nearest_row, similarity[queries] = nearest(unit[queries], unit[references])
    row[queries] = np.flatnonzero(references)[nearest_row]
    return Neighbours(row, similarity)


def refuse_similar(
    prepared: Prepared, params: SplitParams, folds: Folds, nearest: Neighbours
) -> None:
    """Raise a DataError if a held-out protein is too similar to one that the model rests on."""
    key, limit = limit_of(params)
    above = nearest.count_above(limit)
    if above == 0:
        return
    ids, worst = folds.ids, int(np.nanargmax(nearest.similarity))
    other = int(nearest.row[worst])
    held_out = int((~folds.fold_mask(FOLDS[0])).sum())
    nearness = "identical" if key == "max_identity" else "similar"
    other_way = "set split.method to cluster"
    if params.method == "cluster":
        other_way = "set split.cluster_by to embedding"
    raise DataError(
        name_data_set(prepared),
        f"{above:,} of {held_out:,} held-out proteins are more {nearness} than "
        f"{limit:g} to a protein that the model is trained on or chosen by (worst: "
        f"{ids[worst]!r} of {folds.fold[worst]} and {ids[other]!r} of {folds.fold[other]}, "
        f"{nearest.similarity[worst]:.4f})",
        f"put them into one fold, raise split.{key} or {other_way}",
    )


def warn_of_single_clusters(prepared: Prepared, folds: Folds) -> None:
    """Log one warning of the classes that one cluster is most of in a held-out fold."""
    clusters = folds.effective_clusters(prepared)
    single = [
        f"{label!r} in {fold}: {number:g}"
        for fold in FOLDS[1:]
        for label, number in clusters[fold].items()
        if 0 < number < FEW
    ]
    if single:
        logger.warning(
            "%s: one cluster of similar proteins is most of a class (effective number of clusters "
            "of %s); scores of that class there rest on one family",
            name_data_set(prepared),
            ", ".join(single),
        )


def warn_of_short_classes(prepared: Prepared, params: SplitParams, folds: Folds) -> None:
    """Log one warning of the classes that stay clearly below a held-out fold's share."""
    labels = np.array(prepared.labels)
    short = []
    for fold in FOLDS[1:]:
        in_fold = folds.fold_mask(fold)
        for label in prepared.about.labels:
            found = int((in_fold & (labels == label)).sum())
            target = getattr(params.fractions, fold) * int((labels == label).sum())
            if found < CLEARLY_SHORT * target - 1:
                short.append(f"{label!r} in {fold}: {found:,} of {target:,.0f}")
    if short:
        logger.warning(
            "%s: clusters too large to judge by were put into training, so held-out folds have "
            "fewer proteins than their share (%s); raise split.largest_share for more",
            name_data_set(prepared),
            "; ".join(short),
        )


def describe_folds(
    prepared: Prepared,
    params: SplitParams,
    folds: Folds,
    to_validation: Float32[np.ndarray, " n"],
) -> dict[str, Any]:
    """Describe the folds and how near each held-out one is to training and validation."""
    about, labels = prepared.about, np.array(prepared.labels)
    masks = {fold: folds.fold_mask(fold) for fold in FOLDS}
    to_train = folds.similarity_to_train
    return {
        "source": f"{about.source} (simulated)" if about.simulated else about.source,
        "method": params.method,
        "claims": params.method != "random" and limit_of(params)[1] <= CLAIMABLE,
        "cluster_by": params.cluster_by,
        "max_similarity": params.max_similarity,
        **dict([limit_of(params)]),
        "clusters": int(folds.cluster.max()) + 1,
        "largest_cluster": int(np.bincount(folds.cluster).max()),
        "folds": {
            fold: {TOTAL: int(mask.sum())}
            | {label: int((labels[mask] == label).sum()) for label in about.labels}
            for fold, mask in masks.items()
        },
        "clusters_per_class": folds.clusters_per_class(prepared),
        "effective_clusters": folds.effective_clusters(prepared),
        **_count_relatives(prepared, folds),
        "similarity_to_train": {fold: _summarise(to_train[masks[fold]]) for fold in FOLDS[1:]},
        "similarity_to_validation": {
            fold: _summarise(to_validation[masks[fold]]) for fold in FOLDS[2:]
        },
        "band_limits": {"near": params.bands.near, "far": params.bands.far},
        "bands": _count_bands(folds, params.bands),
    }


def leak_scores(folds: Folds, to_train: Neighbours, limit: float) -> dict[str, float]:
    """Return the share of each held-out fold that is more similar than `limit` to training."""
    leaks = to_train.above(limit)
    return {fold: rounded(leaks[folds.fold_mask(fold)].mean()) for fold in FOLDS[1:]}


def _count_relatives(prepared: Prepared, folds: Folds) -> dict[str, dict[str, int]]:
    """Count the held-out proteins whose given cluster is in training too, if any is given."""
    if not any(prepared.given_clusters):
        return {}
    given = np.array([name or "" for name in prepared.given_clusters])
    trained = np.isin(given, np.unique(given[folds.fold_mask(FOLDS[0])])) & (given != "")
    found = {fold: int((trained & folds.fold_mask(fold)).sum()) for fold in FOLDS[1:]}
    return {"relatives_in_training": found}


def _count_bands(folds: Folds, bands: Bands) -> dict[str, dict[str, int]]:
    """Count the proteins of each held-out fold that are near to, amid and far from training."""
    masks = {band: folds.band_mask(band, bands) for band in BANDS}
    return {
        fold: {band: int((mask & folds.fold_mask(fold)).sum()) for band, mask in masks.items()}
        for fold in FOLDS[1:]
    }


def _summarise(similarity: Float32[np.ndarray, " n"]) -> dict[str, float]:
    """Return the median, 95th percentile and maximum, to four decimals."""
    exact = similarity.astype(np.float64)
    quantiles = {"median": 0.5, "p95": 0.95, "max": 1.0}
    return {name: rounded(np.quantile(exact, q)) for name, q in quantiles.items()}


def name_data_set(prepared: Prepared) -> str:
    """Name the data set for a message."""
    return f"data set {prepared.about.source!r}"
