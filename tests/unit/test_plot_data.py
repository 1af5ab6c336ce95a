"""Data of the plots: tables of text that say what the reports say."""

import csv

import numpy as np
import pytest

from arginator.answers import Answers, HeldOut
from arginator.bootstrap import curve_band
from arginator.embeddings import Embeddings
from arginator.metrics import roc_points
from arginator.plot_data import (
    Table,
    band_tables,
    curve_tables,
    prediction_table,
    write_tables,
)
from arginator.prepared import Prepared, Provenance
from arginator.tasks import Task

LABELS = ("A", "B", "C")
ABOUT = Provenance("toy", "Toy", True, "", "", "", "kmer", {name: name for name in LABELS})
MULTICLASS = Task("multiclass", "multiclass", LABELS, {name: name for name in LABELS})
BINARY = Task("binary", "binary", ("z", "a"), {"A": "z", "B": "a", "C": "z"})
MODELS = ("majority", "network")


def make_answers(task, truth):
    """Return answers of two models about proteins of these labels."""
    n, nothing, rng = len(truth), (None,) * len(truth), np.random.default_rng(3)
    embeddings = Embeddings(tuple(f"p{row}" for row in range(n)), np.zeros((n, 2), np.float32))
    proteins = Prepared(embeddings, truth, nothing, nothing, nothing, nothing, ABOUT)
    band, similarity = ("far",) * n, np.linspace(0, 0.2, n, dtype=np.float32)
    cluster = np.arange(n) // 2
    held_out = HeldOut(
        "test", "toy", True, task, proteins, task.encode(truth), cluster, band, similarity
    )
    said = {name: rng.dirichlet(np.ones(len(task.classes)), n) for name in MODELS}
    return Answers(held_out, said, said)


@pytest.mark.parametrize(
    ("task", "truth", "drawn"),
    [
        (BINARY, "AABBC", ["a"]),
        (MULTICLASS, "AABBC", ["A", "B", "C"]),
        (MULTICLASS, "CAC", ["A", "C"]),
    ],
    ids=["positive class", "each class", "each class there is"],
)
def test_curves_and_bands_are_of_the_classes_looked_for(task, truth, drawn):
    answers = make_answers(task, tuple(4 * truth))
    tables = curve_tables(answers, 20) | band_tables(answers, MODELS, 0)
    assert list(tables) == ["roc", "precision_recall", "roc_band", "precision_recall_band"]
    for table in tables.values():
        assert list(dict.fromkeys(row[1] for row in table.rows)) == drawn
        assert list(dict.fromkeys(row[0] for row in table.rows)) == list(MODELS)
        assert {len(row) for row in table.rows} == {len(table.header)}


def test_rows_are_the_numbers_with_six_decimals():
    answers = make_answers(BINARY, tuple("ABCABCABCB"))
    positive, score = answers.held_out.target == 1, answers.calibrated["network"][:, 1]
    roc = [row[2:] for row in curve_tables(answers, 20)["roc"].rows if row[0] == "network"]
    points = zip(*roc_points(positive, score, 20), strict=True)
    assert roc == [(f"{x:.6f}", f"{y:.6f}") for x, y in points]
    band = [row[2:] for row in band_tables(answers, ["network"], 7)["roc_band"].rows]
    expected = curve_band("roc", positive, score, answers.held_out.cluster, 7)
    assert band == [tuple(f"{x:.6f}" for x in row) for row in zip(*expected, strict=True)]


def test_a_prediction_tells_all_there_is_to_know():
    answers = make_answers(MULTICLASS, ("A", "C"))
    answers.calibrated["network"][:] = [[0.7, 0.2, 0.1], [0.5, 0.25, 0.25]]
    sets = np.array([[True, False, True], [False, False, False]])
    novelty, flagged = np.array([0.25, 0.75]), np.array([False, True])
    table = prediction_table(answers, "network", sets, novelty, flagged)
    assert [dict(zip(table.header, row, strict=True)) for row in table.rows] == [
        {
            "id": "p0",
            "actual": "A",
            "predicted": "A",
            "confidence": "0.7000",
            "cluster": "0",
            "band": "far",
            "similarity_to_train": "0.0000",
            "novelty": "0.2500",
            "flagged": "false",
            "set": "A|C",
            "probability_A": "0.700000",
            "probability_B": "0.200000",
            "probability_C": "0.100000",
        },
        {
            "id": "p1",
            "actual": "C",
            "predicted": "A",
            "confidence": "0.5000",
            "cluster": "0",
            "band": "far",
            "similarity_to_train": "0.2000",
            "novelty": "0.7500",
            "flagged": "true",
            "set": "",
            "probability_A": "0.500000",
            "probability_B": "0.250000",
            "probability_C": "0.250000",
        },
    ]


def test_a_table_is_read_as_it_was_written(tmp_path):
    table = Table(("id", "set"), [('a "quoted", name', "A|B"), ("b", "")])
    write_tables({"odd": table}, tmp_path)
    content = (tmp_path / "odd.csv").read_bytes()
    assert b"\r" not in content
    header, *rows = csv.reader(content.decode().splitlines())
    assert (tuple(header), [tuple(row) for row in rows]) == table
