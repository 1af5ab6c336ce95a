"""labels.tsv: each line is understood or named."""

from pathlib import Path

import pytest

from arginator.errors import DataError
from arginator.label_tables import Assignment, read_labels


def refusal(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_labels(path, ["A", "B"])
    return str(error.value).removeprefix(str(path))


def test_columns_may_come_in_any_order_and_ids_are_verbatim(tmp_path: Path) -> None:
    path = tmp_path / "labels.tsv"
    path.write_bytes(
        "\ufefflabel\tid\tfold\tcategory\tcluster\r\n"
        'A\t a/b \ttest\t\tblaTEM\r\nB\t"c\td"\t\tx\t\r\n\r\n'.encode()
    )
    assert read_labels(path, ["A", "B"]) == {
        " a/b ": Assignment("A", None, "test", "blaTEM"),
        "c\td": Assignment("B", "x"),
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"",
            ":1: has the columns none; expected id and label, and if wanted category, fold and "
            "cluster; correct the first line; tabs part the columns",
        ),
        (
            b"id,label\na,A\n",
            ":1: has the columns id,label; expected id and label, and if wanted category, fold and "
            "cluster; correct the first line; tabs part the columns",
        ),
        (
            b"id\tlabel\tcatgory\n",
            ":1: has the columns id, label, catgory; expected id and label, and if wanted "
            "category, fold and cluster; correct the first line; tabs part the columns",
        ),
        (b"id\tlabel\na\n", ":2: has 1 cells, expected 2; part them by single tabs"),
        (
            b"id\tlabel\na\tA\na\tB\n",
            ":3 (id 'a'): stands in line 2 too; keep one of the lines",
        ),
        (
            b"id\tlabel\na\tE\n",
            ":2 (id 'a'): label 'E' is not under 'labels' (there: A, B); "
            "correct it here or add it in dataset.yaml",
        ),
        (
            b"id\tlabel\na\t\n",
            ":2 (id 'a'): label '' is not under 'labels' (there: A, B); "
            "correct it here or add it in dataset.yaml",
        ),
        (
            b"id\tlabel\tfold\na\tA\ttset\n",
            ":2 (id 'a'): fold 'tset', expected one of train, validation, calibration, test",
        ),
        (
            "id\tlabel\n".encode("utf-16"),
            ": not readable as a table ('utf-8' codec can't decode byte 0xff in position 0: "
            "invalid start byte); save it as tab-separated UTF-8",
        ),
        (
            b'id\tlabel\n"a\tA\n',
            ": not readable as a table (unexpected end of data); save it as tab-separated UTF-8",
        ),
    ],
)
def test_unfit_tables_name_the_line(content: bytes, message: str, tmp_path: Path) -> None:
    assert refusal(tmp_path / "labels.tsv", content) == message


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.tsv: no such file; fetch it or correct 'labels'"):
        read_labels(tmp_path / "x.tsv", ["A"])
