"""Text files from strangers: gzip or plain, within a byte limit, and nothing else in disguise."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arginator.errors import DataError

GZIP = b"\x1f\x8b"
HEAD_BYTES = 4096
BUFFER_BYTES = 2**16
DISGUISES = {
    "UTF-16 text": rb"\xff\xfe|\xfe\xff|[^\x00]\x00|\x00[^\x00]",
    "a zip archive (npz, docx and xlsx are zip too)": rb"PK\x03\x04|PK\x05\x06",
    "gzip inside gzip": GZIP,
    "a bzip2 file": rb"BZh[1-9]",
    "an xz file": rb"\xfd7zXZ",
    "a zstd file": rb"\x28\xb5\x2f\xfd",
    "a PDF document": rb"%PDF-",
    "an HDF5 file": rb"\x89HDF",
    "a Parquet file": rb"PAR1",
    "a NumPy file": rb"\x93NUMPY",
    "a GenBank record": rb"LOCUS {2,}\S",
    "an EMBL or UniProt record": rb"ID {3}\S",
    "a PDB structure": rb"(HEADER|ATOM|TITLE|CRYST1) {2,}\S",
    "a Stockholm alignment": rb"# STOCKHOLM",
    "a Clustal alignment": rb"CLUSTAL",
    "a SAM file": rb"@(HD|SQ|RG|PG|CO)\t",
    "FASTQ reads": rb"@[^\r\n]*\r?\n[^\r\n]*\r?\n\+",
    "a web page": rb"\s*<(!DOCTYPE|html)",
    "an XML document": rb"\s*<\?xml",
}


@contextmanager
def open_text(path: Path, max_bytes: int) -> Iterator[io.TextIOWrapper]:
    r"""Open a UTF-8 text file, plain or gzip, for reading with `\n` as the only line end.

    A byte order mark is dropped. A byte that is not UTF-8 reads as a lone surrogate (Python's
    "surrogateescape"), so that the reader can say in which line it stands.

    Raises:
        DataError: On opening, if the file cannot be read or is of another kind; while reading, if
            there are more than `max_bytes` bytes after decompression or the gzip is damaged.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise DataError(path, "no such file") from None
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})") from None
    with file:
        source = gzip.GzipFile(fileobj=file) if file.peek(2).startswith(GZIP) else file
        with io.BufferedReader(_Guarded(source, path, max_bytes), BUFFER_BYTES) as content:
            _refuse_disguise(content.peek(HEAD_BYTES)[:HEAD_BYTES], path)
            with io.TextIOWrapper(content, "utf-8-sig", "surrogateescape") as text:
                yield text


class _Guarded(io.RawIOBase):
    """A binary stream that raises `DataError` above a byte limit and for damaged gzip."""

    def __init__(self, source: io.BufferedIOBase, path: Path, max_bytes: int) -> None:
        self.source, self.path, self.max_bytes = source, path, max_bytes
        self.bytes_read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # all it is given
        try:
            content = self.source.read(len(buffer))
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            problem = f"damaged or incomplete gzip file ({error})"
            raise DataError(self.path, problem, "get the file again") from None
        buffer[: len(content)] = content
        self.bytes_read += len(content)
        if self.bytes_read > self.max_bytes:
            problem = f"more than {self.max_bytes:,} bytes of text, the limit"
            raise DataError(self.path, problem, "split the file")
        return len(content)


def _refuse_disguise(head: bytes, path: Path) -> None:
    """Raise if the first bytes of a file are those of another format."""
    for kind, pattern in DISGUISES.items():
        if re.match(pattern, head):
            raise DataError(path, f"looks like {kind}, expected plain text", "convert it first")
