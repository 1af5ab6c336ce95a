"""hAMRonization: a row for each beta-lactamase, with the term of its class."""

import csv
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pyarrow as pa
from hAMRonization.hAMRonizedResult import hAMRonizedResult

from arginator import __version__
from arginator.hamronized import FIELDS, HamronizedWriter

ROWS = [
    {"file": "in/q.fasta", "id": "tem", "call": "A", "class": "A"},
    {"file": "in/q.fasta", "id": "x", "call": "beta-lactamase, class unclear", "class": None},
    {"file": "in/q.fasta", "id": "y", "call": "not a beta-lactamase", "class": None},
    {"file": "in/q.fasta", "id": "z", "call": "unclear", "class": None},
    {"file": "in/q.fasta", "id": "gone", "call": None, "class": None},
    {"file": "in/r.h5", "id": "oxa", "call": "D", "class": "D"},
    {"file": "in/r.h5", "id": "alone", "call": "beta-lactamase", "class": "beta-lactamase"},
    {"file": "in/r.h5", "id": "sub", "call": "B1", "class": "B1"},
]
POSITIVE = ("A", "C", "D", "B1", "beta-lactamase, class unclear", "beta-lactamase")


def write(path, rows):
    with path.open("wb") as file:
        writer = HamronizedWriter(file, "amrfinder", "0123+4567", POSITIVE)
        writer.write(pa.RecordBatch.from_pylist(rows))
        writer.close()
    return path


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_only_positive_calls_have_a_row_with_the_term_of_their_class(tmp_path):
    rows = read(write(tmp_path / "report.tsv", ROWS))
    assert [(row["input_sequence_id"], row["reference_accession"]) for row in rows] == [
        ("tem", "ARO:3000078"),
        ("x", "ARO:3000001"),
        ("oxa", "ARO:3000075"),
        ("alone", "ARO:3000001"),
        ("sub", "ARO:3000001"),
    ]
    assert rows[-1]["gene_name"] == "class B1 beta-lactamase"
    filled = {name: value for name, value in rows[0].items() if value}
    assert list(rows[0]) == list(FIELDS)
    assert filled == {
        "input_file_name": "q.fasta",
        "gene_symbol": "class A beta-lactamase",
        "gene_name": "class A beta-lactamase",
        "reference_database_name": "amrfinder",
        "reference_database_version": "0123+4567",
        "reference_accession": "ARO:3000078",
        "analysis_software_name": "arginator",
        "analysis_software_version": __version__,
        "genetic_variation_type": "gene_presence_detected",
        "drug_class": "beta-lactam antibiotic",
        "resistance_mechanism": "antibiotic inactivation",
        "input_sequence_id": "tem",
    }


def test_the_package_itself_reads_and_merges_reports(tmp_path):
    first = write(tmp_path / "a.tsv", ROWS)
    second = write(tmp_path / "b.tsv", [ROWS[0] | {"id": "a\tb\nc", "class": "C", "call": "C"}])
    merged = tmp_path / "all.tsv"
    hamronize = Path(sys.executable).with_name("hamronize")
    words = [hamronize, "summarize", "-t", "tsv", "-o", merged, first, second]
    subprocess.run(words, check=True, capture_output=True)
    found = {row["input_sequence_id"]: row["reference_accession"] for row in read(merged)}
    assert found == {
        "tem": "ARO:3000078",
        "x": "ARO:3000001",
        "oxa": "ARO:3000075",
        "alone": "ARO:3000001",
        "sub": "ARO:3000001",
        "a b c": "ARO:3000076",
    }
    assert set(FIELDS) == {field.name for field in fields(hAMRonizedResult)}
