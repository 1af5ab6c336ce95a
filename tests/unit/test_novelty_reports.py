"""Reports on novelty: who is flagged, and whether a flag finds wrong calls."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from arginator.answers import Answers, HeldOut
from arginator.embeddings import Embeddings
from arginator.novelty import NoveltyIndex
from arginator.novelty_reports import report_novelty
from arginator.prepared import Prepared, Provenance
from arginator.tasks import Task

ABOUT = Provenance("toy", "Toy", True, "", "", "", "kmer", {"A": "A", "non": "non"})
TASK = Task("binary", "binary", ("other", "hit"), {"A": "hit", "non": "other"})
INDEX = NoveltyIndex(
    np.zeros(2, np.float32), np.eye(2, dtype=np.float16), ("x", "y"), ("A", "non"), 1, 0.5
)
LABELS = ("A", "A", "non", "non")
NOVELTY = np.array([0.6, 0.5, 0.9, 0.1])


def report(positive, novelty=NOVELTY):
    """Return the report of a model that gives these probabilities of the positive class."""
    nothing, positive = (None,) * 4, np.array(positive)
    embeddings = Embeddings(tuple("abcd"), np.zeros((4, 2), np.float32))
    proteins = Prepared(embeddings, LABELS, nothing, nothing, nothing, nothing, ABOUT)
    target, band = TASK.encode(LABELS), ("near", "near", "far", "far")
    held_out = HeldOut(
        "test", "toy", True, TASK, proteins, target, np.arange(4), band, np.zeros(4, np.float32)
    )
    said = {"network": np.column_stack([1 - positive, positive])}
    return report_novelty(Answers(held_out, said, said), "network", novelty, INDEX, 0.25)


def test_flags_are_counted_by_class_and_band():
    found = report([0.9, 0.9, 0.6, 0.1])
    assert found["flagged"] == {
        "overall": 0.5,
        "per_class": {"other": 0.5, "hit": 0.5},
        "per_band": {"near": 0.5, "far": 0.5},
    }
    assert found["accuracy"] == {"flagged": 0.5, "not_flagged": 1.0}
    assert found["doubtful"] == 0.25  # of 0.1, 0.1, 0.4 and 0.1
    assert (found["neighbours"], found["threshold"], found["confidence_threshold"]) == (
        1,
        0.5,
        0.25,
    )


@pytest.mark.parametrize("positive", [[0.9, 0.4, 0.6, 0.1], [0.25, 0.8, 0.3, 0.55]])
def test_both_scores_are_judged_by_how_well_they_find_wrong_calls(positive):
    positive = np.array(positive)
    wrong = (positive > 0.5) != np.array([True, True, False, False])
    doubt = np.minimum(positive, 1 - positive)
    assert report(positive)["auroc_of_errors"] == {
        "distance": round(roc_auc_score(wrong, NOVELTY), 4),
        "confidence": round(roc_auc_score(wrong, doubt), 4),
    }


@pytest.mark.parametrize("positive", [[0.9, 0.8, 0.1, 0.2], [0.1, 0.2, 0.9, 0.8]])
def test_where_all_are_right_or_all_wrong_there_is_nothing_to_find(positive):
    assert report(positive)["auroc_of_errors"] == {}


def test_where_nobody_is_flagged_nobody_has_an_accuracy():
    assert report([0.9, 0.9, 0.6, 0.1], np.zeros(4))["accuracy"] == {"not_flagged": 0.75}
