"""Vectors in tables: Parquet (id and a column of lists) and CSV (id and d columns of numbers)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Float64

from arginator.errors import DataError
from arginator.readers.vector_checks import (
    BATCH_ROWS,
    Batch,
    Inspection,
    naming_damage,
    refuse_bomb,
    require_floats,
)

PARQUET_DAMAGE = (pa.ArrowException, OSError, UnicodeDecodeError)
CHECKSUM = "CRC"  # in the message of a page whose checksum is wrong


def read_parquet(inspection: Inspection, matrix: str | None, names: str | None) -> Iterator[Batch]:
    """Yield the vectors of a Parquet file in batches, with page checksums verified.

    Args:
        inspection: Takes note of faulty rows.
        matrix: The column of vectors; by default the only column of lists.
        names: The column of ids; by default 'id'.

    Raises:
        DataError: The file is damaged, claims more than it holds, or lacks a column.
    """
    path = inspection.path
    with naming_damage(path, *PARQUET_DAMAGE):
        file = pq.ParquetFile(path, page_checksum_verification=True)
    with file:
        with naming_damage(path, *PARQUET_DAMAGE):
            id_column, vector_column = _columns(file, path, matrix, names)
        _check_footer(file, path, [id_column, vector_column])
        for group in range(file.num_row_groups):
            batches = file.iter_batches(BATCH_ROWS, [group], [id_column, vector_column])
            while (batch := _next(batches, path, group)) is not None:
                yield from _rows(batch[id_column], batch[vector_column], inspection)


def read_csv(inspection: Inspection) -> Iterator[Batch]:
    """Yield the vectors of a text table: a line of column names, of which the first is `id`.

    Tabs part the columns if one follows that name, commas otherwise.

    Raises:
        DataError: The file is no UTF-8 or no such table, or a cell is no number.
    """
    ids: list[str] = []
    rows: list[Float64[np.ndarray, " d"]] = []
    for name, numbers in _lines(inspection.path):
        if inspection.fits(name, numbers.shape):
            ids.append(name)
            rows.append(numbers)
        if len(ids) == BATCH_ROWS:
            yield ids, np.stack(rows)
            ids, rows = [], []
    if ids:
        yield ids, np.stack(rows)


def _lines(path: Path) -> Iterator[tuple[str, Float64[np.ndarray, " d"]]]:
    """Yield id and numbers of each line after the column names."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        with naming_damage(path, UnicodeDecodeError):
            tabs = file.read(5).startswith(("id\t", '"id"\t'))
        file.seek(0)
        lines = csv.reader(file, delimiter="\t" if tabs else ",", strict=True)
        columns = _next_line(lines, path) or []
        if columns[:1] != ["id"] or len(columns) < 2:
            raise DataError(
                path,
                f"the first line starts with {', '.join(columns[:2]) or 'nothing'!r}, expected "
                "'id' and a name for each column of numbers",
                "add a line of column names",
            )
        while (cells := _next_line(lines, path)) is not None:
            if not cells:
                continue
            name, *numbers = cells
            try:
                yield name, np.array(numbers, np.float64)
            except ValueError as error:
                where = f"{path}:{lines.line_num} (id {name!r})"
                raise DataError(where, str(error), "give a number in each column") from None


def _next_line(lines: Iterator[list[str]], path: Path) -> list[str] | None:
    """Return the cells of the next line, None after the last."""
    with naming_damage(path, csv.Error, UnicodeDecodeError):
        return next(lines, None)


