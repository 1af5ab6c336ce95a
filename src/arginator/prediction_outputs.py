"""Outputs of a prediction: tables and reports, written batch by batch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import IO, Any, Literal, Protocol, runtime_checkable

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from arginator.hamronized import HamronizedWriter
from arginator.multiqc_report import MultiqcWriter

Format = Literal["tsv", "csv", "jsonl", "parquet", "hamronization", "mqc"]
BY_FILE = ("hamronization", "mqc")  # formats that need a column `file`
FORMULA = "^[=+@\t\r-]"  # what a spreadsheet would run


@runtime_checkable
class Writer(Protocol):
    """What takes batches of rows and turns them into bytes of a file."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows."""

    def close(self) -> None:
        """Write what is left."""


class TextWriter:
    """A header, then a line a row; a field is quoted only where it must be, null is empty.

    Args:
        file: Where to write.
        schema: Names and types of the columns.
        delimiter: What stands between two fields.
        for_spreadsheets: Whether to put an apostrophe before texts that would be run as a formula.
    """

    def __init__(
        self, file: IO[bytes], schema: pa.Schema, delimiter: str, *, for_spreadsheets: bool
    ) -> None:
        self._file, self._delimiter = file, delimiter
        self._for_spreadsheets = for_spreadsheets
        names = pa.array(schema.names)
        file.write(delimiter.join(self._quoted(names).to_pylist()).encode() + b"\n")

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows."""
        columns = [self._fields(column) for column in batch.columns]
        lines = pc.binary_join_element_wise(*columns, self._delimiter)
        self._file.writelines(f"{line}\n".encode() for line in lines.to_pylist())

    def close(self) -> None:
        """Write what is left: nothing."""

    def _fields(self, column: pa.Array) -> pa.Array:
        """Return what stands in the file for each value."""
        if not pa.types.is_string(column.type):
            return pc.fill_null(pc.cast(column, pa.string()), "")
        if self._for_spreadsheets:
            armed = pc.match_substring_regex(column, FORMULA)
            column = pc.if_else(armed, pc.binary_join_element_wise("'", column, ""), column)
        return self._quoted(pc.fill_null(column, ""))

    def _quoted(self, texts: pa.Array) -> pa.Array:
        """Put texts into quotes that hold a delimiter, a quote or a line end."""
        unsafe = pc.match_substring_regex(texts, f'["\\r\\n{self._delimiter}]')
        doubled = pc.replace_substring(texts, '"', '""')
        return pc.if_else(unsafe, pc.binary_join_element_wise('"', doubled, '"', ""), texts)


class JsonWriter:
    """An object a line; sets are lists."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows."""
        for row in as_rows(batch):
            self._file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")

    def close(self) -> None:
        """Write what is left: nothing."""


def as_rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return rows as JSON has them: an object each, sets as lists."""
    rows: list[dict[str, Any]] = batch.to_pylist()
    for name in (name for name in batch.schema.names if name.endswith(".set")):
        for row in rows:
            row[name] = None if row[name] is None else [x for x in row[name].split("|") if x]
    return rows


class ParquetWriter:
    """A Parquet file with checksums."""

    def __init__(self, file: IO[bytes], schema: pa.Schema) -> None:
        options = {"compression": "zstd", "write_page_checksum": True}
        self._writer = pq.ParquetWriter(file, schema, **options)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows."""
        self._writer.write_batch(batch)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


def open_writer(
    kind: Format,
    file: IO[bytes],
    schema: pa.Schema,
    *,
    database: str = "",
    version: str = "",
    positive: Sequence[str] = (),
) -> Writer:
    """Return what writes rows in a format.

    Args:
        kind: The format.
        file: Where to write.
        schema: Names and types of the columns; formats in `BY_FILE` need one called `file`.
        database: Name of the data set that the models were trained on, for "hamronization".
        version: Ids of the bundles, for formats in `BY_FILE`.
        positive: Calls that "hamronization" reports.
    """
    if kind == "hamronization":
        return HamronizedWriter(file, database, version, positive)
    if kind == "mqc":
        return MultiqcWriter(file, version)
    if kind == "jsonl":
        return JsonWriter(file)
    if kind == "parquet":
        return ParquetWriter(file, schema)
    delimiter = "\t" if kind == "tsv" else ","
    return TextWriter(file, schema, delimiter, for_spreadsheets=kind == "csv")
