"""Results of jobs in every format, made from the Parquet that the worker left."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from arginator.files import replacing
from arginator.prediction import Predictor
from arginator.prediction_inputs import NOT_SCORED
from arginator.prediction_outputs import BY_FILE, Format, open_writer

ResultFormat = Literal["tsv", "csv", "jsonl", "parquet", "hamronized"]
MEDIA_TYPES: dict[str, str] = {
    "tsv": "text/tab-separated-values; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "hamronized": "text/tab-separated-values; charset=utf-8",
}


def convert(source: Path, path: Path, kind: ResultFormat, name: str, predictor: Predictor) -> None:
    """Write a result in another format.

    Args:
        source: The Parquet file.
        path: The file to write.
        kind: The format.
        name: What the client calls the input.
        predictor: What made the rows.
    """
    wanted: Format = "hamronization" if kind == "hamronized" else kind
    facts = {"database": predictor.source, "version": predictor.id}
    with (
        pq.ParquetFile(source) as rows,
        replacing(path) as temporary,
        temporary.open("wb") as file,
        closing(open_writer(wanted, file, rows.schema_arrow, **facts)) as writer,
    ):
        for batch in rows.iter_batches():
            if wanted in BY_FILE:
                names = pa.array([name] * len(batch), pa.string())
                batch = batch.append_column("file", names)
            writer.write(batch)


def list_rejected(source: Path, path: Path) -> None:
    """Write the ids that were not scored, and why.

    Args:
        source: The Parquet file.
        path: The file to write.
    """
    columns = ["id", "status"]
    schema = pa.schema([(name, pa.string()) for name in columns])
    with (
        pq.ParquetFile(source) as rows,
        replacing(path) as temporary,
        temporary.open("wb") as file,
        closing(open_writer("tsv", file, schema)) as writer,
    ):
        for batch in rows.iter_batches(columns=columns):
            writer.write(batch.filter(pc.starts_with(batch.column("status"), NOT_SCORED)))
