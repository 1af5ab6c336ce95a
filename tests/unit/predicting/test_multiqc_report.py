"""MultiQC: one bar a file, the same calls in each."""

import json
import tempfile

import pyarrow as pa

from arginator.multiqc_report import MultiqcWriter


def report(*rows):
    """Return what is written of rows of file and call, one batch a row."""
    with tempfile.TemporaryFile() as file:
        writer = MultiqcWriter(file, "0123+4567")
        for path, call in rows:
            columns = [pa.array([path]), pa.array([call], pa.string())]
            writer.write(pa.RecordBatch.from_arrays(columns, names=["file", "call"]))
        writer.close()
        file.seek(0)
        return json.load(file)


def test_calls_are_counted_by_file():
    found = report(
        ("in/q.faa", "A"), ("in/q.faa", "A"), ("in/r.h5", "not a hit"), ("in/r.h5", None)
    )
    assert found.pop("data") == {
        "q.faa": {"A": 2, "not a hit": 0, "not scored": 0},
        "r.h5": {"A": 0, "not a hit": 1, "not scored": 1},
    }
    assert found == {
        "id": "arginator_calls",
        "section_name": "arginator",
        "description": "Proteins by call of the models 0123+4567.",
        "plot_type": "bargraph",
        "pconfig": {
            "id": "arginator_calls_plot",
            "title": "arginator: Proteins by call",
            "ylab": "Proteins",
        },
    }


def test_files_of_one_name_keep_their_paths():
    found = report(("a/q.faa", "A"), ("b/q.faa", "A"), ("c/r.faa", "A"))
    assert list(found["data"]) == ["a/q.faa", "b/q.faa", "r.faa"]


def test_no_proteins_make_no_bars():
    assert report()["data"] == {}
