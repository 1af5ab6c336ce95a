"""The proteins of a data set: its vectors, sequences and labels brought together by id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from arginator.datasets import DESCRIPTION, DatasetDescription, SourceFile
from arginator.embeddings import Embeddings
from arginator.errors import DataError
from arginator.label_tables import Assignment, Labeller
from arginator.sequences import Record, Rejected, read_fasta
from arginator.vector_files import read_vectors, refuse_idle_keys, vector_format

KMER = "kmer"


@dataclass
class Protein:
    """A protein as read.

    Attributes:
        id: Its id, verbatim.
        path: The file that it was first read from.
        assignment: What is said about it; None if nothing is.
        sequence: Its residues, if known.
        row: Its row in the matrix of ready vectors, if there is one.
    """

    id: str
    path: Path
    assignment: Assignment | None
    sequence: str | None = None
    row: int | None = None


@dataclass
class Collection:
    """All proteins of a data set.

    Attributes:
        proteins: Those that can be used, by id.
        rejected: Records with an invalid sequence or id, where those are skipped.
        matrix: Ready vectors, one row a protein; None where vectors are made from sequences.
    """

    proteins: dict[str, Protein] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    matrix: Float[np.ndarray, "n d"] | None = None


def collect_proteins(folder: Path, description: DatasetDescription, embedder: str) -> Collection:
    """Read the files of a data set that serve `embedder`, and give each protein its label.

    Ready vectors are used if `embedder` made them; FASTA records then only add the sequence, and
    the label where the vectors have none. Otherwise FASTA files are read alone.

    Raises:
        DataError: The folder has another name than the data set, a file cannot be used, none
            serves `embedder`, an id stands twice, or ids and labels do not match.
    """
    _require_name(folder, description)
    paths = {file.path: _existing(folder / file.path) for file in description.files}
    is_vectors = {path: vector_format(paths[path]) is not None for path in paths}
    vectors = [file for file in description.files if is_vectors[file.path]]
    sequences = [file for file in description.files if not is_vectors[file.path]]
    for file in sequences:
        refuse_idle_keys(paths[file.path], matrix=file.matrix, names=file.names, ids=file.ids)
    use_vectors = _choose_vectors(folder, description, embedder, bool(vectors), bool(sequences))
    labeller = Labeller(folder, description)
    collection = Collection()
    if use_vectors:
        _add_vectors(collection, vectors, labeller, folder)
    for file in sequences:
        records = read_fasta(
            folder / file.path, on_invalid=description.on_invalid, rejected=collection.rejected
        )
        found = _records(records, file, labeller, folder)
        _merge(collection, found) if use_vectors else _add(collection, found)
    rejected = {record.id for record in collection.rejected}
    labeller.check_all_used(collection.proteins.keys() | rejected)
    for name in rejected:
        collection.proteins.pop(name, None)
    _check_labelled(collection, folder)
    return collection


def _require_name(folder: Path, description: DatasetDescription) -> None:
    if description.name != folder.resolve().name:
        raise DataError(
            folder / DESCRIPTION,
            f"'name' is {description.name!r}, but the folder is called {folder.resolve().name!r}",
            "give both the same name",
        )


def _existing(path: Path) -> Path:
    if path.is_dir():
        raise DataError(
            path, "is a folder, expected a file", f"list its files under 'files' in {DESCRIPTION}"
        )
    if not path.is_file():
        raise DataError(
            path, "no such file", f"fetch it (`dvc pull`) or correct 'files' in {DESCRIPTION}"
        )
    return path


def _choose_vectors(
    folder: Path, description: DatasetDescription, embedder: str, vectors: bool, sequences: bool
) -> bool:
    """Tell whether ready vectors are to be used, sequences otherwise."""
    made_by = description.embedder
    if vectors and made_by is None:
        raise DataError(
            folder / DESCRIPTION,
            "'embedder' is null, but there are files of vectors",
            "name what made them",
        )
    if vectors and made_by == embedder:
        return True
    if sequences and embedder == KMER:
        return False
    if vectors:
        raise DataError(
            folder,
            f"its vectors were made by {made_by!r}, but 'embedder.name' is {embedder!r}",
            f"use `-S embedder.name={made_by}`",
        )
    raise DataError(
        folder,
        f"holds sequences only, but 'embedder.name' is {embedder!r}",
        f"embed them first and add the vectors, or use `-S embedder.name={KMER}`",
    )


def _add_vectors(
    collection: Collection, files: Sequence[SourceFile], labeller: Labeller, folder: Path
) -> None:
    """Add the vectors of all files."""
    parts: list[Float[np.ndarray, "rows d"]] = []
    for file in files:
        ids = None if file.ids is None else folder / file.ids
        width = parts[0].shape[1] if parts else None
        batches = read_vectors(
            folder / file.path, width=width, matrix=file.matrix, names=file.names, ids=ids
        )
        with tqdm(desc=file.path, unit=" proteins", disable=None) as progress:
            for batch in batches:
                start = len(collection.proteins)
                _add(collection, _rows(batch, start, file, labeller, folder))
                parts.append(batch.matrix)
                progress.update(len(batch.ids))
    collection.matrix = np.concatenate(parts) if parts else None


def _rows(
    batch: Embeddings, start: int, file: SourceFile, labeller: Labeller, folder: Path
) -> Iterator[Protein]:
    """Yield the proteins of a batch whose first row is number `start`."""
    for row, name in enumerate(batch.ids, start):
        yield Protein(name, folder / file.path, labeller.assign(file, name, name), row=row)


def _records(
    records: Iterable[Record], file: SourceFile, labeller: Labeller, folder: Path
) -> Iterator[Protein]:
    """Yield the proteins of a FASTA file."""
    for record in tqdm(records, desc=file.path, unit=" proteins", disable=None):
        assignment = labeller.assign(file, record.id, record.header)
        yield Protein(record.id, folder / file.path, assignment, record.residues)


def _add(collection: Collection, proteins: Iterable[Protein]) -> None:
    """Add proteins that must be new."""
    for protein in proteins:
        other = collection.proteins.setdefault(protein.id, protein)
        if other is not protein:
            raise _twice(protein, other.path)


def _merge(collection: Collection, proteins: Iterable[Protein]) -> None:
    """Add sequences to proteins that have a vector."""
    orphans = []
    for protein in proteins:
        known = collection.proteins.get(protein.id)
        if known is None:
            orphans.append(protein)
        elif known.sequence is not None:
            raise _twice(protein, known.path)
        else:
            known.sequence = protein.sequence
            known.assignment = _agree(known, protein)
    if orphans:
        raise DataError(
            orphans[0].path,
            f"{len(orphans):,} proteins have no vector (first: {orphans[0].id!r})",
            "embed them too or take them out",
        )


def _agree(known: Protein, found: Protein) -> Assignment | None:
    """Return what two files say about a protein; the second adds what the first leaves open."""
    ours, theirs = known.assignment, found.assignment
    if ours is None or theirs is None:
        return ours or theirs
    if ours.label != theirs.label:
        raise DataError(
            found.path,
            f"{found.id!r} has label {theirs.label!r}, but {ours.label!r} in {known.path}",
            "correct one of them",
        )
    return Assignment(
        ours.label,
        ours.category or theirs.category,
        ours.fold or theirs.fold,
        ours.cluster or theirs.cluster,
    )


def _twice(protein: Protein, other: Path) -> DataError:
    return DataError(
        protein.path,
        f"id {protein.id!r} stands in {other} too",
        "give each protein its own id, or name each file once",
    )


def _check_labelled(collection: Collection, folder: Path) -> None:
    """Refuse proteins that nothing is said about."""
    proteins = collection.proteins.values()
    missing = [protein for protein in proteins if protein.assignment is None]
    if missing:
        raise DataError(
            missing[0].path,
            f"{len(missing):,} of {len(proteins):,} proteins have no label "
            f"(first: {missing[0].id!r})",
            f"give each one under 'label', 'labels' or 'headers' in {folder / DESCRIPTION}",
        )
