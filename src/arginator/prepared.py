"""The prepared data set: one Parquet file of labelled vectors that says where it came from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool

from arginator.embeddings import Embeddings
from arginator.errors import DataError
from arginator.files import replacing
from arginator.parquet_files import open_parquet

METADATA_KEY = b"arginator"
REMEDY = "run `dvc repro prepare`"
ROW_GROUP_ROWS = 8192
ATTRIBUTES = ("label", "sequence", "category", "given_fold", "given_cluster")


@dataclass(frozen=True)
class Provenance:
    """Where a data set came from; travels with vectors, models and figures.

    Attributes:
        source: Name of the source, its folder under data/raw.
        title: What the data set is, in a few words.
        simulated: True if no living thing ever made these proteins.
        origin: Address or description of where the data came from.
        licence: Licence of the data.
        citation: What to cite.
        embedder: Name of what made the vectors.
        labels: Meaning of each label, in the order in which classes are shown.
    """

    source: str
    title: str
    simulated: bool
    origin: str
    licence: str
    citation: str
    embedder: str
    labels: dict[str, str]


@dataclass(frozen=True)
class Prepared:
    """A labelled data set of n proteins, sorted by id.

    Attributes:
        embeddings: Ids and vectors.
        labels: n labels, each a key of `about.labels`.
        sequences: n residue strings, or None where only the vector is known.
        categories: n finer groups of proteins for reports ("penicillin-binding protein"), or None.
        given_folds: n folds fixed by the data set, or None.
        given_clusters: n groups that the data set keeps together, such as families, or None.
        about: Where the data set came from.
    """

    embeddings: Embeddings
    labels: tuple[str, ...]
    sequences: tuple[str | None, ...]
    categories: tuple[str | None, ...]
    given_folds: tuple[str | None, ...]
    given_clusters: tuple[str | None, ...]
    about: Provenance

    @property
    def width(self) -> int:
        """Numbers in a vector, d."""
        return self.embeddings.width

    def select(self, mask: Bool[np.ndarray, " n"]) -> Prepared:
        """Return the proteins where `mask` holds, in the same order."""
        rows = np.flatnonzero(mask).tolist()

        def pick(values: Sequence[str | None]) -> tuple[str | None, ...]:
            return tuple(values[row] for row in rows)

        ids = tuple(self.embeddings.ids[row] for row in rows)
        return Prepared(
            Embeddings(ids, self.embeddings.matrix[rows]),
            tuple(self.labels[row] for row in rows),
            pick(self.sequences),
            pick(self.categories),
            pick(self.given_folds),
            pick(self.given_clusters),
            self.about,
        )


def write_prepared(prepared: Prepared, path: Path) -> None:
    """Write a prepared data set as Parquet: no dictionary on floats, page checksums, zstd."""
    embeddings = prepared.embeddings
    vectors = pa.FixedSizeListArray.from_arrays(
        pa.array(np.ascontiguousarray(embeddings.matrix).reshape(-1)), embeddings.width
    )
    text = [
        prepared.labels,
        prepared.sequences,
        prepared.categories,
        prepared.given_folds,
        prepared.given_clusters,
    ]
    table = pa.table(
        [pa.array(embeddings.ids, pa.string())]
        + [pa.array(column, pa.string()) for column in text]
        + [vectors],
        names=["id", *ATTRIBUTES, "embedding"],
    )
    about = json.dumps(asdict(prepared.about) | {"width": embeddings.width}, ensure_ascii=False)
    with replacing(path) as temporary:
        pq.write_table(
            table.replace_schema_metadata({METADATA_KEY: about.encode("utf-8")}),
            temporary,
            row_group_size=ROW_GROUP_ROWS,
            compression="zstd",
            use_dictionary=["label", "category", "given_fold", "given_cluster"],
            use_byte_stream_split=["embedding.list.element"],
            write_page_checksum=True,
        )


def read_prepared(path: Path) -> Prepared:
    """Read what `write_prepared` wrote, with its checksums verified.

    Raises:
        DataError: The file is missing, damaged or not a prepared data set.
    """
    with open_parquet(path, REMEDY) as file:
        about, width = _describe(path, file)
        table = file.read()
    if missing := [name for name in ATTRIBUTES if name not in table.column_names]:
        raise DataError(path, f"has no column {missing[0]!r}, as an older release wrote it", REMEDY)
    flat = table["embedding"].combine_chunks().flatten()
    columns = [tuple(table[name].to_pylist()) for name in ATTRIBUTES]
    return Prepared(
        Embeddings(tuple(table["id"].to_pylist()), flat.to_numpy().reshape(-1, width)),
        columns[0],
        columns[1],
        columns[2],
        columns[3],
        columns[4],
        about,
    )


def stream_prepared(path: Path, rows: int) -> Iterator[pa.RecordBatch]:
    """Yield labels and vectors of up to `rows` proteins at a time, in the file's order.

    Raises:
        DataError: The file is missing or damaged.
    """
    with open_parquet(path, REMEDY) as file:
        for group in range(file.num_row_groups):  # pyarrow reads ahead within what it is asked for
            yield from file.iter_batches(rows, [group], columns=["label", "embedding"])


def read_ids(path: Path) -> tuple[str, ...]:
    """Read the ids of the proteins, without their vectors.

    Raises:
        DataError: The file is missing, damaged or not a prepared data set.
    """
    with open_parquet(path, REMEDY) as file:
        _describe(path, file)
        return tuple(file.read(["id"])["id"].to_pylist())


def read_provenance(path: Path) -> Provenance:
    """Read where a prepared data set came from, without its proteins.

    Raises:
        DataError: The file is missing, damaged or not a prepared data set.
    """
    with open_parquet(path, REMEDY) as file:
        return _describe(path, file)[0]


def _describe(path: Path, file: pq.ParquetFile) -> tuple[Provenance, int]:
    """Return provenance and vector width from a file's metadata."""
    metadata = (file.schema_arrow.metadata or {}).get(METADATA_KEY)
    if metadata is None:
        raise DataError(path, "is no prepared data set", REMEDY)
    about = json.loads(metadata)
    width = int(about.pop("width"))
    return Provenance(**about), width
