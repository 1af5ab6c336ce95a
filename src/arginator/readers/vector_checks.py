"""What every vector must satisfy, whatever kind of file it comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Shaped

from arginator.embeddings import Embeddings
from arginator.errors import DataError

BATCH_ROWS = 4096
MAX_ID_CHARACTERS = 1_000
MAX_WIDTH = 65_536
MAX_EXPANSION = 100  # vectors of real proteins shrink to a half at best, sparse counts to a tenth
ALWAYS_FINE_BYTES = 64 * 2**20
CONTROLS = r"\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"  # all but the tab
CONTROL = re.compile(f"[{CONTROLS}]")
SOUND_ID = re.compile(rf"(?!\s)[^{CONTROLS}]{{1,{MAX_ID_CHARACTERS}}}(?<!\s)")
HALF_MAGNITUDE, HALF_INFINITE = np.uint16(0x7FFF), np.uint16(0x7C00)  # bits of a float16

Batch = tuple[Sequence[str], Shaped[np.ndarray, "n d"]]


class Inspection:
    """Counts what is wrong with the vectors of one file, so that one message can tell all of it.

    Args:
        path: The file, for messages.
        width: Numbers that each vector must have; None leaves it to the first vector.
    """

    def __init__(self, path: Path, width: int | None = None) -> None:
        self.path, self.width = path, width
        self._read = 0
        self._ids: set[str] = set()
        self._faults: dict[tuple[str, str], list[str]] = {}

    def note(self, problem: str, offender: str, remedy: str, vectors: int = 1) -> None:
        """Take down that `offender`, or a run of `vectors` that it leads, is faulty."""
        self._faults.setdefault((problem, remedy), []).extend([offender] * vectors)

    def count_rejected(self, vectors: int = 1) -> None:
        """Count vectors that were read but cannot be passed on."""
        self._read += vectors

    def fits(self, name: str, shape: tuple[int, ...]) -> bool:
        """Tell whether a single vector has the right shape, (d,) or (1, d); note it if not."""
        if len(shape) == 2 and shape[0] == 1:
            shape = shape[1:]
        if len(shape) == 1 and self.has_width(shape[0], name, 1):
            return True
        if len(shape) != 1:
            self._note_shape(name, shape)
        self.count_rejected()
        return False

    def has_width(self, width: int, first: str, vectors: int) -> bool:
        """Tell whether `vectors` vectors, led by `first`, have the right width; note it if not.

        Raises:
            DataError: The width is 0 or beyond any embedder's.
        """
        if not 1 <= width <= MAX_WIDTH:
            raise DataError(
                self.path,
                f"vector {first!r} claims width {width}, expected 1 to {MAX_WIDTH}",
                "export the vectors again",
            )
        self.width = self.width or width
        if width != self.width:
            problem = f"have width {width}, expected {self.width}"
            self.note(problem, first, "one run takes one embedder", vectors)
        return width == self.width

    def admit(self, ids: Sequence[str], matrix: Shaped[np.ndarray, "n d"]) -> Embeddings | None:
        """Check n vectors; return them, cast to what is kept, or None if any has a fault."""
        names = tuple(ids)
        self._read += len(names)
        sound = self._check_ids(names)
        if not names or not self.has_width(matrix.shape[1], names[0], len(names)):
            return None
        kept = cast(matrix)
        faulty = np.flatnonzero(~are_finite(kept))
        for row in faulty:
            self.note(
                "hold NaN, infinite or too large numbers", names[row], "make these vectors again"
            )
        return Embeddings(names, kept) if sound and not len(faulty) else None

    def close(self) -> None:
        """Report what was noted.

        Raises:
            DataError: A vector or id is faulty; the message covers the first kind of fault.
        """
        if self._faults:
            (problem, remedy), offenders = next(iter(self._faults.items()))
            more = len(self._faults) - 1
            raise DataError(
                self.path,
                f"{len(offenders):,} of {self._read:,} vectors {problem} (first: {offenders[0]!r})"
                + (f"; {more} more kinds of fault" if more else ""),
                remedy,
            )

    def _check_ids(self, ids: tuple[str, ...]) -> bool:
        """Note what is wrong with ids; return whether nothing is."""
        new = set(ids)
        if len(new) == len(ids) and self._ids.isdisjoint(new) and all(map(SOUND_ID.fullmatch, ids)):
            self._ids |= new  # as nearly always, and faster than one by one
            return True
        for name in ids:
            if not name or len(name) > MAX_ID_CHARACTERS:
                problem = (
                    f"have an id that is empty or longer than {MAX_ID_CHARACTERS:,} characters"
                )
                self.note(problem, name[:40], "give each protein a short id")
            elif CONTROL.search(name) or name != name.strip():
                problem = "have an id with control characters or with blanks before or after it"
                self.note(problem, name[:40], "take them out")
            if name in self._ids:
                self.note("repeat the id of another", name, "give each protein its own id")
            self._ids.add(name)
        return False

    def _note_shape(self, name: str, shape: tuple[int, ...]) -> None:
        dimensions = " × ".join(str(length) for length in shape) or "a single number"
        self.note(
            f"are no vectors but {dimensions}, expected one row of numbers a protein",
            name,
            "average over the residues first; a matrix with one row a protein is named under "
            "'matrix' and its ids under 'names' in dataset.yaml",
        )


def are_finite(matrix: Float[np.ndarray, "n d"]) -> Bool[np.ndarray, " n"]:
    """Tell for each of n vectors whether all its numbers are finite, d of them and d at least 1.

    Numbers of 16 bits are compared as integers, which takes numpy a tenth of the time.
    """
    if matrix.dtype == np.float16:
        magnitude = matrix.view(np.uint16) & HALF_MAGNITUDE
        return np.asarray(magnitude.max(axis=1) < HALF_INFINITE)
    return np.asarray(np.isfinite(matrix).all(axis=1))


def cast(matrix: Shaped[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Return float16 and float32 in native byte order as they are, other floats as float32.

    Numbers too large for float32 become infinite.
    """
    with np.errstate(over="ignore", under="ignore"):
        return matrix.astype(kept_type(matrix.dtype), copy=False)


