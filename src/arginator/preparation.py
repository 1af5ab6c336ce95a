"""One table of labelled protein vectors from a data set's files, checked and free of copies."""

from __future__ import annotations

import csv
import hashlib
import io
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from arginator.datasets import DatasetDescription, load_description
from arginator.embeddings import Embeddings
from arginator.errors import DataError
from arginator.files import write_text
from arginator.kmers import KmerEmbedder
from arginator.label_tables import Assignment
from arginator.params import EmbedderParams
from arginator.prepared import Prepared
from arginator.proteins import Collection, Protein, collect_proteins

EMBEDDING_ROWS = 1024
LISTED_CONFLICTS = 10

logger = logging.getLogger(__name__)


@dataclass(frozen=True, order=True)
class LeftOut:
    """A protein that was read but is not in the prepared data set.

    Attributes:
        id: Its id.
        status: "duplicate" of a kept protein, "unlabelled" on purpose, or "invalid".
        detail: Which protein it copies, or what is wrong with it.
    """

    id: str
    status: Literal["duplicate", "unlabelled", "invalid"]
    detail: str


@dataclass(frozen=True)
class Preparation:
    """A prepared data set and the account of how it came about.

    Attributes:
        prepared: The proteins that are kept, sorted by id.
        left_out: All others that were read, sorted by id.
        summary: Counts for people and `dvc metrics`.
    """

    prepared: Prepared
    left_out: list[LeftOut]
    summary: dict[str, Any]


@dataclass(frozen=True)
class _Labelled:
    """A protein that has a label."""

    protein: Protein
    label: str
    assignment: Assignment


def prepare(folder: Path, embedder: EmbedderParams) -> Preparation:
    """Read, check and embed the data set in `folder`.

    Every protein that is read is either a row or left out. Of copies (the same sequence, or the
    same vector where there is no sequence; vectors of zeros are no evidence) under one label the
    first by id is kept.

    Raises:
        DataError: The data set cannot be used, or copies stand under two labels.
    """
    description = load_description(folder)
    collection = collect_proteins(folder, description, embedder.name)
    left_out = [
        LeftOut(record.id, "invalid", f"line {record.line}: {record.reason}")
        for record in collection.rejected
    ]
    labelled = _labelled(collection, left_out)
    kept = _merge_copies(labelled, collection.matrix, left_out, folder)
    _require_every_label(kept, description, folder)
    matrix, made_by = _vectors(kept, collection.matrix, embedder)
    zeros = _warn_of_zeros(kept, matrix, folder)
    prepared = Prepared(
        Embeddings(tuple(item.protein.id for item in kept), matrix),
        tuple(item.label for item in kept),
        tuple(item.protein.sequence for item in kept),
        tuple(item.assignment.category for item in kept),
        tuple(item.assignment.fold for item in kept),
        tuple(item.assignment.cluster for item in kept),
        description.provenance(made_by),
    )
    summary = _summary(prepared, left_out, zeros)
    return Preparation(prepared, sorted(left_out), summary)


def write_left_out(left_out: Sequence[LeftOut], path: Path) -> None:
    """Write a tab-separated table: id, status, detail; cells with tabs or quotes are quoted."""
    text = io.StringIO()
    rows = csv.writer(text, delimiter="\t", lineterminator="\n")
    rows.writerow(["id", "status", "detail"])
    rows.writerows([item.id, item.status, item.detail] for item in left_out)
    write_text(text.getvalue(), path)


def _labelled(collection: Collection, left_out: list[LeftOut]) -> list[_Labelled]:
    """Return the proteins with a label, sorted by id; the others are left out."""
    labelled = []
    for name, protein in sorted(collection.proteins.items()):
        assignment = protein.assignment or Assignment(None)
        if assignment.label is None:
            detail = assignment.category or "no label by the data set's own rules"
            left_out.append(LeftOut(name, "unlabelled", detail))
        else:
            labelled.append(_Labelled(protein, assignment.label, assignment))
    return labelled


