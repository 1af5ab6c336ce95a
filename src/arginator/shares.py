"""Into which batches a fold falls, and which rows of each a process gets."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Share:
    """Which part of every batch a process gets.

    Attributes:
        rank: Number of the process, from 0.
        of: How many processes there are.
    """

    rank: int = 0
    of: int = 1

    def rows(self, number: int) -> slice:
        """Return its rows of a batch of `number`; the shares of all processes make up the batch.

        >>> [Share(rank, 3).rows(8) for rank in range(3)]
        [slice(0, 2, None), slice(2, 5, None), slice(5, 8, None)]
        """
        return slice(self.rank * number // self.of, (self.rank + 1) * number // self.of)


WHOLE = Share()


def steps_of(proteins: int, batch_size: int, processes: int = 1) -> int:
    """Return into how many nearly equal batches an epoch falls.

    None is larger than `batch_size`, and none gives a process a single protein unless there are
    too few: batch normalisation knows no variance of one, so a batch size of 1 gives batches of 2
    or 3.

    >>> steps_of(1025, 512)
    3
    """
    return max(1, min(-(-proteins // batch_size), proteins // (2 * processes)))


def slices_of(proteins: int, batch_size: int, share: Share) -> list[slice]:
    """Return which rows a process gets of each batch of a fold in its own order.

    >>> slices_of(8, 4, Share(1, 2))
    [slice(2, 4, None), slice(6, 8, None)]
    """
    steps = steps_of(proteins, batch_size, share.of)
    slices, first = [], 0
    for batch in torch.arange(proteins).tensor_split(steps):
        rows = share.rows(len(batch))
        slices.append(slice(first + rows.start, first + rows.stop))
        first += len(batch)
    return slices