def kept_type(dtype: np.dtype[np.generic]) -> np.dtype[np.floating]:
    """Return the type in which floats of `dtype` are kept."""
    return np.dtype(np.float16) if dtype.itemsize == 2 else np.dtype(np.float32)


def require_floats(dtype: object, path: Path, name: str) -> None:
    """Refuse what holds no real numbers.

    Raises:
        DataError: `dtype` is no numpy type of floats.
    """
    if not (isinstance(dtype, np.dtype) and dtype.kind == "f"):
        raise DataError(
            path,
            f"{name} is of type {dtype}, expected float16, float32 or float64",
            "export the vectors again as floats",
        )


def refuse_bomb(path: Path, name: str, claimed_bytes: int, stored_bytes: int) -> None:
    """Refuse, before reading it, what claims to be far larger than the bytes that hold it.

    Raises:
        DataError: `claimed_bytes` is large and more than `MAX_EXPANSION` times `stored_bytes`.
    """
    if claimed_bytes > ALWAYS_FINE_BYTES and claimed_bytes > MAX_EXPANSION * stored_bytes:
        raise DataError(
            path,
            f"{name} claims {claimed_bytes:,} bytes, but holds {stored_bytes:,}",
            "the file is incomplete or hostile; export it again",
        )


def check_ids_match(path: Path, ids: int, rows: int) -> None:
    """Refuse a matrix whose ids are more or fewer than its rows.

    Raises:
        DataError: The two numbers differ.
    """
    if ids != rows:
        raise DataError(path, f"{ids:,} ids for {rows:,} vectors", "give one id a row")


@contextmanager
def naming_damage(path: Path, *kinds: type[Exception]) -> Iterator[None]:
    """Turn a reader's own errors into one message.

    Raises:
        DataError: The block raised one of `kinds`.
    """
    try:
        yield
    except kinds as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            path, f"damaged or incomplete ({reason})", "fetch or export it again"
        ) from None