def _columns(
    file: pq.ParquetFile, path: Path, matrix: str | None, names: str | None
) -> tuple[str, str]:
    """Return the names of the columns of ids and of vectors."""
    schema = file.schema_arrow
    lists = [field.name for field in schema if _element(field.type) is not None]
    there = ", ".join(schema.names)
    if matrix is None and len(lists) != 1:
        raise DataError(
            path,
            f"has {len(lists)} columns of lists, expected 1 (there: {there})",
            "name the column of vectors under 'matrix'",
        )
    id_column, vector_column = names or "id", matrix or lists[0]
    for column, key in ((id_column, "names"), (vector_column, "matrix")):
        if schema.names.count(column) != 1:
            raise DataError(path, f"has no column {column!r} (there: {there})", f"correct {key!r}")
    id_type = schema.field(id_column).type
    if not (pa.types.is_string(id_type) or pa.types.is_large_string(id_type)):
        problem = f"column {id_column!r} is of type {id_type}, expected string"
        raise DataError(path, problem, "save the ids as strings")
    vector_type = schema.field(vector_column).type
    element = _element(vector_type)
    dtype = vector_type
    if element is not None and pa.types.is_floating(element):
        dtype = np.dtype(element.to_pandas_dtype())
    require_floats(dtype, path, f"column {vector_column!r}")
    return id_column, vector_column


def _element(kind: pa.DataType) -> pa.DataType | None:
    """Return the type of a list's elements, None for what is no list."""
    is_list = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return kind.value_type if any(test(kind) for test in is_list) else None


def _check_footer(file: pq.ParquetFile, path: Path, names: list[str]) -> None:
    """Refuse a file whose footer claims far more numbers than its bytes can hold.

    The file is scanned first, in flat memory: pyarrow ends the process when it is asked for the
    sizes in a damaged footer, but a scan fails in good order.
    """
    try:
        file.scan_contents(names)
    except PARQUET_DAMAGE as error:
        if CHECKSUM in str(error):
            return  # reading tells the row group
        raise _damage(error, path) from None
    metadata, prefixes = file.metadata, tuple(f"{name}." for name in names)
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    paths = [file.schema.column(index).path for index in range(len(file.schema))]
    read = [index for index, leaf in enumerate(paths) if f"{leaf}.".startswith(prefixes)]
    columns = [group.column(index) for group in groups for index in read]
    claimed = 4 * sum(column.num_values for column in columns)
    claimed = max(claimed, sum(column.total_uncompressed_size for column in columns))
    refuse_bomb(path, "the footer", claimed, path.stat().st_size)


def _next(batches: Iterator[pa.RecordBatch], path: Path, group: int) -> pa.RecordBatch | None:
    """Return the next batch of a row group, None after the last."""
    try:
        return next(batches, None)
    except PARQUET_DAMAGE as error:
        raise _damage(error, path, f", row group {group}") from None


def _damage(error: Exception, path: Path, place: str = "") -> DataError:
    """Return the error for a file that cannot be decoded."""
    reason = " ".join(str(error).split())
    what = "checksum failed" if CHECKSUM in reason else f"damaged or incomplete ({reason})"
    return DataError(path, what + place, "fetch or export it again")


def _rows(ids: pa.Array, vectors: pa.Array, inspection: Inspection) -> Iterator[Batch]:
    """Yield the sound rows of a batch, note the others."""
    with naming_damage(inspection.path, UnicodeDecodeError):
        names = ids.to_pylist()
    lengths = pc.list_value_length(vectors).to_pylist()
    elements = pc.list_flatten(vectors)
    nulls = set(pc.list_parent_indices(vectors).filter(pc.is_null(elements)).to_pylist())
    sound = []
    for row, (name, length) in enumerate(zip(names, lengths, strict=True)):
        if name is None or length is None or row in nulls:
            problem = "have no id" if name is None else "are or hold null"
            inspection.note(problem, f"row {row}" if name is None else name, "fill or remove them")
            inspection.count_rejected()
        elif inspection.fits(name, (length,)):
            sound.append(row)
    if sound:
        kept = vectors.take(pa.array(sound)) if len(sound) < len(names) else vectors
        matrix = pc.list_flatten(kept).to_numpy(zero_copy_only=False)
        yield [names[row] for row in sound], matrix.reshape(len(sound), -1)
