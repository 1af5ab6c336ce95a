"""The prepared table: what is written is what is read, with the same bytes each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from arginator.embeddings import Embeddings
from arginator.errors import DataError
from arginator.prepared import (
    Prepared,
    Provenance,
    read_ids,
    read_prepared,
    read_provenance,
    stream_prepared,
    write_prepared,
)

ABOUT = Provenance("demo", "t", True, "o", "l", "c", "kmer", {"A": "class A", "non": "none"})


def make(n: int = 5, dtype: str = "float16") -> Prepared:
    rng = np.random.default_rng(1)
    return Prepared(
        Embeddings(tuple(f"é/{i}\t" for i in range(n)), rng.normal(size=(n, 16)).astype(dtype)),
        tuple("A" if i % 2 else "non" for i in range(n)),
        tuple(None if i % 3 else "MKV" for i in range(n)),
        tuple("esterase" if i % 2 else None for i in range(n)),
        (None,) * n,
        tuple("TEM" if i % 2 else None for i in range(n)),
        ABOUT,
    )


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("n", [0, 1, 9000])
def test_what_is_written_is_read_in_its_own_precision(tmp_path: Path, dtype: str, n: int) -> None:
    prepared = make(n, dtype)
    write_prepared(prepared, tmp_path / "a.parquet")
    again = read_prepared(tmp_path / "a.parquet")
    assert again.embeddings.matrix.dtype == dtype
    np.testing.assert_array_equal(again.embeddings.matrix, prepared.embeddings.matrix)
    for name in ("labels", "sequences", "categories", "given_folds", "given_clusters", "about"):
        assert getattr(again, name) == getattr(prepared, name)


def test_the_same_data_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write_prepared(make(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_any_parquet_reader_sees_ids_vectors_and_provenance(tmp_path: Path) -> None:
    write_prepared(make(), tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    assert table["embedding"].type == pa.list_(pa.float16(), 16)
    assert b'"width": 16' in table.schema.metadata[b"arginator"]


def test_provenance_is_read_without_the_proteins(tmp_path: Path) -> None:
    write_prepared(make(), tmp_path / "a.parquet")
    assert read_provenance(tmp_path / "a.parquet") == ABOUT


def test_selecting_keeps_rows_together() -> None:
    part = make().select(np.array([True, False, False, True, False]))
    assert part.embeddings.ids == ("é/0\t", "é/3\t")
    assert part.labels == ("non", "A")
    assert part.sequences == ("MKV", "MKV")
    assert part.categories == (None, "esterase")


@pytest.mark.parametrize("kind", ["truncated", "flipped", "empty", "other", "missing"])
def test_a_file_that_cannot_be_trusted_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.parquet"
    write_prepared(make(2000, "float32"), path)
    content = bytearray(path.read_bytes())
    if kind == "truncated":
        path.write_bytes(content[:-100])
    elif kind == "flipped":
        content[len(content) // 2] ^= 4
        path.write_bytes(content)
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "other":
        pq.write_table(pa.table({"id": ["a"]}), path)
    else:
        path.unlink()
    message = {"other": "is no prepared data set", "missing": "no such file"}
    with pytest.raises(DataError, match=message.get(kind, "damaged or incomplete")):
        read_prepared(path)


def test_a_file_without_a_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_prepared(make(), path)
    pq.write_table(pq.read_table(path).drop_columns("given_cluster"), path)
    with pytest.raises(DataError) as caught:
        read_prepared(path)
    assert str(caught.value) == (
        f"{path}: has no column 'given_cluster', as an older release wrote it; "
        "run `dvc repro prepare`"
    )


def test_streaming_holds_one_row_group_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arginator.prepared.ROW_GROUP_ROWS", 200)
    prepared, most = make(8000, "float32"), 0
    write_prepared(prepared, tmp_path / "a.parquet")
    before = pa.total_allocated_bytes()
    labels: list[str] = []
    for batch in stream_prepared(tmp_path / "a.parquet", 70):
        assert len(batch) <= 70
        most = max(most, pa.total_allocated_bytes() - before)
        labels += batch["label"].to_pylist()
    assert tuple(labels) == prepared.labels
    assert read_ids(tmp_path / "a.parquet") == prepared.embeddings.ids
    assert most < prepared.embeddings.matrix.nbytes / 4
