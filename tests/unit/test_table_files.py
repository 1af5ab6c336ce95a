"""Parquet and CSV: columns are found, faulty rows counted, damage named."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from arginator.errors import DataError
from arginator.vector_files import read_vectors


def refusal(path: Path, **options: str) -> str:
    with pytest.raises(DataError) as error:
        list(read_vectors(path, **options))
    return str(error.value).removeprefix(f"{path}: ")


def write(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def vectors(*rows: object, fixed: bool = False) -> pa.Array:
    return pa.array(rows, pa.list_(pa.float32(), 2) if fixed else pa.list_(pa.float32()))


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("hole", [None, [0.5, None]])
def test_null_vectors_and_elements_are_named(fixed: bool, hole: object, tmp_path: Path) -> None:
    rows = vectors([1, 2], hole, [3, 4], fixed=fixed)
    path = write(tmp_path / "x.parquet", id=["a", "b", "c"], v=rows)
    assert refusal(path) == "1 of 3 vectors are or hold null (first: 'b'); fill or remove them"


def test_null_ids_are_named_by_row(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", id=["a", None], v=vectors([1, 2], [3, 4]))
    assert refusal(path) == "1 of 2 vectors have no id (first: 'row 1'); fill or remove them"


def test_ragged_lists_name_both_widths(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", id=["a", "b"], v=vectors([1, 2], [3]))
    assert refusal(path) == (
        "1 of 2 vectors have width 1, expected 2 (first: 'b'); one run takes one embedder"
    )


def test_missing_columns_name_those_there(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", name=["a"], v=vectors([1, 2]), w=vectors([1, 2]))
    assert refusal(path) == (
        "has 2 columns of lists, expected 1 (there: name, v, w); "
        "name the column of vectors under 'matrix'"
    )
    assert refusal(path, matrix="v") == "has no column 'id' (there: name, v, w); correct 'names'"
    assert refusal(path, matrix="z", names="name") == (
        "has no column 'z' (there: name, v, w); correct 'matrix'"
    )


@pytest.mark.parametrize(
    ("kind", "word"), [(pa.list_(pa.int64()), "list<element: int64>"), (pa.float32(), "float")]
)
def test_columns_of_other_types_are_named(kind: pa.DataType, word: str, tmp_path: Path) -> None:
    column = pa.array([None], kind)
    path = write(tmp_path / "x.parquet", id=["a"], v=column)
    assert refusal(path, matrix="v") == (
        f"column 'v' is of type {word}, expected float16, float32 or float64; "
        "export the vectors again as floats"
    )
    path = write(tmp_path / "x.parquet", id=[1], v=vectors([1, 2]))
    assert refusal(path) == (
        "column 'id' is of type int64, expected string; save the ids as strings"
    )


def test_a_failed_checksum_names_the_row_group(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    rows = np.random.default_rng(1).normal(size=(40, 50)).astype("f4")
    table = pa.table({"id": [f"P{i}" for i in range(40)], "v": list(rows)})
    pq.write_table(
        table,
        path,
        row_group_size=10,
        compression="none",
        use_dictionary=False,
        write_page_checksum=True,
    )
    content = bytearray(path.read_bytes())
    content[content.index(rows[25].tobytes())] ^= 1
    path.write_bytes(content)
    assert refusal(path) == "checksum failed, row group 2; fetch or export it again"


def test_a_parquet_bomb_is_refused_on_its_footer(tmp_path: Path) -> None:
    rows = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(2**25, np.float32)), 1024)
    path = write(tmp_path / "x.parquet", id=[str(i) for i in range(len(rows))], v=rows)
    assert path.stat().st_size < 500_000
    assert refusal(path).startswith("the footer claims 134,348,800 bytes, but holds ")


def test_batches_cover_many_row_groups_in_order(tmp_path: Path) -> None:
    names = [f"P{i}" for i in range(10_000)]
    table = pa.table({"id": names, "v": vectors(*([[i, 1] for i in range(10_000)]))})
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=3000)
    batches = list(read_vectors(tmp_path / "x.parquet"))
    assert [name for batch in batches for name in batch.ids] == names
    found = np.concatenate([batch.matrix for batch in batches])[:, 0]
    np.testing.assert_array_equal(found, np.arange(10_000))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name,x\na,1\n",
            "the first line starts with 'name, x', expected 'id' and a name for each column of "
            "numbers; add a line of column names",
        ),
        ("id,x,y\na,1,2\nb,3\n", "1 of 2 vectors have width 1, expected 2 (first: 'b'); one run"),
        ("id,x\na,1\n\nb\n", "vector 'b' claims width 0, expected 1"),
        ('id,x\n"a,1\n', "damaged or incomplete (unexpected end of data)"),
        ("id,x\n,1\n", "1 of 1 vectors have an id that is empty or longer than 1,000"),
    ],
)
def test_unfit_csv_files_say_why(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(text)
    assert refusal(tmp_path / "x.csv").startswith(message)


@pytest.mark.parametrize("cell", ["", "n/a"])
def test_a_cell_that_is_no_number_names_its_line(cell: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(f"id,x,y\na,1,2\nb,3,{cell}\n")
    with pytest.raises(DataError) as error:
        list(read_vectors(tmp_path / "x.csv"))
    assert str(error.value) == (
        f"{tmp_path / 'x.csv'}:3 (id 'b'): could not convert string to float: {cell!r}; "
        "give a number in each column"
    )


def test_a_byte_order_mark_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("\ufeffid,x\r\na,1\r\n", "utf-8")
    (batch,) = read_vectors(tmp_path / "x.csv")
    assert (batch.ids, batch.matrix.tolist()) == (("a",), [[1]])
