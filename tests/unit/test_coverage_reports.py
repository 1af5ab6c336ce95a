"""Reports on conformal sets: coverage and size by class and band, worked out by hand."""

import numpy as np
import pytest

from arginator.answers import Answers, HeldOut
from arginator.conformal import Conformal
from arginator.coverage_reports import report_coverage
from arginator.embeddings import Embeddings
from arginator.intervals import share_interval, wilson_interval
from arginator.prepared import Prepared, Provenance
from arginator.tasks import Task

LABELS = ("A", "B", "C")
ABOUT = Provenance("toy", "Toy", True, "", "", "", "kmer", {name: name for name in LABELS})
TASK = Task("multiclass", "multiclass", LABELS, {name: name for name in LABELS})
RULE = Conformal(classes=LABELS, alpha=0.1, quantile={"A": 0.5, "B": 0.8})
CLUSTER = np.array([0, 0, 1, 2, 3, 3])
LIKELY = np.array(
    [
        [0.6, 0.3, 0.1],  # A: set A, B, C
        [0.4, 0.1, 0.5],  # A: set C, missed
        [0.5, 0.2, 0.3],  # A: set A, B, C
        [0.3, 0.1, 0.6],  # B: set C, missed
        [0.9, 0.0, 0.1],  # C: set A, C
        [0.1, 0.1, 0.8],  # C: set C
    ]
)


def hold(labels, cluster, band):
    n, nothing = len(labels), (None,) * len(labels)
    embeddings = Embeddings(tuple("abcdef"[:n]), np.zeros((n, 2), np.float32))
    proteins = Prepared(embeddings, labels, nothing, nothing, nothing, nothing, ABOUT)
    similarity = np.zeros(n, np.float32)
    return HeldOut(
        "test", "toy", True, TASK, proteins, TASK.encode(labels), cluster, band, similarity
    )


@pytest.fixture
def coverage():
    test = hold(("A", "A", "A", "B", "C", "C"), CLUSTER, (*("near",) * 2, *("far",) * 4))
    calibration = hold(("A", "A", "B"), np.array([7, 7, 8]), ("far",) * 3)
    wrong = np.full((6, 3), 1 / 3)
    answers = Answers(test, {"network": LIKELY}, {"network": wrong})
    return report_coverage(answers, "network", RULE, calibration, 300, 9)


def test_coverage_and_sizes_are_those_counted_by_hand(coverage):
    held = np.array([True, False, True, False, True, True])
    low, high = share_interval(held, CLUSTER, 300, 9)
    assert coverage["overall"] == {
        "proteins": 6,
        "clusters": 4,
        "coverage": 0.6667,
        "low": round(low, 4),
        "high": round(high, 4),
        "mean_size": 1.8333,
        "empty": 0.0,
        "single": 0.5,
        "many": 0.5,
    }
    assert (coverage["alpha"], coverage["model"]) == (0.1, "network")


def test_a_class_says_what_its_sets_rest_on(coverage):
    grounds = ("calibration_proteins", "calibration_clusters", "always")
    per_class = coverage["per_class"]
    assert {name: [per_class[name][key] for key in grounds] for name in LABELS} == {
        "A": [2, 1, False],
        "B": [1, 1, False],
        "C": [0, 0, True],
    }
    assert [per_class[name]["coverage"] for name in LABELS] == [0.6667, 0.0, 1.0]
    assert per_class["B"]["high"] == round(wilson_interval(0.0, 1).high, 4)


def test_bands_without_proteins_are_left_out(coverage):
    assert {name: band["coverage"] for name, band in coverage["per_band"].items()} == {
        "near": 0.5,
        "far": 0.75,
    }


def test_shares_of_sizes_add_up(coverage):
    for group in (coverage["overall"], *coverage["per_class"].values()):
        assert group["empty"] + group["single"] + group["many"] == pytest.approx(1, abs=2e-4)
