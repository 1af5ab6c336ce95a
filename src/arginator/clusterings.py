"""Clusters that belong on one side of a split: by vectors, by sequences or as the data says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int

from arginator.audits import Neighbours, name_data_set
from arginator.errors import DataError
from arginator.params import SplitParams
from arginator.prepared import Prepared
from arginator.sequence_identity import Hits, find_hits
from arginator.similarity import cluster_by_similarity


@dataclass(frozen=True)
class Clustering:
    """Clusters of n proteins and what made them.

    Attributes:
        cluster: Cluster of each protein, numbered from 0 by first appearance.
        hits: Aligned pairs, if sequences decide who is near; None if vectors do.
    """

    cluster: Int[np.ndarray, " n"]
    hits: Hits | None

    def judge(
        self,
        by_vectors: Neighbours,
        queries: Bool[np.ndarray, " n"],
        references: Bool[np.ndarray, " n"],
    ) -> Neighbours:
        """Return the nearest reference of each query by what made the clusters.

        Those are `by_vectors` unless sequences decide.
        """
        if self.hits is None:
            return by_vectors
        return Neighbours(*self.hits.nearest(queries, references))


def cluster(
    prepared: Prepared, unit: Float32[np.ndarray, "n d"], params: SplitParams
) -> Clustering:
    """Group the proteins by `params.cluster_by`.

    "embedding" joins pairs of vectors more similar than `params.max_similarity`; "sequence" pairs
    of sequences more identical than `params.max_identity`; "given" takes the data set's own
    groups, a protein without one alone.

    Raises:
        DataError: Sequences, MMseqs2 or given groups are needed and missing.
    """
    if params.cluster_by == "sequence":
        hits = find_hits(_all_sequences(prepared))
        joined = hits.above(params.max_identity).components(len(prepared.labels))
        return Clustering(joined, hits)
    if params.cluster_by == "given":
        return Clustering(_given_clusters(prepared), None)
    return Clustering(cluster_by_similarity(unit, params.max_similarity), None)


def _all_sequences(prepared: Prepared) -> list[str]:
    """Return the sequences, or refuse if one is unknown."""
    known = [sequence for sequence in prepared.sequences if sequence is not None]
    missing = len(prepared.sequences) - len(known)
    if missing:
        first = prepared.embeddings.ids[prepared.sequences.index(None)]
        raise DataError(
            name_data_set(prepared),
            f"{missing:,} of {len(prepared.sequences):,} proteins have no sequence (first: "
            f"{first!r}), which split.cluster_by 'sequence' needs",
            "add a FASTA file of them in dataset.yaml or set split.cluster_by to embedding",
        )
    return known


def _given_clusters(prepared: Prepared) -> Int[np.ndarray, " n"]:
    """Return the data set's own groups; a protein without one is a cluster by itself."""
    names = prepared.given_clusters
    if not any(names):
        raise DataError(
            name_data_set(prepared),
            f"none of its {len(names):,} proteins has a cluster, which split.cluster_by 'given' "
            "needs",
            "add a column 'cluster' to labels.tsv or a pattern 'cluster' in dataset.yaml, or set "
            "split.cluster_by to embedding",
        )
    number_of: dict[str | int, int] = {}
    keys = [row if name is None else name for row, name in enumerate(names)]
    return np.array([number_of.setdefault(key, len(number_of)) for key in keys], dtype=np.int64)
