"""Vectors in numpy's own files: npz (matrix and ids) and npy with its ids in a text file."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Shaped
from numpy.lib import format as npy

from arginator.errors import DataError
from arginator.readers.vector_checks import (
    BATCH_ROWS,
    MAX_ID_CHARACTERS,
    Batch,
    Inspection,
    check_ids_match,
    naming_damage,
    refuse_bomb,
    require_floats,
)

MAX_ITEM_BYTES = 4 * MAX_ID_CHARACTERS  # numpy keeps four bytes a character
DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    SyntaxError,  # numpy parses headers as Python literals
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,  # an encrypted member, or a compression that Python does not know
)


@runtime_checkable
class Readable(Protocol):
    """A binary stream, of a file or of a member of an archive."""

    def read(self, size: int = ..., /) -> bytes:
        """Return the next bytes."""


Header = tuple[tuple[int, ...], np.dtype[np.generic]]


def read_npy(inspection: Inspection, ids: Path | None) -> Iterator[Batch]:
    """Yield the rows of a matrix, mapped from disk, with the ids that a text file lists.

    Raises:
        DataError: The file is damaged, pickled or no matrix of floats, or ids are missing.
    """
    path = inspection.path
    if ids is None:
        raise DataError(path, "holds no ids", "name a text file, one id a line, under 'ids'")
    with path.open("rb") as file:
        shape, dtype = _read_header(file, path, "the array")
        _check_matrix(path, "the array", shape, dtype)
        claimed, stored = math.prod(shape) * dtype.itemsize, path.stat().st_size - file.tell()
    if claimed > stored:
        raise DataError(
            path,
            f"damaged or incomplete (claims {claimed:,} bytes, but holds {stored:,})",
            "fetch or export it again",
        )
    names = read_ids(ids)
    check_ids_match(ids, len(names), shape[0])
    if shape[0]:
        yield from _batches(names, np.load(path, mmap_mode="r", allow_pickle=False))


def read_npz(inspection: Inspection, matrix: str | None, names: str | None) -> Iterator[Batch]:
    """Yield the rows of one array of an npz file, with the ids that another holds.

    The arrays are read whole. Without `matrix` and `names` they are the only array with two
    dimensions and the only one with one.

    Raises:
        DataError: The file is damaged, pickled or does not hold the two arrays.
    """
    path = inspection.path
    with naming_damage(path, *DAMAGE), zipfile.ZipFile(path) as archive:
        headers = {_key(info): _member_header(archive, info, path) for info in archive.infolist()}
    matrix = _choose(headers, matrix, 2, "matrix", path)
    names = _choose(headers, names, 1, "names", path)
    _check_matrix(path, repr(matrix), *headers[matrix])
    _check_names(path, repr(names), *headers[names])
    check_ids_match(path, headers[names][0][0], headers[matrix][0][0])
    with naming_damage(path, *DAMAGE), np.load(path, allow_pickle=False) as arrays:
        vectors, ids = arrays[matrix], arrays[names]
        text = np.char.decode(ids, "utf-8") if ids.dtype.kind == "S" else ids
        listed = text.tolist()
    yield from _batches(listed, vectors)


def read_ids(path: Path) -> list[str]:
    """Return the lines of a text file, verbatim without their line ends.

    Raises:
        DataError: The file is missing or no UTF-8, or a line is blank.
    """
    with naming_damage(path, OSError, UnicodeDecodeError):
        text = path.read_text("utf-8-sig")
    lines = text.removesuffix("\n").split("\n") if text else []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            raise DataError(f"{path}:{number}", "is a blank line", "list one id a line")
    return lines


def _batches(names: list[str], matrix: Shaped[np.ndarray, "n d"]) -> Iterator[Batch]:
    for start in range(0, len(names), BATCH_ROWS):
        rows = slice(start, start + BATCH_ROWS)
        yield names[rows], np.asarray(matrix[rows])


def _key(info: zipfile.ZipInfo) -> str:
    """Return the name of an array from that of its file."""
    return info.filename.removesuffix(".npy")


def _member_header(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> Header:
    """Read shape and type of one array in an npz file, and check its size."""
    with archive.open(info) as file:
        shape, dtype = _read_header(file, path, repr(_key(info)))
    claimed = max(info.file_size, math.prod(shape) * dtype.itemsize)
    refuse_bomb(path, repr(_key(info)), claimed, info.compress_size)
    return shape, dtype


def _read_header(file: Readable, path: Path, name: str) -> Header:
    """Read shape and type of an array, and refuse pickled objects."""
    with naming_damage(path, *DAMAGE):
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
    if dtype.hasobject:
        raise DataError(
            path,
            f"{name} holds pickled objects, which can run code when read",
            "save plain numbers and text",
        )
    return shape, dtype


def _choose(
    headers: Mapping[str, Header], name: str | None, dimensions: int, what: str, path: Path
) -> str:
    """Return the name of the array to read."""
    there = ", ".join(headers) or "nothing"
    if name is not None and name not in headers:
        raise DataError(path, f"holds no array {name!r} (there: {there})", f"correct {what!r}")
    fitting = [key for key, (shape, _) in headers.items() if len(shape) == dimensions]
    if name is None and len(fitting) != 1:
        raise DataError(
            path,
            f"holds {len(fitting)} arrays with {dimensions} dimensions, expected 1 "
            f"(there: {there})",
            f"name the one to read under {what!r}",
        )
    return name if name is not None else fitting[0]


def _check_matrix(
    path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype[np.generic]
) -> None:
    require_floats(dtype, path, name)
    if len(shape) != 2:
        raise DataError(
            path,
            f"{name} has shape {' × '.join(map(str, shape))}, expected one row a protein",
            "save one vector a protein; average over residues first",
        )


def _check_names(
    path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype[np.generic]
) -> None:
    if len(shape) != 1:
        raise DataError(path, f"{name} has {len(shape)} dimensions, expected one id a protein")
    if dtype.kind not in "US" or dtype.itemsize > MAX_ITEM_BYTES:
        raise DataError(
            path,
            f"{name} is of type {dtype}, expected text of at most {MAX_ID_CHARACTERS:,} characters",
            "save the ids as text",
        )
