"""Answers: the proteins of a held-out fold, and the groups they fall into."""

import numpy as np
import pytest

from arginator.answers import Answers, hold_out
from arginator.embeddings import Embeddings
from arginator.errors import DataError
from arginator.folds import Folds
from arginator.params import Bands
from arginator.prepared import Prepared, Provenance
from arginator.tasks import Task

LABELS = ("A", "B", "C")
ABOUT = Provenance("toy", "Toy", True, "", "", "", "kmer", {name: name for name in LABELS})
TASK = Task("multiclass", "multiclass", LABELS, {name: name for name in LABELS})
AUDIT = {"source": "toy (simulated)", "claims": False}
BANDS = Bands(near=0.5, far=0.25)
IDS = ("a", "b", "c", "d", "e", "f")
NOTHING = (None,) * 6
PREPARED = Prepared(
    Embeddings(IDS, np.eye(6, dtype=np.float32)),
    ("A", "C", "A", "B", "C", "A"),
    NOTHING,
    NOTHING,
    NOTHING,
    NOTHING,
    ABOUT,
)
FOLDS = Folds(
    IDS,
    np.array([0, 1, 1, 2, 3, 4]),
    ("train", "test", "test", "train", "test", "test"),
    np.array([np.nan, 0.5, 0.49, np.nan, 0.25, 0.24], np.float32),
)


@pytest.fixture
def held_out():
    return hold_out(PREPARED, FOLDS, "test", TASK, AUDIT, BANDS)


def test_what_is_held_out_is_the_fold_with_all_that_is_known_of_it(held_out):
    assert held_out.head() == AUDIT | {"fold": "test", "proteins": 4}
    assert held_out.proteins.embeddings.ids == ("b", "c", "e", "f")
    assert held_out.target.tolist() == [2, 0, 2, 0]
    assert held_out.cluster.tolist() == [1, 1, 3, 4]
    assert held_out.band == ("near", "middle", "middle", "far")
    assert held_out.similarity.tolist() == FOLDS.similarity_to_train[[1, 2, 4, 5]].tolist()


def test_groups_are_in_order_without_empty_ones(held_out):
    masks = {name: mask.tolist() for name, mask in held_out.class_masks().items()}
    assert list(masks.items()) == [
        ("A", [False, True, False, True]),
        ("C", [True, False, True, False]),
    ]
    assert list(held_out.band_masks()) == ["near", "middle", "far"]


def test_every_protein_is_in_one_class_and_one_band(held_out):
    for masks in (held_out.class_masks(), held_out.band_masks()):
        assert np.sum(list(masks.values()), axis=0).tolist() == [1, 1, 1, 1]


def test_clusters_are_counted_once(held_out):
    assert held_out.count_clusters(np.array([True, True, True, False])) == 2
    assert held_out.count_clusters(np.zeros(4, bool)) == 0


def test_a_call_is_wrong_by_the_calibrated_probabilities(held_out):
    right, other = np.eye(3)[[2, 0, 2, 0]], np.eye(3)[[2, 1, 2, 1]]
    answers = Answers(held_out, {"network": right}, {"network": other})
    assert answers.wrong("network").tolist() == [False, True, False, True]


def test_folds_of_other_proteins_are_refused():
    other = PREPARED.select(np.arange(6) < 5)
    with pytest.raises(DataError, match="the folds are of 6 other proteins"):
        hold_out(other, FOLDS, "test", TASK, AUDIT, BANDS)
