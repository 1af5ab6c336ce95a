"""Splits: which proteins a model may see, which judge it, and how far the two are apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int

from arginator.audits import (
    TOTAL,
    describe_folds,
    find_neighbours,
    leak_scores,
    limit_of,
    name_data_set,
    refuse_similar,
    warn_of_short_classes,
    warn_of_single_clusters,
)
from arginator.clusterings import cluster
from arginator.dealing import deal_groups, missing_classes
from arginator.errors import DataError
from arginator.files import replacing
from arginator.folds import FOLDS, Folds
from arginator.params import SplitParams
from arginator.parquet_files import open_parquet
from arginator.prepared import Prepared
from arginator.similarity import centre_and_scale

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("cluster", pa.int32()),
        ("fold", pa.string()),
        ("similarity_to_train", pa.float32()),
    ]
)


@dataclass(frozen=True)
class Split:
    """Folds and the audit of them.

    Attributes:
        folds: Fold, cluster and similarity to training of each protein.
        audit: Counts and similarities for metrics/split.json; numbers have four decimals.
    """

    folds: Folds
    audit: dict[str, Any]


def split(prepared: Prepared, params: SplitParams, seed: int) -> Split:
    """Divide the proteins into folds and measure how near each held-out one is to training.

    Method "cluster" keeps similar proteins together; "random" deals out single proteins, stratified
    by class, and is not for claims; "given" takes the data set's own folds. Every class is in
    every fold, whatever the method. What is too near is told by the similarity of vectors or, if
    sequences make the clusters, by the same alignments that made them.

    Raises:
        DataError: A class cannot be in every fold, a given fold is missing or unknown, a label is
            "proteins", clusters cannot be made, or, unless the method is "random", a held-out
            protein is nearer than the limit to a training protein, or a calibration or test
            protein to a validation protein, as validation chooses the model.
    """
    _refuse_name_of_total(prepared)
    unit = centre_and_scale(prepared.embeddings.matrix)
    clustering = cluster(prepared, unit, params)
    if params.method == "given":
        fold = _given_folds(prepared)
    else:
        fold = _make_folds(prepared, clustering.cluster, params, seed)
    to_train = find_neighbours(unit, fold > 0, fold == 0)
    to_validation = find_neighbours(unit, fold > 1, fold == 1)
    near_train = clustering.judge(to_train, fold > 0, fold == 0)
    near_any = near_train.or_nearer(clustering.judge(to_validation, fold > 1, fold == 1))
    folds = Folds(
        prepared.embeddings.ids,
        clustering.cluster.astype(np.int32),
        tuple(FOLDS[index] for index in fold),
        to_train.similarity,
    )
    if params.method != "random":
        refuse_similar(prepared, params, folds, near_any)
    warn_of_single_clusters(prepared, folds)
    if params.method == "cluster":
        warn_of_short_classes(prepared, params, folds)
    audit = describe_folds(prepared, params, folds, to_validation.similarity)
    limit = limit_of(params)[1]
    audit["leak_score"] = leak_scores(folds, near_train, limit)
    audit["above_limit"] = near_any.count_above(limit)
    return Split(folds, audit)


def write_splits(split: Split, path: Path) -> None:
    """Write the folds as Parquet: id, cluster, fold, similarity_to_train (null for training)."""
    folds = split.folds
    columns = [folds.ids, folds.cluster, folds.fold]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=False)]
    arrays.append(pa.array(folds.similarity_to_train, from_pandas=True))
    with replacing(path) as temporary:
        pq.write_table(
            pa.table(arrays, schema=SCHEMA),
            temporary,
            compression="zstd",
            use_dictionary=["fold"],
            write_page_checksum=True,
        )


def read_splits(path: Path) -> Folds:
    """Read what `write_splits` wrote, with its checksums verified.

    Raises:
        DataError: The file is missing, damaged or holds no folds.
    """
    remedy = "run `dvc repro split`"
    with open_parquet(path, remedy) as file:
        table = file.read()
    if table.schema != SCHEMA:
        raise DataError(path, f"holds no folds, expected columns {', '.join(SCHEMA.names)}", remedy)
    return Folds(
        tuple(table["id"].to_pylist()),
        table["cluster"].to_numpy(),
        tuple(table["fold"].to_pylist()),
        table["similarity_to_train"].to_numpy(),
    )


def _make_folds(
    prepared: Prepared, cluster: Int[np.ndarray, " n"], params: SplitParams, seed: int
) -> Int[np.ndarray, " n"]:
    """Deal out whole clusters, or single proteins if the method is "random"."""
    by_cluster = params.method == "cluster"
    label = _encode_labels(prepared)
    group = cluster if by_cluster else np.arange(len(cluster))
    unit = "clusters of similar proteins" if by_cluster else "proteins"
    remedy = "add proteins of that class or leave it out"
    if by_cluster and params.cluster_by != "given":
        key, limit = limit_of(params)
        remedy = f"raise split.{key} ({limit:g}), {remedy}"
    for index, name in enumerate(prepared.about.labels):
        groups = len(np.unique(group[label == index]))
        if groups < len(FOLDS):
            problem = (
                f"class {name!r} has too few {unit} ({groups}), expected at least {len(FOLDS)}"
            )
            raise DataError(name_data_set(prepared), f"{problem}, one for each fold", remedy)
    fractions = np.array([getattr(params.fractions, fold) for fold in FOLDS])
    fold = deal_groups(group, label, fractions, seed, params.largest_share if by_cluster else None)
    _refuse_missing(prepared, fold, label, remedy)
    return fold


def _given_folds(prepared: Prepared) -> Int[np.ndarray, " n"]:
    """Return the data set's own folds."""
    wrong = [row for row, fold in enumerate(prepared.given_folds) if fold not in FOLDS]
    if wrong:
        first = wrong[0]
        raise DataError(
            name_data_set(prepared),
            f"{len(wrong):,} of {len(prepared.given_folds):,} proteins have no known fold (first: "
            f"{prepared.embeddings.ids[first]!r} with {prepared.given_folds[first]!r}), expected "
            f"{', '.join(FOLDS)}",
            "complete the column 'fold' of labels.tsv or set split.method to cluster",
        )
    fold = np.array([FOLDS.index(str(name)) for name in prepared.given_folds])
    _refuse_missing(prepared, fold, _encode_labels(prepared), "put one there")
    return fold


def _encode_labels(prepared: Prepared) -> Int[np.ndarray, " n"]:
    """Return the index of each protein's label among the data set's labels."""
    index_of = {name: index for index, name in enumerate(prepared.about.labels)}
    return np.array([index_of[label] for label in prepared.labels], dtype=np.int64)


def _refuse_missing(
    prepared: Prepared, fold: Int[np.ndarray, " n"], label: Int[np.ndarray, " n"], remedy: str
) -> None:
    """Raise a DataError if a class has no protein in a fold."""
    missing = missing_classes(fold, label, len(FOLDS))
    if missing.any():
        index, label_index = np.argwhere(missing)[0]
        name = list(prepared.about.labels)[label_index]
        problem = f"class {name!r} has no protein in fold {FOLDS[index]!r}, expected at least one"
        raise DataError(name_data_set(prepared), problem, remedy)


def _refuse_name_of_total(prepared: Prepared) -> None:
    """Raise a DataError if a label has the name under which the audit counts a whole fold."""
    if TOTAL in prepared.about.labels:
        problem = f"has a label {TOTAL!r}, the name of each fold's total in the audit"
        raise DataError(name_data_set(prepared), problem, "rename the label in dataset.yaml")
