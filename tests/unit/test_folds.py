"""Folds select proteins, and only those they were made for."""

import numpy as np
import pytest

from arginator.embeddings import Embeddings
from arginator.errors import DataError
from arginator.folds import Folds
from arginator.prepared import Prepared, Provenance

FOLDS = Folds(
    ("p1", "p2", "p3"),
    np.array([0, 1, 1], dtype=np.int32),
    ("test", "train", "train"),
    np.array([0.25, np.nan, np.nan], dtype=np.float32),
)


def make_prepared(ids):
    """Return a data set of these ids."""
    none = (None,) * len(ids)
    about = Provenance("own", "Toy", False, "", "", "", "kmer", {"A": "Class A"})
    embeddings = Embeddings(ids, np.eye(len(ids), dtype=np.float32))
    return Prepared(embeddings, ("A",) * len(ids), none, none, none, none, about)


def test_a_mask_marks_the_proteins_of_a_fold():
    assert FOLDS.fold_mask("train").tolist() == [False, True, True]
    assert FOLDS.fold_mask("validation").tolist() == [False, False, False]


def test_an_unknown_fold_is_an_error():
    message = r"^no fold 'tset' \(there: train, validation, calibration, test\)$"
    with pytest.raises(ValueError, match=message):
        FOLDS.fold_mask("tset")


def test_the_proteins_of_a_fold_are_selected_in_order():
    selected = FOLDS.select(make_prepared(("p1", "p2", "p3")), "train")
    assert selected.embeddings.ids == ("p2", "p3")


def test_clusters_are_counted_by_fold_and_class():
    clusters = FOLDS.clusters_per_class(make_prepared(("p1", "p2", "p3")))
    none = {"A": 0}
    assert clusters == {
        "train": {"A": 1},
        "validation": none,
        "calibration": none,
        "test": {"A": 1},
    }


@pytest.mark.parametrize(
    ("sizes", "expected"), [([5, 5, 5], 3.0), ([9, 1], 1.2), ([1], 1.0), ([98, 1, 1], 1.0)]
)
def test_a_cluster_far_larger_than_the_others_counts_for_nearly_all(sizes, expected):
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    ids = tuple(f"p{row}" for row in range(len(cluster)))
    folds = Folds(ids, cluster, ("test",) * len(ids), np.zeros(len(ids), np.float32))
    found = folds.effective_clusters(make_prepared(ids))
    empty = {fold: {"A": 0.0} for fold in ("train", "validation", "calibration")}
    assert found == empty | {"test": {"A": expected}}


@pytest.mark.parametrize("ids", [("p1", "p2"), ("p1", "p3", "p2")])
def test_folds_of_other_proteins_are_refused(ids):
    with pytest.raises(DataError) as caught:
        FOLDS.select(make_prepared(ids), "train")
    assert str(caught.value) == (
        f"data set 'own': the folds are of 3 other proteins than the {len(ids)} prepared ones; "
        "run `dvc repro split`"
    )
