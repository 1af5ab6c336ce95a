"""Results of jobs in every format, made from the Parquet that the worker left."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel

from arginator.files import replacing
from arginator.prediction import Predictor
from arginator.prediction_inputs import NOT_SCORED
from arginator.prediction_outputs import BY_FILE, Format, open_writer

MADE_BY = "made_by.json"
ResultFormat = Literal["tsv", "csv", "jsonl", "parquet", "hamronized"]
MEDIA_TYPES: dict[str, str] = {
    "tsv": "text/tab-separated-values; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "hamronized": "text/tab-separated-values; charset=utf-8",
}


class Models(BaseModel):
    """What made the rows of a job, which may be other models than those of the service now.

    Attributes:
        bundle: Ids of the bundles.
        source: Name of the data set that they were trained on.
        looks_for: Name of the positive class, if there is one.
        positive_calls: The calls that say that a protein is of it.
    """

    bundle: str
    source: str
    looks_for: str | None
    positive_calls: tuple[str, ...]


def describe_models(predictor: Predictor) -> Models:
    """Return what is to be known of the models of a job."""
    return Models(
        bundle=predictor.id,
        source=predictor.source,
        looks_for=predictor.looks_for,
        positive_calls=predictor.positive_calls,
    )


def read_models(folder: Path) -> Models:
    """Return what made the rows in the folder of a job."""
    return Models.model_validate_json((folder / MADE_BY).read_bytes())


def convert(source: Path, path: Path, kind: ResultFormat, name: str, models: Models) -> None:
    """Write a result in another format, unless it is there.

    Args:
        source: The Parquet file.
        path: The file to write.
        kind: The format.
        name: What the client calls the input.
        models: What made the rows.
    """
    if path.exists():
        return
    wanted: Format = "hamronization" if kind == "hamronized" else kind
    facts = {"database": models.source, "version": models.bundle}
    positive = models.positive_calls
    with (
        pq.ParquetFile(source) as rows,
        replacing(path) as temporary,
        temporary.open("wb") as file,
        closing(open_writer(wanted, file, rows.schema_arrow, **facts, positive=positive)) as writer,
    ):
        for batch in rows.iter_batches():
            if wanted in BY_FILE:
                names = pa.array([name] * len(batch), pa.string())
                batch = batch.append_column("file", names)
            writer.write(batch)


def list_rejected(source: Path, path: Path) -> None:
    """Write the ids that were not scored, and why, unless they are there.

    Args:
        source: The Parquet file.
        path: The file to write.
    """
    if path.exists():
        return
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
