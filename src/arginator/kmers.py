"""Vectors counted from a protein's k-mers: no weights, no download, the yardstick for others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import mmh3
import numpy as np
from jaxtyping import Float, Float32, Int

from arginator.sequences import STANDARD_RESIDUES

BATCH_NUMBERS = 2**21  # vector elements, or residues, worked on at once
GAP = len(STANDARD_RESIDUES)  # code of whatever is no standard residue


class KmerEmbedder:
    """Counts k-mers into `width` numbers by feature hashing, then scales to unit length.

    A k-mer's MurmurHash3 (32 bits, seed 0) chooses the number by its absolute value modulo `width`
    and adds its sign there, as scikit-learn's `FeatureHasher` does. Upper and lower case are the
    same. A k-mer with anything but the 20 standard residues is left out; a sequence without k-mers
    gives zeros. The vector of a sequence never depends on the other sequences.

    >>> KmerEmbedder(lengths=(1,), width=16).embed(["MKK", "X"])[:, [6, 10]].round(2)
    array([[-0.89,  0.45],
           [ 0.  ,  0.  ]], dtype=float32)

    Args:
        lengths: Residues in a k-mer, each 1 to 4.
        width: Numbers in a vector, d.

    References:
        Weinberger et al. 2009, ICML, https://doi.org/10.1145/1553374.1553516
    """

    def __init__(self, lengths: tuple[int, ...], width: int) -> None:
        self.lengths, self.width = lengths, width
        self._code_of_byte = _residue_codes()
        self._tables = {length: _hash_kmers(length, width) for length in lengths}

    def embed(self, sequences: Sequence[str]) -> Float32[np.ndarray, "n d"]:
        """Return one vector a sequence, in the same order."""
        matrix = np.empty((len(sequences), self.width), dtype=np.float32)
        for rows in _batches([len(residues) for residues in sequences], self.width):
            count = self._count(sequences[rows])
            norm = np.sqrt(np.square(count).sum(axis=1, keepdims=True))  # exact: whole numbers
            matrix[rows] = count / np.where(norm > 0, norm, 1)
        return matrix

    def _count(self, sequences: Sequence[str]) -> Float[np.ndarray, "n d"]:
        """Return the signed counts of each sequence."""
        joined = "\n".join(sequences).encode("ascii", "replace")
        code = self._code_of_byte[np.frombuffer(joined, dtype=np.uint8)]
        lengths_aa = [len(residues) + 1 for residues in sequences]  # with the line end
        row = np.repeat(np.arange(len(sequences)), lengths_aa)[: len(code)]
        count = np.zeros(len(sequences) * self.width)
        for length in self.lengths:
            start, kmer = _find_kmers(code, length)
            column, sign = self._tables[length]
            cell = row[start] * self.width + column[kmer]
            count += np.bincount(cell, weights=sign[kmer], minlength=len(count))
        return count.reshape(len(sequences), self.width)


def _residue_codes() -> Int[np.ndarray, " 256"]:
    """Return the code of each byte: 0 to 19 for residues in either case, `GAP` for all others."""
    code = np.full(256, GAP, dtype=np.int32)
    for index, residue in enumerate(STANDARD_RESIDUES):
        code[[ord(residue), ord(residue.lower())]] = index
    return code


def _hash_kmers(
    length: int, width: int
) -> tuple[Int[np.ndarray, " kmers"], Float[np.ndarray, " kmers"]]:
    """Return the column and the sign of each of the 20^length k-mers, in alphabetic order."""
    kmers = ("".join(residues) for residues in product(STANDARD_RESIDUES, repeat=length))
    hashed = np.array([mmh3.hash(kmer) for kmer in kmers], dtype=np.int64)
    return np.abs(hashed) % width, np.where(hashed >= 0, 1.0, -1.0)


def _find_kmers(
    code: Int[np.ndarray, " l"], length: int
) -> tuple[Int[np.ndarray, " found"], Int[np.ndarray, " found"]]:
    """Return where the k-mers of standard residues start, and the number of each in the table."""
    windows = max(len(code) - length + 1, 0)
    kmer = np.zeros(windows, dtype=np.int32)
    standard_mask = np.ones(windows, dtype=bool)
    for offset in range(length):
        residue = code[offset : offset + windows]
        kmer *= len(STANDARD_RESIDUES)
        kmer += residue
        standard_mask &= residue != GAP
    start = np.flatnonzero(standard_mask)
    return start, kmer[start]


def _batches(lengths_aa: Sequence[int], width: int) -> Iterator[slice]:
    """Cut sequences into runs that need little memory; a run holds at least one."""
    most_rows = max(BATCH_NUMBERS // width, 1)
    first, residues = 0, 0
    for row, length_aa in enumerate(lengths_aa):
        if row > first and (row - first == most_rows or residues + length_aa > BATCH_NUMBERS):
            yield slice(first, row)
            first, residues = row, 0
        residues += length_aa
    if lengths_aa:
        yield slice(first, len(lengths_aa))
