"""The audit of any data set: near-copies are counted, named and told from the rest."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arginator.embeddings import Embeddings
from arginator.errors import DataError
from arginator.leaks import find_leaks, join_labels, report_leaks

COMMAND = str(Path(sys.executable).with_name("arginator"))


def write_table(path, rows, columns=("id", "label", "fold")):
    path.write_text("\n".join("\t".join(row) for row in (columns, *rows)) + "\n")
    return path


def make(tmp_path, n=60, copies=3, seed=0):
    """Return vectors, and a table of them whose last test proteins are copies of training ones."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n, 16)).astype(np.float32)
    fold = ["train"] * (n // 2) + ["test"] * (n - n // 2)
    for copy in range(copies):
        matrix[-1 - copy] = matrix[copy] * 2 + 0.001 * rng.normal(size=16)
    label = ["AB"[row % 2] for row in range(n)]
    ids = tuple(f"p{row}" for row in range(n))
    table = write_table(tmp_path / "labels.tsv", zip(ids, label, fold, strict=True))
    return Embeddings(ids, matrix), table


def report(embeddings, table, limit=0.9, train=("train",), test=()):
    proteins = join_labels(embeddings, table, train, test)
    return report_leaks(proteins, find_leaks(proteins), limit)


def brute_force(matrix, train, test):
    """Return cosine and row of the nearest training protein, pair by pair."""
    centred = matrix.astype(np.float64) - matrix.astype(np.float64).mean(axis=0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    similarity = unit[test] @ unit[train].T
    return similarity.max(axis=1), np.flatnonzero(train)[similarity.argmax(axis=1)]


@settings(max_examples=25, deadline=None)
@given(n=st.integers(4, 80), seed=st.integers(0, 99), limit=st.floats(0.05, 0.95))
def test_counts_are_those_of_every_pair(tmp_path_factory, n, seed, limit):
    embeddings, table = make(tmp_path_factory.mktemp("leaks"), n, min(3, n // 2), seed)
    found = report(embeddings, table, limit)
    train = np.arange(n) < n // 2
    similarity, row = brute_force(embeddings.matrix, train, ~train)
    assert found["near_copies"] == (similarity > limit).sum()
    assert found["train"] == {"train": n // 2}
    assert found["test"] == {"test": n - n // 2}
    assert sum(band["proteins"] for band in found["bands"]) == n - n // 2
    assert sum(one["near_copies"] for one in found["labels"].values()) == found["near_copies"]
    worst = int(np.argmax(similarity))
    assert found["worst"][0]["nearest"] == f"p{row[worst]}"
    assert found["worst"][0]["similarity"] == pytest.approx(similarity[worst], abs=1e-4)


def test_what_copying_the_nearest_label_earns_is_told_by_label(tmp_path):
    matrix = np.array([[1, 0], [0, 1], [1, 0.1], [0.1, 1], [1, 0.2]], np.float32)
    embeddings = Embeddings(tuple("abcde"), matrix)
    rows = [("a", "A", "train"), ("b", "B", "train"), ("c", "A", "test"), ("d", "B", "test")]
    table = write_table(tmp_path / "t.tsv", [*rows, ("e", "B", "test")])
    found = report(embeddings, table)["labels"]
    assert found["A"] == {"proteins": 1, "near_copies": 1, "same_label": 1.0}
    assert found["B"] == {"proteins": 2, "near_copies": 2, "same_label": 0.5}


def test_folds_may_have_any_name_and_others_are_left_out(tmp_path):
    embeddings, _ = make(tmp_path, 6, 0)
    folds = ["learn", "learn", "judge", "look", "", "judge"]
    rows = [(f"p{row}", "A", fold) for row, fold in enumerate(folds)]
    table = write_table(tmp_path / "t.tsv", rows[:5])
    found = report(embeddings, table, train=("learn",), test=("judge",))
    assert (found["train"], found["test"], found["left_out"]) == ({"learn": 2}, {"judge": 1}, 3)
    assert report(embeddings, table, train=("learn",))["test"] == {"judge": 1, "look": 1}


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (
            [("p0", "A", "train"), ("x", "A", "test"), ("y", "A", "test")],
            {},
            "2 of 3 proteins have no vector (first: 'x'); add them or remove their lines",
        ),
        (
            [("p0", "A", "train"), ("p1", "A", "test")],
            {"train": ("learn",)},
            "has no protein of fold 'learn' (there: test, train); correct --train and --test, "
            "or the table",
        ),
        (
            [("p0", "A", "train"), ("p1", "A", "train")],
            {},
            "has no fold but those to train on; name another with --test",
        ),
        (
            [("p0", "A", "train"), ("p1", "A", "test")],
            {"test": ("train",)},
            "fold 'train' is to train on and to test; name it once",
        ),
        ([], {}, "has no proteins, expected a line each; add them"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path, rows, options, message):
    embeddings, _ = make(tmp_path, 4, 0)
    table = write_table(tmp_path / "t.tsv", rows)
    with pytest.raises(DataError) as error:
        report(embeddings, table, **options)
    assert str(error.value) == f"{table}: {message}"


def test_an_id_that_stands_twice_is_named(tmp_path):
    embeddings, _ = make(tmp_path, 4, 0)
    table = write_table(tmp_path / "t.tsv", [("p0", "A", "train"), ("p0", "A", "test")])
    with pytest.raises(DataError) as error:
        report(embeddings, table)
    assert str(error.value) == f"{table}:3 (id 'p0'): stands twice; remove one line"


def run(*words):
    done = subprocess.run(
        [COMMAND, "audit", *map(str, words)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def save(embeddings, path):
    np.savez(path, names=np.array(embeddings.ids), matrix=embeddings.matrix)
    return path


def test_near_copies_are_an_exit_status_of_their_own(tmp_path):
    embeddings, table = make(tmp_path)
    vectors, output = save(embeddings, tmp_path / "v.npz"), tmp_path / "report.json"
    figure = tmp_path / "audit.svg"
    status, text, message = run(vectors, table, "-o", output, "--figure", figure)
    assert (status, message) == (3, "")
    assert text.startswith(
        "3 of 30 test proteins (10.0%) have a training protein (of 30) more similar than 0.9\n"
    )
    found = json.loads(output.read_text())
    assert {(pair["id"], pair["nearest"]) for pair in found["worst"][:3]} == {
        ("p59", "p0"),
        ("p58", "p1"),
        ("p57", "p2"),
    }
    assert figure.read_text().startswith("<?xml")
    assert run(vectors, table, "--allow", 3)[0] == 0
    assert run(vectors, table, "--max-similarity", 1)[0] == 0
    status, text, message = run(vectors, table, "-o", output)
    assert (status, text, "exists already" in message) == (2, "", True)


def test_sequences_are_counted_into_kmers(tmp_path):
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 80)) for _ in range(9)]
    texts.append(texts[0][:-1] + "W")
    query = tmp_path / "q.fasta"
    query.write_text("".join(f">p{row}\n{text}\n" for row, text in enumerate(texts)))
    folds = ["train"] * 5 + ["test"] * 5
    rows = [(f"p{row}", "A", fold) for row, fold in enumerate(folds)]
    status, text, _ = run(query, write_table(tmp_path / "t.tsv", rows))
    assert (status, text.splitlines()[0].startswith("1 of 5 test proteins")) == (3, True)
    assert "p9\tA\ttest\tp0\tA\t" in text
