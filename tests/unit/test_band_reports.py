"""Reports by similarity to training: each band by itself, undefined scores left out."""

import numpy as np
import pytest

from arginator.answers import Answers, HeldOut
from arginator.band_reports import report_bands
from arginator.embeddings import Embeddings
from arginator.metrics import classification_report
from arginator.params import Bands
from arginator.prepared import Prepared, Provenance
from arginator.tasks import Task

LABELS = ("A", "B", "C")
ABOUT = Provenance("toy", "Toy", True, "", "", "", "kmer", {name: name for name in LABELS})
MULTICLASS = Task("multiclass", "multiclass", LABELS, {name: name for name in LABELS})
BINARY = Task("binary", "binary", ("z", "a"), {"A": "z", "B": "a", "C": "z"})
BANDS = Bands(near=0.5, far=0.25)


def make_answers(task, target, band, seed=0):
    """Return the answers of two models about proteins in clusters of two."""
    n, rng = len(target), np.random.default_rng(seed)
    nothing, ids = (None,) * n, tuple(f"p{row}" for row in range(n))
    labels = tuple(LABELS[index] for index in target)
    embeddings = Embeddings(ids, np.zeros((n, 2), np.float32))
    proteins = Prepared(embeddings, labels, nothing, nothing, nothing, nothing, ABOUT)
    similarity = np.zeros(n, np.float32)
    held_out = HeldOut(
        "test",
        "toy",
        True,
        task,
        proteins,
        task.encode(labels),
        np.arange(n) // 2,
        band,
        similarity,
    )
    answers = {
        name: rng.dirichlet(np.ones(len(task.classes)), n) for name in ("network", "majority")
    }
    return Answers(held_out, answers, answers)


@pytest.mark.parametrize("task", [BINARY, MULTICLASS], ids=lambda task: task.name)
def test_a_band_has_the_scores_of_its_proteins_alone(task):
    rng = np.random.default_rng(1)
    target = rng.integers(3, size=60)
    band = tuple(np.array(["near", "far"])[rng.integers(2, size=60)])
    answers = make_answers(task, target, band)
    bands = report_bands(answers, BANDS)["bands"]
    assert list(bands) == ["all", "near", "far"]
    for name, report in bands.items():
        mask = np.array([name in ("all", of) for of in band])
        truth = answers.held_out.target[mask]
        assert report["proteins"] == mask.sum()
        assert report["clusters"] == len(set((np.arange(60) // 2)[mask]))
        assert sum(report["support"].values()) == mask.sum()
        for model, probability in answers.calibrated.items():
            expected = classification_report(
                truth, probability[mask], task.classes, task.kind == "binary"
            )
            detail = expected.pop("per_class")
            recall = {of: scores["recall"] for of, scores in detail.items()}
            assert report["models"][model] == expected | {"recall": recall}


def test_what_one_class_alone_cannot_tell_is_left_out():
    answers = make_answers(BINARY, [0, 1, 2, 2, 2, 0], ("near", "near", *("far",) * 4))
    report = report_bands(answers, BANDS)
    assert report["band_limits"] == {"near": 0.5, "far": 0.25}
    far = report["bands"]["far"]
    assert (far["support"], far["proteins"], far["clusters"]) == ({"z": 4, "a": 0}, 4, 2)
    called = answers.calibrated["network"][2:].argmax(axis=1)
    share = round(float(np.mean(called == 0)), 4)
    assert far["models"]["network"] == {"accuracy": share, "recall": {"z": share}}
    assert "mcc" in report["bands"]["near"]["models"]["network"]


def test_a_class_that_a_band_lacks_has_no_recall_there():
    answers = make_answers(MULTICLASS, [0, 1, 2, 0, 1, 1], (*("near",) * 3, *("far",) * 3))
    far = report_bands(answers, BANDS)["bands"]["far"]
    assert far["support"] == {"A": 1, "B": 2, "C": 0}
    assert list(far["models"]["network"]["recall"]) == ["A", "B"]
