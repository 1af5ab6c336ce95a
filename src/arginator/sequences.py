"""Protein sequences from FASTA files, one record at a time, with every fault named."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from arginator.errors import DataError
from arginator.readers.fasta_entries import Entry, read_entries
from arginator.readers.text_files import open_text

STANDARD_RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
NUCLEOTIDES = "ACGTUN"
MOST_NUCLEOTIDES = 0.9  # share of the residues above which a file is no protein file
FEWEST_RESIDUES = 10  # with fewer the share says nothing: a tripeptide may be GAG
LONGEST_ID = 1_000  # characters
MAX_BYTES = 16 * 2**30
NO_RESIDUE = re.compile(r"[^A-Za-z*.\-]")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Record:
    """A protein of a FASTA file.

    Attributes:
        id: First word of the header, verbatim.
        header: Header line without its `>`, verbatim.
        residues: Upper-case letters, without gaps and final stops; never empty.
        line: Line of the header, from 1.
    """

    id: str
    header: str
    residues: str
    line: int


@dataclass(frozen=True)
class Rejected:
    """A record that was left out because its id or its sequence is invalid."""

    id: str
    line: int
    reason: str


@dataclass
class _Tally:
    """What is counted over a file."""

    records: int = 0
    residues: int = 0
    nucleotides: int = 0
    gaps: int = 0
    stops: int = 0
    cleaned: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def read_fasta(
    path: Path,
    *,
    on_invalid: Literal["fail", "skip"] = "fail",
    rejected: list[Rejected] | None = None,
    max_length_aa: int | None = None,
    max_bytes: int = MAX_BYTES,
    force_protein: bool = False,
) -> Iterator[Record]:
    """Yield the proteins of a FASTA file, plain or gzip, in the order of the file.

    Lower case becomes upper case; gaps (`-` and `.`) and stops at the end are removed and counted
    in one warning. All 26 letters are residues. Memory does not grow with the file, but for ids.

    Args:
        path: The file; gzip is known by its first bytes, whatever the name.
        on_invalid: What to do with a record that has an impossible character or a stop inside its
            sequence, a control character in its id, or too many residues: raise, or leave it out.
        rejected: Takes the records left out.
        max_length_aa: Most residues in a record.
        max_bytes: Most bytes to read, counted after decompression.
        force_protein: Accept a file that looks like nucleotides.

    Raises:
        DataError: The file is missing, damaged, too big, no FASTA in UTF-8 or without records; a
            record has no id, no residues, an id of more than 1,000 characters or the id of an
            earlier one; a record is invalid and `on_invalid` is "fail"; or, after the last record,
            more than 90 % of all residues are A, C, G, T, U or N.
    """
    line_of: dict[str, int] = {}
    tally = _Tally()
    with open_text(path, max_bytes) as text:
        for entry in read_entries(text, path):
            _check_id(entry, line_of, path)
            residues = _clean(entry, tally, path)
            reason = _fault(entry, len(residues), max_length_aa)
            if not reason:
                yield Record(entry.id, entry.header, residues, entry.line)
                continue
            if on_invalid == "fail":
                raise DataError(entry.where(path), reason, "correct or remove the record")
            tally.rejected.append(Rejected(entry.id, entry.line, reason))
            if rejected is not None:
                rejected.append(tally.rejected[-1])
    _conclude(tally, path, force_protein)


def _check_id(entry: Entry, line_of: dict[str, int], path: Path) -> None:
    """Raise unless the record has an id of its own; remember it in `line_of`."""
    if not entry.id:
        raise DataError(f"{path}:{entry.line}", "header without an id", "write one after the '>'")
    if len(entry.id) > LONGEST_ID:
        raise DataError(
            entry.where(path),
            f"id of {len(entry.id):,} characters, expected at most {LONGEST_ID:,}",
            "shorten it",
        )
    first = line_of.setdefault(entry.id, entry.line)
    if first != entry.line:
        raise DataError(
            entry.where(path), f"same id as the record in line {first:,}", "give each its own id"
        )


def _clean(entry: Entry, tally: _Tally, path: Path) -> str:
    """Return the residues in upper case without gaps and final stops, and count both."""
    written = entry.written
    ungapped = written.replace("-", "").replace(".", "")
    kept = ungapped.rstrip("*")
    if not kept:
        raise DataError(
            entry.where(path), "header without a sequence", "add its sequence or remove it"
        )
    if len(kept) < len(written):
        tally.gaps += len(written) - len(ungapped)
        tally.stops += len(ungapped) - len(kept)
        tally.cleaned.append(entry.id)
    residues = kept.upper()
    tally.records += 1
    tally.residues += len(residues)
    tally.nucleotides += sum(residues.count(letter) for letter in NUCLEOTIDES)
    return residues


def _fault(entry: Entry, length_aa: int, max_length_aa: int | None) -> str:
    """Return what makes a record invalid, or nothing; positions count from 1, gaps included."""
    for position, character in enumerate(entry.id, start=1):
        if unicodedata.category(character) in ("Cc", "Zl", "Zp"):
            return f"control character {character!r} at position {position:,} of the id"
    written = entry.written
    if (found := NO_RESIDUE.search(written)) is not None:
        return f"{found[0]!r} at position {found.start() + 1:,} is no residue"
    stop = written.rstrip("*.-").find("*")
    if stop >= 0:
        return f"stop '*' inside the sequence, at position {stop + 1:,} of {len(written):,}"
    if max_length_aa is not None and length_aa > max_length_aa:
        return f"{length_aa:,} residues, expected at most {max_length_aa:,}"
    return ""


def _conclude(tally: _Tally, path: Path, force_protein: bool) -> None:
    """Warn of what was removed and raise if the whole file looks like nucleotides."""
    share = tally.nucleotides / tally.residues
    if share > MOST_NUCLEOTIDES and tally.residues >= FEWEST_RESIDUES and not force_protein:
        raise DataError(
            path,
            f"looks like nucleotides ({share:.0%} of {tally.residues:,} letters are A, C, G, T, U "
            f"or N, expected at most {MOST_NUCLEOTIDES:.0%})",
            "translate it to protein first",
        )
    if tally.cleaned:
        logger.warning(
            "%s: removed %s gaps and %s final stops in %s of %s records (first: %r)",
            path,
            *(f"{n:,}" for n in (tally.gaps, tally.stops, len(tally.cleaned), tally.records)),
            tally.cleaned[0],
        )
    if tally.rejected:
        first = tally.rejected[0]
        logger.warning(
            "%s: left out %s of %s records (first: line %s, %r: %s)",
            path,
            *(f"{n:,}" for n in (len(tally.rejected), tally.records, first.line)),
            first.id,
            first.reason,
        )
