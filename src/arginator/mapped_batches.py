"""Batches of a fold in a mapped file: blocks in a new order, rows shuffled among several blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from arginator.mapped_folds import MappedFold
from arginator.tasks import Task

WINDOW_BLOCKS = 16  # whose rows are shuffled among each other; two windows may be in memory
Piece = tuple[Tensor, Tensor]  # n vectors and their n class indices


class MappedTensors:
    """A mapped fold as tensors that share the file's memory; they must not be written to.

    Attributes:
        class_index: Class of each protein.
    """

    def __init__(self, fold: MappedFold, task: Task) -> None:
        self.class_index = torch.from_numpy(task.encode(fold.labels))
        self._first = [0, *accumulate(fold.block_rows)]
        self._width = fold.width
        self._file = fold.open_blocks()

    def __len__(self) -> int:
        return len(self.class_index)

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return len(self._first) - 1

    def rows_of(self, block: int) -> slice:
        """Return which proteins are in a block."""
        return slice(self._first[block], self._first[block + 1])

    def piece(self, block: int) -> Piece:
        """Return a block, without a copy: DLPack knows no tensors that are read only."""
        values = self._file.get_batch(block).column(0).flatten()
        vectors = from_dlpack(values).view(-1, self._width)
        return vectors, self.class_index[self.rows_of(block)]

    def pieces(self) -> Iterator[Piece]:
        """Yield all blocks in the order of the file."""
        return map(self.piece, range(self.blocks))


def shuffled_pieces(
    fold: MappedTensors,
    generator: torch.Generator,
    weight: Float[Tensor, " n"] | None = None,
    window_blocks: int = WINDOW_BLOCKS,
) -> Iterator[Piece]:
    """Yield the rows of an epoch in windows: blocks in random order, rows shuffled in a window.

    Only the window is in memory. Each block is read once, from its beginning to its end.

    Args:
        fold: Where the rows are.
        generator: Where the order comes from.
        weight: Chance of each row, drawn with replacement from all; None for each row once.
        window_blocks: Blocks whose rows are mixed.
    """
    times = _times_drawn(weight, generator)
    for window in torch.split(torch.randperm(fold.blocks, generator=generator), window_blocks):
        yield _mix(fold, window.tolist(), times, generator)


def cut(pieces: Iterator[Piece], sizes: Sequence[int]) -> Iterator[Piece]:
    """Cut pieces, one after another, into batches of these sizes, which add up to all rows.

    >>> rows = iter([(torch.zeros(5, 1), torch.arange(5)), (torch.zeros(1, 1), torch.tensor([5]))])
    >>> [classes.tolist() for _, classes in cut(rows, [2, 4])]
    [[0, 1], [2, 3, 4, 5]]
    """
    vectors, class_index = torch.empty(0), torch.empty(0)
    start = 0
    for size in sizes:
        parts = []
        while size > 0:
            if start == len(class_index):
                (vectors, class_index), start = next(pieces), 0
            rows = slice(start, start + size)
            parts.append((vectors[rows], class_index[rows]))
            taken = len(parts[-1][1])
            size, start = size - taken, start + taken
        yield parts[0] if len(parts) == 1 else _join(parts)


def _join(parts: Sequence[Piece]) -> Piece:
    """Return the rows of all parts as one."""
    vectors, class_index = zip(*parts, strict=True)
    return torch.cat(vectors), torch.cat(class_index)


def _times_drawn(
    weight: Float[Tensor, " n"] | None, generator: torch.Generator
) -> Int[Tensor, " n"] | None:
    """Return how often each row comes in an epoch of as many as there are; None for once."""
    if weight is None:
        return None
    drawn = torch.multinomial(weight, len(weight), replacement=True, generator=generator)
    return torch.bincount(drawn, minlength=len(weight))


def _mix(
    fold: MappedTensors,
    window: Sequence[int],
    times: Int[Tensor, " n"] | None,
    generator: torch.Generator,
) -> Piece:
    """Return the rows of some blocks, each as often as it was drawn, in a random order.

    Blocks are read in the order of the file and each row is written where it belongs.
    """
    counts = [_rows_drawn(fold, block, times) for block in window]
    total = sum(counts)
    place = torch.randperm(total, generator=generator)
    first, class_index = fold.piece(window[0])
    vectors = torch.empty(total, first.shape[1], dtype=first.dtype)
    mixed = torch.empty(total, dtype=class_index.dtype)
    for block, places in zip(window, torch.split(place, counts), strict=True):
        piece = fold.piece(block)
        if times is not None:
            piece = _repeat(piece, times[fold.rows_of(block)])
        vectors.index_copy_(0, places, piece[0])
        mixed.index_copy_(0, places, piece[1])
    return vectors, mixed


def _rows_drawn(fold: MappedTensors, block: int, times: Int[Tensor, " n"] | None) -> int:
    """Return how many rows an epoch takes from a block."""
    rows = fold.rows_of(block)
    return rows.stop - rows.start if times is None else int(times[rows].sum())


def _repeat(piece: Piece, times: Int[Tensor, " rows"]) -> Piece:
    """Return each row as often as it was drawn."""
    rows = torch.arange(len(times)).repeat_interleave(times)
    return piece[0][rows], piece[1][rows]
