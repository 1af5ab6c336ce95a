"""Rows kept beside an output while it is made, so that a run that was killed goes on from them."""

from __future__ import annotations

import fcntl
import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from arginator.errors import DataError

SUFFIX, FRESH_SUFFIX = ".partial", ".partial.new"
KEY = b"arginator"
REMEDY = "remove it to begin anew"


class KeptRows:
    """Rows of an earlier run, and those that this one adds.

    Kept rows are asked for first, batch by batch, in the order in which they were added.

    Attributes:
        number: How many rows of the earlier run were used.
    """

    def __init__(
        self, path: Path, schema: pa.Schema, fresh: IO[bytes], kept: Iterator[pa.RecordBatch]
    ) -> None:
        self.number = 0
        self._path, self._fresh, self._kept = path, fresh, kept
        self._seen: deque[pa.RecordBatch] = deque()
        self._sink = pa.ipc.new_stream(fresh, schema)
        self._in_place = False

    def take(self, ids: Sequence[str]) -> pa.RecordBatch | None:
        """Return the rows kept of these proteins; None from the first batch on that has none.

        Raises:
            DataError: The rows kept next are of other proteins.
        """
        batch = next(self.replay(), None)
        if batch is not None and batch.column("id").to_pylist() != list(ids):
            raise _mismatch(self._path)
        return batch

    def covers(self, ids: Sequence[str]) -> bool:
        """Tell whether the batches to be taken next are of these proteins and no others."""
        seen = sum(map(len, self._seen))
        while seen < len(ids) and (batch := next(self._kept, None)) is not None:
            self._seen.append(batch)
            seen += len(batch)
        names = [name for batch in self._seen for name in batch.column("id").to_pylist()]
        return names == list(ids)

    def replay(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches of the earlier run that were not taken yet."""
        while (batch := self._seen.popleft() if self._seen else next(self._kept, None)) is not None:
            self._sink.write_batch(batch)
            self.number += len(batch)
            yield batch

    def add(self, batch: pa.RecordBatch) -> None:
        """Keep the rows of one more batch, even if the process is killed right after."""
        self._sink.write_batch(batch)
        self._fresh.flush()
        if not self._in_place:  # the new file holds all rows of the earlier run now
            Path(self._fresh.name).replace(self._path)
            self._in_place = True

    def read(self) -> Iterator[pa.RecordBatch]:
        """Yield all batches, those taken and those added, from the beginning."""
        self._fresh.flush()
        with Path(self._fresh.name if not self._in_place else self._path).open("rb") as file:
            if file.seek(0, 2):  # nothing is written before the first batch
                file.seek(0)
                yield from pa.ipc.open_stream(file)


@contextmanager
def keep_rows(output: Path, job: Mapping[str, Any], schema: pa.Schema) -> Iterator[KeptRows]:
    """Yield what keeps rows until `output` is written; then they go away.

    They stay where they are if the block is stopped or fails, unless the input is at fault.

    Args:
        output: What the rows are for; they are kept beside it, in a file of its name and
            `.partial`.
        job: What the rows depend on: a JSON object.
        schema: Names and types of their columns.

    Raises:
        DataError: The rows kept are of another job, the file is none of kept rows, or another
            process is at work on them.
    """
    path, new = (output.with_name(output.name + end) for end in (SUFFIX, FRESH_SUFFIX))
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = schema.with_metadata({KEY: json.dumps(job, sort_keys=True).encode()})
    with path.open("a+b") as old:
        _lock(old, output)
        kept = _open_kept(path, old, schema)
        with new.open("wb") as fresh:
            _lock(fresh, output)
            try:
                yield KeptRows(path, schema, fresh, kept)
                path.unlink()
            except DataError as error:
                if error.remedy != REMEDY:
                    path.unlink()
                raise
            finally:
                new.unlink(missing_ok=True)


def _open_kept(path: Path, old: IO[bytes], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Return the batches of a file, none for an empty one, if they are of the same job."""
    if not old.seek(0, 2):
        return iter(())
    old.seek(0)
    try:
        stream = pa.ipc.open_stream(old)
    except (pa.ArrowInvalid, OSError):
        raise DataError(path, "holds no rows of an earlier run", REMEDY) from None
    if not stream.schema.equals(schema, check_metadata=True):
        raise _mismatch(path)
    return _intact(stream)


def _intact(stream: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Yield batches up to the first that a killed process left unfinished."""
    try:
        yield from stream
    except (pa.ArrowInvalid, OSError):
        return


def _mismatch(path: Path) -> DataError:
    """Return what to raise for rows of another job."""
    return DataError(path, "holds rows of other inputs, models or options", REMEDY)


def _lock(file: IO[bytes], output: Path) -> None:
    """Make sure that no other process writes the same output."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        problem = "is being written by another process"
        raise DataError(output, problem, "wait for it, or name another file") from None
