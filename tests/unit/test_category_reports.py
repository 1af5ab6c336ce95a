"""Reports by category: false positives of a binary task, wrong calls of any other."""

import numpy as np

from arginator.answers import Answers, HeldOut
from arginator.category_reports import report_categories
from arginator.embeddings import Embeddings
from arginator.intervals import share_interval
from arginator.prepared import Prepared, Provenance
from arginator.tasks import Task

LABELS = ("A", "B", "non")
ABOUT = Provenance("toy", "Toy", True, "", "", "", "kmer", {name: name for name in LABELS})
MULTICLASS = Task("multiclass", "multiclass", LABELS, {name: name for name in LABELS})
BINARY = Task("binary", "binary", ("other", "hit"), {"A": "hit", "B": "hit", "non": "other"})
CLUSTER = np.array([0, 0, 1, 2, 2, 3, 4])
TRUTH = ("non", "non", "non", "non", "A", "B", "A")
CATEGORIES = ("esterase", "esterase", "esterase", None, "TEM", "TEM", None)


def report(task, called, categories=CATEGORIES, truth=TRUTH):
    """Return the report of a network that makes these calls, and a majority class."""
    n, nothing = len(truth), (None,) * len(truth)
    embeddings = Embeddings(tuple("abcdefg"), np.zeros((n, 2), np.float32))
    proteins = Prepared(embeddings, truth, nothing, categories, nothing, nothing, ABOUT)
    similarity, k = np.zeros(n, np.float32), len(task.classes)
    held_out = HeldOut(
        "test", "toy", True, task, proteins, task.encode(truth), CLUSTER, ("far",) * n, similarity
    )
    sure = {"majority": np.eye(k)[np.zeros(n, int)], "network": np.eye(k)[called]}
    return report_categories(Answers(held_out, sure, sure), "network", 200, 5)


def test_of_a_binary_task_the_false_positives_count():
    found = report(BINARY, [0, 1, 1, 1, 1, 0, 1])
    low, high = share_interval(np.array([False, True, True]), CLUSTER[:3], 200, 5)
    assert found == {
        "source": "toy",
        "claims": True,
        "fold": "test",
        "proteins": 7,
        "model": "network",
        "without_category": 1,
        "categories": {
            "esterase": {
                "label": "non",
                "proteins": 3,
                "clusters": 2,
                "wrong": {"majority": 0, "network": 2},
                "share": {"majority": 0.0, "network": 0.6667},
                "low": round(low, 4),
                "high": round(high, 4),
                "called": {"other": 1, "hit": 2},
            }
        },
    }


def test_of_other_tasks_every_category_counts():
    found = report(MULTICLASS, [2, 2, 0, 2, 0, 0, 0])
    assert found["without_category"] == 2
    assert list(found["categories"]) == ["TEM", "esterase"]
    family = found["categories"]["TEM"]
    assert family["label"] == "A, B"
    assert family["wrong"] == {"majority": 1, "network": 1}
    assert family["called"] == {"A": 2}


def test_a_category_that_is_never_wrong_has_an_interval_all_the_same():
    esterase = report(BINARY, [0] * 7)["categories"]["esterase"]
    assert esterase["share"]["network"] == esterase["low"] == 0
    assert esterase["high"] > 0.5  # two clusters prove little


def test_a_data_set_without_categories_has_none():
    found = report(MULTICLASS, [0] * 7, (None,) * 7)
    assert (found["categories"], found["without_category"]) == ({}, 7)
