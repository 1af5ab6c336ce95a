"""Leaks: test proteins of any data set that have a near-copy in training, and what copying earns.

A model that only copies the label of the nearest training protein is right on such proteins; what
it is right on beyond them is what a score can claim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32

from arginator.audits import Neighbours, find_neighbours
from arginator.embeddings import Embeddings
from arginator.errors import DataError
from arginator.label_tables import read_rows
from arginator.reports import rounded
from arginator.similarity import centre_and_scale

EDGES = (-1.0, 0.3, 0.5, 0.7, 0.9, 0.99, 1.0)  # of the bands of similarity; 1 belongs to the last
WORST = 10  # pairs that a report names


@dataclass(frozen=True)
class LabelledProteins:
    """Proteins with a label, some to train on and some to test.

    Attributes:
        embeddings: Vectors of the n proteins.
        label: Their labels.
        fold: What each is for, in the words of the table.
        train: Those that a model learns from.
        test: Those that judge it.
        left_out: How many proteins of the vectors or of the table are in neither.
    """

    embeddings: Embeddings
    label: tuple[str, ...]
    fold: tuple[str, ...]
    train: Bool[np.ndarray, " n"]
    test: Bool[np.ndarray, " n"]
    left_out: int


def join_labels(
    embeddings: Embeddings, labels: Path, train: Sequence[str], test: Sequence[str]
) -> LabelledProteins:
    """Join vectors with a table of labels and folds.

    Args:
        embeddings: Vectors of all proteins.
        labels: Tab-separated, with the columns id, label and fold.
        train: Folds that a model learns from.
        test: Folds that judge it; none for all others that the table has.

    Raises:
        DataError: The table is missing, damaged or without folds; an id stands twice, or a protein
            to train on or to test has no vector; or there is none of either.
    """
    said = _read_table(labels)
    folds = {fold for _, fold in said.values()} - {""}
    judging = set(test) or folds - set(train)
    for wanted in (*train, *sorted(judging)):
        if wanted not in folds:
            problem = f"has no protein of fold {wanted!r} (there: {', '.join(sorted(folds))})"
            raise DataError(labels, problem, "correct --train and --test, or the table")
    if both := judging & set(train):
        raise DataError(labels, f"fold {min(both)!r} is to train on and to test", "name it once")
    if not judging:
        raise DataError(labels, "has no fold but those to train on", "name another with --test")
    used = {name: one for name, one in said.items() if one[1] in judging | set(train)}
    here = set(embeddings.ids)
    missing = [name for name in used if name not in here]
    if missing:
        problem = f"{len(missing):,} of {len(used):,} proteins have no vector (first: "
        raise DataError(labels, f"{problem}{missing[0]!r})", "add them or remove their lines")
    fold = tuple(one[1] for one in used.values())
    return LabelledProteins(
        embeddings.align_to(tuple(used)),
        tuple(one[0] for one in used.values()),
        fold,
        np.isin(fold, list(train)),
        np.isin(fold, sorted(judging)),
        len(here | set(said)) - len(used),
    )


def find_leaks(proteins: LabelledProteins) -> Neighbours:
    """Return the most similar training protein of each test protein.

    Similarity is the cosine of the vectors after the mean of all proteins is taken off.
    """
    unit = centre_and_scale(proteins.embeddings.matrix)
    return find_neighbours(unit, proteins.test, proteins.train)


def report_leaks(
    proteins: LabelledProteins, neighbours: Neighbours, max_similarity: float
) -> dict[str, Any]:
    """Return what there is to say, as JSON.

    Args:
        proteins: The proteins.
        neighbours: What `find_leaks` found.
        max_similarity: Similarity above which a training protein is a near-copy.

    Returns:
        `train` and `test` (proteins by fold), `left_out`, `max_similarity`, `near_copies`,
        `share`, `similarity` (median, 95th percentile and maximum), `labels` (proteins,
        near-copies and `same_label`, the share whose nearest training protein has the same label,
        by label), `bands` (the same by similarity) and `worst`, the most similar pairs.
    """
    test = np.flatnonzero(proteins.test)
    similarity = neighbours.similarity[test]
    label = np.array(proteins.label, dtype=object)
    same = np.asarray(label[neighbours.row[test]] == label[test])
    near = neighbours.above(max_similarity)[test]
    return {
        "train": _count(proteins.fold, proteins.train),
        "test": _count(proteins.fold, proteins.test),
        "left_out": proteins.left_out,
        "max_similarity": max_similarity,
        "near_copies": int(near.sum()),
        "share": rounded(near.mean()),
        "similarity": {
            name: rounded(np.quantile(similarity.astype(np.float64), at))
            for name, at in {"median": 0.5, "p95": 0.95, "max": 1.0}.items()
        },
        "labels": {
            str(name): _describe(near, same, np.asarray(label[test] == name))
            for name in sorted(set(proteins.label))
        },
        "bands": _describe_bands(similarity, near, same),
        "worst": [_name_pair(proteins, neighbours, row) for row in _worst(neighbours)],
    }


def _read_table(path: Path) -> dict[str, tuple[str, str]]:
    """Return label and fold of each id."""
    said: dict[str, tuple[str, str]] = {}
    for line, row in read_rows(path):
        if "fold" not in row:
            problem = "has no column 'fold', which says what each protein is for"
            raise DataError(f"{path}:1", problem, "add it: train, test, …")
        if row["id"] in said:
            raise DataError(f"{path}:{line} (id {row['id']!r})", "stands twice", "remove one line")
        said[row["id"]] = row["label"], row["fold"]
    if not said:
        raise DataError(path, "has no proteins, expected a line each", "add them")
    return said


def _count(fold: Sequence[str], mask: Bool[np.ndarray, " n"]) -> dict[str, int]:
    """Count the proteins of each fold where `mask` holds."""
    names, counts = np.unique(np.array(fold)[mask], return_counts=True)
    return {str(name): int(count) for name, count in zip(names, counts, strict=True)}


def _describe(
    near: Bool[np.ndarray, " n"], same: Bool[np.ndarray, " n"], mask: Bool[np.ndarray, " n"]
) -> dict[str, Any]:
    """Describe some of the test proteins."""
    return {
        "proteins": int(mask.sum()),
        "near_copies": int((near & mask).sum()),
        "same_label": rounded(same[mask].mean()) if mask.any() else None,
    }


def _describe_bands(
    similarity: Float32[np.ndarray, " n"],
    near: Bool[np.ndarray, " n"],
    same: Bool[np.ndarray, " n"],
) -> list[dict[str, Any]]:
    """Describe the test proteins by similarity to training."""
    place = np.digitize(similarity, np.array(EDGES[1:-1], np.float32))
    return [
        {"from": low, "to": high, **_describe(near, same, np.asarray(place == band))}
        for band, (low, high) in enumerate(pairwise(EDGES))
    ]


def _worst(neighbours: Neighbours) -> list[int]:
    """Return the test proteins that are most similar to training, the most similar first."""
    similarity: Float[np.ndarray, " n"] = np.nan_to_num(neighbours.similarity, nan=-np.inf)
    order = np.argsort(-similarity, kind="stable")[:WORST]
    return [int(row) for row in order if np.isfinite(similarity[row])]


def _name_pair(
    proteins: LabelledProteins, neighbours: Neighbours, row: int
) -> Mapping[str, str | float]:
    """Describe a test protein and its nearest training protein."""
    other = int(neighbours.row[row])
    return {
        "id": proteins.embeddings.ids[row],
        "label": proteins.label[row],
        "fold": proteins.fold[row],
        "nearest": proteins.embeddings.ids[other],
        "nearest_label": proteins.label[other],
        "similarity": rounded(float(neighbours.similarity[row])),
    }
