"""FASTA files cut into headers and lines, in memory that does not grow with the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from io import TextIOWrapper
from pathlib import Path

from arginator.errors import DataError

LONGEST_SEQUENCE = 10_000_000  # characters; the longest proteins known have 10^5 residues
PIECE = 2**20  # characters read at once, and the longest header


@dataclass
class Entry:
    """A record as it stands in a file; complete once it is handed out.

    Attributes:
        header: Header line without its `>`.
        line: Line of the header, from 1.
        pieces: The sequence with its line ends, in pieces.
        length: Characters in all pieces.
    """

    header: str
    line: int
    pieces: list[str] = field(default_factory=list)
    length: int = 0

    @cached_property
    def id(self) -> str:
        """First word of the header, empty if there is none."""
        return re.split("[ \t]", self.header.lstrip(" \t"), maxsplit=1)[0]

    @cached_property
    def written(self) -> str:
        """The sequence as written, without white space."""
        joined = "".join(self.pieces)
        return joined.replace("\n", "").replace(" ", "").replace("\t", "")

    def where(self, path: Path) -> str:
        """Return what error messages start with."""
        return f"{path}:{self.line}" + (f" (record {_shortened(self.id)!r})" if self.id else "")


def read_entries(text: TextIOWrapper, path: Path) -> Iterator[Entry]:
    """Cut a FASTA file into records; blank lines mean nothing.

    Raises:
        DataError: There is no record, or text before the first; a byte is not UTF-8; a header or a
            sequence is longer than any that exists.
    """
    entry = None
    for line, starts_line, piece in _pieces(text, path):
        if starts_line and piece.startswith(">"):
            if entry is not None:
                yield entry
            if not piece.endswith("\n") and len(piece) == PIECE:
                raise DataError(f"{path}:{line}", f"header of more than {PIECE:,} characters")
            entry = Entry(piece[1:].removesuffix("\n"), line)
        elif entry is not None:
            _append(entry, piece, path)
        elif piece.strip():
            raise DataError(
                f"{path}:{line}",
                f"starts with {piece.strip()[:20]!r}, expected a header that starts with '>'",
                "give a FASTA file",
            )
    if entry is None:
        raise DataError(path, "no records, expected at least one", "give a FASTA file")
    yield entry


def _pieces(text: TextIOWrapper, path: Path) -> Iterator[tuple[int, bool, str]]:
    """Yield line number, whether a line starts here, and a line or `PIECE` characters of it."""
    line, starts_line = 1, True
    while piece := text.readline(PIECE):
        if not piece.isascii() and (bad := re.search("[\udc80-\udcff]", piece)):
            raise DataError(
                f"{path}:{line}",
                f"byte 0x{ord(bad[0]) - 0xDC00:02X} is not UTF-8, this looks like Latin-1",
                "convert the file: iconv -f latin1 -t utf-8",
            )
        yield line, starts_line, piece
        starts_line = piece.endswith("\n")
        line += starts_line


def _append(entry: Entry, piece: str, path: Path) -> None:
    """Add a piece of sequence to a record."""
    entry.pieces.append(piece)
    entry.length += len(piece)
    if entry.length > LONGEST_SEQUENCE:
        raise DataError(
            entry.where(path),
            f"more than {LONGEST_SEQUENCE:,} characters of sequence, longer than any protein",
            "give protein sequences, one record each",
        )


def _shortened(name: str) -> str:
    """Return an id short enough for a message."""
    return name if len(name) <= 60 else name[:59] + "…"
