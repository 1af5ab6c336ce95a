"""Sequences to turn into vectors: all of a FASTA file, those that are left out too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from arginator.sequences import STANDARD_RESIDUES, Rejected, read_fasta


@dataclass(frozen=True)
class FastaOptions:
    """How to read FASTA.

    Attributes:
        on_invalid: Whether an invalid record fails the file or is left out by name.
        max_length_aa: Most residues in a record; None for any number.
        force_protein: Whether to accept a file that looks like nucleotides.
    """

    on_invalid: Literal["fail", "skip"] = "fail"
    max_length_aa: int | None = None
    force_protein: bool = False


class QuerySequence(NamedTuple):
    """A protein of a FASTA file.

    Attributes:
        id: Its id, verbatim.
        residues: Upper-case letters; none if it was left out.
        fault: Why it was left out; empty if it was not.
    """

    id: str
    residues: str
    fault: str = ""

    @property
    def mostly_unknown(self) -> bool:
        """Whether more than half of the residues are none of the standard 20.

        >>> QuerySequence("a", "MXX").mostly_unknown
        True
        """
        known = sum(self.residues.count(letter) for letter in STANDARD_RESIDUES)
        return 2 * known < len(self.residues)


def read_sequences(path: Path, options: FastaOptions) -> Iterator[QuerySequence]:
    """Yield every record of a FASTA file, in its order.

    Raises:
        DataError: As `read_fasta`.
    """
    rejected: list[Rejected] = []
    records = read_fasta(
        path,
        on_invalid=options.on_invalid,
        rejected=rejected,
        max_length_aa=options.max_length_aa,
        force_protein=options.force_protein,
    )
    for record in records:
        yield from _left_out(rejected)  # they stand before the record in the file
        yield QuerySequence(record.id, record.residues)
    yield from _left_out(rejected)


def _left_out(rejected: list[Rejected]) -> Iterator[QuerySequence]:
    """Yield the records left out since the last time."""
    yield from (QuerySequence(one.id, "", one.reason) for one in rejected)
    rejected.clear()
