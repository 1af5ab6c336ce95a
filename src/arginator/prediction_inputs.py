"""Inputs of a prediction: files of vectors or sequences, folders of them, or standard input."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from arginator.embeddings import Embeddings
from arginator.errors import DataError
from arginator.kmers import KmerEmbedder
from arginator.sequences import read_fasta
from arginator.vector_files import read_vectors, vector_format

STANDARD_INPUT = "-"
SEQUENCES_A_BATCH = 1024
VECTORS = (".h5", ".hdf5", ".hdf", ".parquet", ".pq", ".npz", ".csv")
FASTA = (".fasta", ".fa", ".faa", ".fas", ".gz")


def list_inputs(paths: Sequence[Path]) -> list[Path]:
    """Return the files to read, in order: those named, and those in folders named, by name.

    Raises:
        DataError: A path does not exist, a folder holds nothing to read, or there is no path.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(file for file in path.iterdir() if file.suffix.lower() in VECTORS + FASTA)
        if not inside:
            raise DataError(path, "holds no file of vectors or sequences", "name the files")
        found += inside
    for path in found:
        if str(path) != STANDARD_INPUT and not path.exists():
            raise DataError(path, "no such file", "correct the path")
    return found


def read_input(path: Path, embedder: str, width: int) -> Iterator[Embeddings]:
    """Yield the vectors of a file in batches, in the order of the file.

    Faults may be found at the end only: use no batch before that.

    Args:
        path: Vectors in any format that `read_vectors` knows, or FASTA, plain or gzip; `-` is
            FASTA on standard input.
        embedder: What has to make, or to have made, the vectors.
        width: Numbers in a vector, d.

    Raises:
        DataError: The file is missing, damaged or of no known format, something in it is faulty,
            or it holds sequences that only another embedder can turn into vectors.
    """
    if str(path) == STANDARD_INPUT:
        with tempfile.NamedTemporaryFile(prefix="arginator-", suffix=".fasta") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
            file.flush()
            yield from _embed(Path(file.name), embedder, width)
    elif path.is_file() and path.stat().st_size and vector_format(path) is None:
        yield from _embed(path, embedder, width)
    else:
        yield from read_vectors(path, width=width)


def _embed(path: Path, embedder: str, width: int) -> Iterator[Embeddings]:
    """Yield the vectors of the sequences in a FASTA file."""
    kmers = KmerEmbedder(_kmer_lengths(path, embedder), width)
    records = read_fasta(path)
    while batch := list(islice(records, SEQUENCES_A_BATCH)):
        ids = tuple(record.id for record in batch)
        yield Embeddings(ids, kmers.embed([record.residues for record in batch]))


def _kmer_lengths(path: Path, embedder: str) -> tuple[int, ...]:
    """Return the lengths that the name of a k-mer embedder tells."""
    name, *lengths = embedder.split("-")
    if name != "kmer" or not lengths:
        problem = f"holds sequences, but the models read vectors made by {embedder!r}"
        raise DataError(path, problem, "embed the proteins with that first")
    return tuple(map(int, lengths))