def _merge_copies(
    labelled: Iterable[_Labelled],
    matrix: Float[np.ndarray, "n d"] | None,
    left_out: list[LeftOut],
    folder: Path,
) -> list[_Labelled]:
    """Keep the first of all copies."""
    first_of: dict[str | bytes, _Labelled] = {}
    kept: list[_Labelled] = []
    conflicts = []
    for item in labelled:
        key = _identity(item.protein, matrix)
        first = item if key is None else first_of.setdefault(key, item)
        if first is item:
            kept.append(item)
        elif first.label == item.label:
            left_out.append(LeftOut(item.protein.id, "duplicate", f"same as {first.protein.id}"))
        else:
            conflicts.append(
                f"{first.protein.id!r} ({first.label}) = {item.protein.id!r} ({item.label})"
            )
    if conflicts:
        more = f" and {len(conflicts) - LISTED_CONFLICTS:,} more"
        raise DataError(
            folder,
            f"{len(conflicts):,} copies of a protein stand under two labels: "
            + ", ".join(conflicts[:LISTED_CONFLICTS])
            + (more if len(conflicts) > LISTED_CONFLICTS else ""),
            "correct the labels or take the proteins out",
        )
    return kept


def _identity(protein: Protein, matrix: Float[np.ndarray, "n d"] | None) -> str | bytes | None:
    """Return what two copies of a protein have in common; None if nothing can tell."""
    if protein.sequence is not None:
        return protein.sequence
    if matrix is None or protein.row is None or not matrix[protein.row].any():
        return None
    positive_zeros = matrix[protein.row] + matrix.dtype.type(0)
    return hashlib.blake2b(positive_zeros.tobytes(), digest_size=32).digest()


def _require_every_label(
    kept: Sequence[_Labelled], description: DatasetDescription, folder: Path
) -> None:
    """Refuse labels without proteins."""
    used = {item.label for item in kept}
    empty = [label for label in description.labels if label not in used]
    if empty:
        raise DataError(
            folder,
            f"{len(empty)} of {len(description.labels)} labels have no protein "
            f"(first: {empty[0]!r})",
            "add their proteins or take them out of 'labels'",
        )


def _vectors(
    kept: Sequence[_Labelled], ready: Float[np.ndarray, "n d"] | None, embedder: EmbedderParams
) -> tuple[Float[np.ndarray, "kept d"], str]:
    """Return the vectors of the kept proteins and the name of what made them."""
    if ready is not None:
        rows = [item.protein.row for item in kept if item.protein.row is not None]
        return ready[rows], embedder.name
    kmers = KmerEmbedder(embedder.kmer_lengths, embedder.kmer_width)
    matrix = np.empty((len(kept), embedder.kmer_width), np.float32)
    with tqdm(total=len(kept), desc="embed", unit=" proteins", disable=None) as progress:
        for start in range(0, len(kept), EMBEDDING_ROWS):
            chunk = kept[start : start + EMBEDDING_ROWS]
            residues = [item.protein.sequence or "" for item in chunk]
            matrix[start : start + len(chunk)] = kmers.embed(residues)
            progress.update(len(chunk))
    # the lengths are part of the name: vectors of other words may be as wide
    return matrix, "-".join([embedder.name, *map(str, embedder.kmer_lengths)])


def _warn_of_zeros(
    kept: Sequence[_Labelled], matrix: Float[np.ndarray, "n d"], folder: Path
) -> int:
    """Count vectors of zeros, which say nothing about their protein."""
    rows = np.flatnonzero(~matrix.any(axis=1))
    if len(rows):
        logger.warning(
            "%s: %s vectors are all zeros (first: %r)",
            folder,
            f"{len(rows):,}",
            kept[rows[0]].protein.id,
        )
    return len(rows)


def _summary(prepared: Prepared, left_out: Sequence[LeftOut], zeros: int) -> dict[str, Any]:
    """Return the counts."""
    about = prepared.about
    statuses = [item.status for item in left_out]
    return {
        "source": about.source + (" (simulated)" if about.simulated else ""),
        "proteins": len(prepared.labels),
        "read": len(prepared.labels) + len(left_out),
        "width": prepared.embeddings.width,
        "duplicates": statuses.count("duplicate"),
        "unlabelled": statuses.count("unlabelled"),
        "invalid": statuses.count("invalid"),
        "zero_vectors": zeros,
        "labels": {label: prepared.labels.count(label) for label in about.labels},
    }
