"""Outputs: the same rows in every format."""

import csv
import io
import json
import tempfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arginator.prediction_outputs import open_writer

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("call", pa.string()),
        pa.field("p", pa.float64()),
        pa.field("classes.set", pa.string()),
        pa.field("unlike", pa.bool_()),
    ]
)
ROWS = [
    {"id": "a", "call": "A", "p": 0.9561, "classes.set": "A|B", "unlike": False},
    {"id": "b\tc", "call": 'say "x"', "p": 1.0, "classes.set": "", "unlike": True},
    {"id": "=cmd", "call": None, "p": None, "classes.set": None, "unlike": None},
    {"id": "d,e", "call": "ß", "p": 0.0001, "classes.set": "non", "unlike": False},
]


def write(kind, rows, schema=SCHEMA):
    """Return the bytes of a file, written in two batches."""
    with tempfile.TemporaryFile() as file:
        writer = open_writer(kind, file, schema)
        for part in (rows[:1], rows[1:]):
            if part:
                writer.write(pa.RecordBatch.from_pylist(part, schema=schema))
        writer.close()
        file.seek(0)
        return file.read()


def as_text(value):
    """Return what stands in a text file for a value."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else value


def test_tsv_holds_every_row_and_quotes_only_what_it_must():
    content = write("tsv", ROWS).decode()
    assert content.splitlines()[1] == "a\tA\t0.9561\tA|B\tfalse"
    read = list(csv.DictReader(io.StringIO(content), delimiter="\t"))
    assert read == [{key: as_text(value) for key, value in row.items()} for row in ROWS]


def test_csv_disarms_what_a_spreadsheet_would_run():
    read = list(csv.DictReader(io.StringIO(write("csv", ROWS).decode())))
    expected = [{key: as_text(value) for key, value in row.items()} for row in ROWS]
    expected[2]["id"] = "'=cmd"
    assert read == expected


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_every_start_of_a_formula_is_disarmed(start):
    row = ROWS[0] | {"id": f"{start}1"}
    (read,) = csv.DictReader(io.StringIO(write("csv", [row]).decode(), newline=""))
    assert read["id"] == f"'{start}1"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_any_text_survives_tsv_and_json(texts):
    rows = [ROWS[0] | {"id": text, "call": text} for text in texts]
    content = write("tsv", rows).decode()
    read = csv.DictReader(io.StringIO(content, newline=""), delimiter="\t")
    assert [(row["id"], row["call"]) for row in read] == [(text, text) for text in texts]
    lines = write("jsonl", rows).decode().split("\n")[:-1]
    assert [json.loads(line)["id"] for line in lines] == texts


def test_json_has_an_object_a_line_with_sets_as_lists():
    lines = [json.loads(line) for line in write("jsonl", ROWS).decode().splitlines()]
    sets = [["A", "B"], [], None, ["non"]]
    assert lines == [
        row | {"classes.set": members} for row, members in zip(ROWS, sets, strict=True)
    ]


def test_parquet_keeps_the_types():
    table = pq.read_table(io.BytesIO(write("parquet", ROWS)))
    assert table.schema == SCHEMA
    assert table.to_pylist() == ROWS


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl", "parquet"])
def test_without_rows_there_is_the_header_alone(kind):
    content = write(kind, [])
    if kind == "parquet":
        assert pq.read_table(io.BytesIO(content)).num_rows == 0
    else:
        delimiter = "\t" if kind == "tsv" else ","
        header = delimiter.join(SCHEMA.names) + "\n"
        assert content.decode() == ("" if kind == "jsonl" else header)
