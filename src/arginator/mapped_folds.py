"""Folds for training whose vectors stay in a memory-mapped Arrow file, or are held in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa

from arginator.folds import Folds
from arginator.prepared import (
    Prepared,
    Provenance,
    read_ids,
    read_prepared,
    read_provenance,
    stream_prepared,
)

BLOCK_ROWS = 1024  # read at a time; a block has those of them that are in its fold


@dataclass(frozen=True)
class MappedFold:
    """The n proteins of a fold, whose vectors are in an Arrow file and not in memory.

    Attributes:
        labels: n labels, each a key of `about.labels`.
        about: Where the data set came from.
        width: Numbers in a vector, d.
        block_rows: Proteins in each record batch of the file, none of them empty.
        path: The Arrow IPC file; its one column holds the vectors in the order of the labels.
    """

    labels: tuple[str, ...]
    about: Provenance
    width: int
    block_rows: tuple[int, ...]
    path: Path

    def open_blocks(self) -> pa.RecordBatchFileReader:
        """Return the file, mapped into memory: a record batch a block, read when it is touched."""
        return pa.ipc.open_file(pa.memory_map(str(self.path)))


TrainingFold = Prepared | MappedFold


@contextmanager
def open_folds(
    prepared: Path, folds: Folds, memory: Literal["held", "mapped"]
) -> Iterator[tuple[TrainingFold, TrainingFold]]:
    """Yield the training and the validation fold of a prepared data set.

    Args:
        prepared: What `write_prepared` wrote.
        folds: Which protein is in which fold.
        memory: "held" reads the file whole. "mapped" streams the two folds' vectors into Arrow
            files in a temporary folder, which is removed when the block ends, however it ends.

    Raises:
        DataError: The file is missing, damaged or not a prepared data set, or the folds were made
            for other proteins.
    """
    if memory == "held":
        data = read_prepared(prepared)
        yield folds.select(data, "train"), folds.select(data, "validation")
        return
    with tempfile.TemporaryDirectory(prefix="arginator-") as folder:
        yield map_folds(prepared, folds, Path(folder))


def map_folds(prepared: Path, folds: Folds, folder: Path) -> tuple[MappedFold, MappedFold]:
    """Stream the vectors of the training and the validation fold into Arrow files in `folder`.

    Raises:
        DataError: The file is missing, damaged or not a prepared data set, or the folds were made
            for other proteins.
    """
    about = read_provenance(prepared)
    folds.check_ids(read_ids(prepared), about)
    masks = [folds.fold_mask(name) for name in ("train", "validation")]
    with ExitStack() as stack:
        writers = [stack.enter_context(_Writer(folder / f"{fold}.arrow")) for fold in range(2)]
        start = 0
        for batch in stream_prepared(prepared, BLOCK_ROWS):
            for writer, mask in zip(writers, masks, strict=True):
                writer.add(batch.filter(pa.array(mask[start : start + len(batch)])))
            start += len(batch)
    return writers[0].fold(about), writers[1].fold(about)


class _Writer:
    """Writes blocks of vectors into an Arrow file and remembers their labels."""

    def __init__(self, path: Path) -> None:
        self.path, self.width = path, 0
        self.labels: list[str] = []
        self.block_rows: list[int] = []
        self.known: dict[str, str] = {}
        self._file: pa.RecordBatchFileWriter | None = None

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, batch: pa.RecordBatch) -> None:
        """Write a block, unless it is empty."""
        if self._file is None:
            self.width = batch.schema.field("embedding").type.list_size
            schema = pa.schema([batch.schema.field("embedding")])
            self._file = pa.ipc.new_file(str(self.path), schema)
        if len(batch):
            self._file.write_batch(batch.select(["embedding"]))
            self.block_rows.append(len(batch))
            self.labels += [self.known.setdefault(x, x) for x in batch["label"].to_pylist()]

    def fold(self, about: Provenance) -> MappedFold:
        """Return what has been written."""
        return MappedFold(tuple(self.labels), about, self.width, tuple(self.block_rows), self.path)
