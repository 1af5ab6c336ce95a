"""hAMRonization: a row for each beta-lactamase, with the term of its class."""

import csv
import io
import tempfile

import pyarrow as pa

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
]


def test_only_positive_calls_have_a_row_with_the_term_of_their_class():
    with tempfile.TemporaryFile() as file:
        writer = HamronizedWriter(file, "amrfinder", "0123+4567")
        writer.write(pa.RecordBatch.from_pylist(ROWS))
        writer.close()
        file.seek(0)
        rows = list(csv.DictReader(io.StringIO(file.read().decode()), delimiter="\t"))
    assert [(row["input_sequence_id"], row["reference_accession"]) for row in rows] == [
        ("tem", "ARO:3000078"),
        ("x", "ARO:3000001"),
        ("oxa", "ARO:3000075"),
        ("alone", "ARO:3000001"),
    ]
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
