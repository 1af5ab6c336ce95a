"""Inputs of a prediction: files of vectors or sequences, folders of them, or standard input."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from arginator.embedded_files import read_fact
from arginator.embedders import KMER, Embedder, embedder_of_models
from arginator.embeddings import Embeddings
from arginator.errors import DataError
from arginator.query_sequences import FastaOptions, QuerySequence, read_sequences
from arginator.vector_files import read_vectors, vector_format

STANDARD_INPUT = "-"
SEQUENCES_A_BATCH = 1024
VECTORS = (".h5", ".hdf5", ".hdf", ".parquet", ".pq", ".npz", ".csv")
FASTA = (".fasta", ".fa", ".faa", ".fas", ".gz")
LENGTH_TOLERANCE = 0.01  # of the square, which 16 bits can move
NOT_SCORED = "not scored"
MOSTLY_UNKNOWN = "doubtful: more than half of its residues are unknown"


def list_inputs(paths: Sequence[Path]) -> list[Path]:
    """Return the files to read, in order: those named, and those in folders named, by name.

    Hidden files of a folder and the folders in it do not count.

    Raises:
        DataError: A path does not exist or is named twice, a folder holds nothing to read, or there
            is no path.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(
            file
            for file in path.iterdir()
            if file.suffix.lower() in VECTORS + FASTA and not file.name.startswith(".")
        )
        if not inside:
            raise DataError(path, "holds no file of vectors or sequences", "name the files")
        found += inside
    for path in found:
        if str(path) != STANDARD_INPUT and not path.exists():
            raise DataError(path, "no such file", "correct the path")
    known = set()
    for path in found:
        if path.resolve() in known:
            raise DataError(path, "is named twice", "name it once, or its rows would be doubled")
        known.add(path.resolve())
    return found


@dataclass(frozen=True)
class Query:
    """Some proteins to ask about.

    Attributes:
        embeddings: Their vectors; zeros for one that has none.
        statuses: What to say of those about which there is something to say, by id.
    """

    embeddings: Embeddings
    statuses: Mapping[str, str] = field(default_factory=dict)

    def parts(self, most: int) -> Iterator[Query]:
        """Yield the proteins in their order, at most so many at a time."""
        ids, matrix = self.embeddings.ids, self.embeddings.matrix
        for start in range(0, len(ids), most):
            rows = slice(start, start + most)
            yield Query(Embeddings(ids[rows], matrix[rows]), self.statuses)


class InputReader:
    """Reads vectors, or sequences and embeds them on the way.

    Args:
        embedder: Name of what has to make, or to have made, the vectors.
        width: Numbers in a vector, d.
        fasta: How to read sequences.
        arrays: `matrix`, `names` and `ids` as `read_vectors` takes them.
        model: Weights of the embedder, as `embedder_of_models` takes them.
        device: "auto" for a GPU where there is one, or "cpu".
    """

    def __init__(
        self,
        embedder: str,
        width: int,
        fasta: FastaOptions | None = None,
        arrays: Mapping[str, Any] | None = None,
        model: str | None = None,
        device: str = "auto",
    ) -> None:
        self._name, self._width = embedder, width
        self._fasta, self._model, self._device = fasta or FastaOptions(), model, device
        self._arrays = arrays or {}

    def read(
        self, path: Path, known: Callable[[Sequence[str]], bool] | None = None
    ) -> Iterator[Query]:
        """Yield the proteins of a file in batches, in the order of the file.

        Faults may be found at the end only: use no batch before that.

        Args:
            path: Vectors in any format that `read_vectors` knows, or FASTA, plain or gzip; `-` is
                FASTA on standard input.
            known: What tells of ids whether sequences of theirs need no vectors: zeros will do.

        Raises:
            DataError: The file is missing, damaged or of no known format, something in it is
                faulty, or another embedder made its vectors.
            ModelError: It holds sequences, and the embedder cannot be loaded.
        """
        if str(path) == STANDARD_INPUT:
            if sys.stdin is None:
                raise DataError("standard input", "is closed", "name a file")
            with tempfile.NamedTemporaryFile(prefix="arginator-", suffix=".fasta") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
                file.flush()
                try:
                    yield from self._embed(Path(file.name), known)
                except DataError as error:
                    where = error.where.replace(file.name, "standard input")
                    raise DataError(where, error.problem, error.remedy) from None
        elif path.is_file() and path.stat().st_size and vector_format(path) is None:
            yield from self._embed(path, known)
        else:
            self._check_embedder(path)
            for embeddings in read_vectors(path, width=self._width, **self._arrays):
                check_lengths(embeddings, self._name, path)
                yield Query(embeddings)

    def _check_embedder(self, path: Path) -> None:
        """Refuse vectors that say that another embedder made them."""
        said = read_fact(path) if path.is_file() and vector_format(path) == "hdf5" else None
        if said not in (None, self._name):
            problem = f"holds vectors made by {said!r}, but the models read those of {self._name!r}"
            raise DataError(path, problem, "embed the proteins with that")

    def _embed(self, path: Path, known: Callable[[Sequence[str]], bool] | None) -> Iterator[Query]:
        """Yield the vectors of the sequences in a FASTA file."""
        sequences = read_sequences(path, self._fasta)
        while batch := list(islice(sequences, SEQUENCES_A_BATCH)):
            ids = tuple(one.id for one in batch)
            if known is not None and known(ids):
                yield Query(Embeddings(ids, np.zeros((len(ids), self._width), np.float32)))
            else:
                yield self._embed_batch(batch)

    def _embed_batch(self, batch: Sequence[QuerySequence]) -> Query:
        """Return the vectors of some sequences, and why others have none."""
        statuses = {one.id: f"{NOT_SCORED}: {one.fault}" for one in batch if one.fault}
        place = [row for row, one in enumerate(batch) if not one.fault]
        matrix = np.zeros((len(batch), self._width), np.float32)
        for found in self._embedder.embed([batch[row].residues for row in place]):
            matrix[[place[index] for index in found.index]] = found.matrix
            for failure in found.failures:
                statuses[batch[place[failure.index]].id] = f"{NOT_SCORED}: {failure.reason}"
        for row in np.flatnonzero(matrix.any(axis=1)).tolist():
            if batch[row].mostly_unknown:
                statuses[batch[row].id] = MOSTLY_UNKNOWN
        return Query(Embeddings(tuple(one.id for one in batch), matrix), statuses)

    @cached_property
    def _embedder(self) -> Embedder:
        """The embedder, loaded when the first sequence asks for it."""
        return embedder_of_models(self._name, self._width, self._model, self._device)


def check_lengths(embeddings: Embeddings, embedder: str, where: object) -> None:
    """Refuse vectors that cannot be counts of k-mers if they should be: those have length 1.

    Args:
        embeddings: The vectors; one of zeros is fine.
        embedder: Name of what should have made them.
        where: What to call the input.

    Raises:
        DataError: A vector has another length.
    """
    if not embedder.startswith(f"{KMER}-"):
        return
    matrix = embeddings.matrix.astype(np.float32, copy=False)
    square = np.einsum("nd,nd->n", matrix, matrix)
    odd = np.flatnonzero((np.abs(square - 1) > LENGTH_TOLERANCE) & (square > 0))
    if len(odd):
        problem = (
            f"{len(odd):,} of {len(matrix):,} vectors are not of length 1 (first: "
            f"{embeddings.ids[odd[0]]!r}), so {embedder!r} did not make them"
        )
        raise DataError(where, problem, "embed the proteins with that, or pass sequences")
