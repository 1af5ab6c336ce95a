"""The unknown: what is left out is in no part of a model, and counts and shares are of it alone."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from arginator.embeddings import Embeddings
from arginator.novelty import fit_novelty
from arginator.params import BinaryTask, EvaluateParams, MulticlassTask
from arginator.prepared import Prepared
from arginator.studies.left_out import measure_left_out

EVALUATE = EvaluateParams(
    curve_points=10,
    seeds=1,
    seeds_at_once=1,
    resamples=100,
    bins=5,
    alpha=0.1,
    novelty_neighbours=3,
    novelty_alpha=0.1,
)
AUDIT = {"source": "toy (simulated)", "claims": True}
BINARY = BinaryTask(kind="binary", positive=("A", "B"), positive_name="yes", negative_name="no")
MULTICLASS = MulticlassTask(kind="multiclass")


@pytest.fixture(scope="module")
def folds(folds):
    """Return folds in which each protein of family B1 shares a cluster with one that is not."""
    row = np.arange(320)
    return replace(folds, cluster=(row - (row % 15 == 2)).astype(np.int32))


@pytest.fixture(scope="module")
def prepared(assemble, label_index) -> Prepared:
    """Return proteins in a direction a class, in two families; "B1" has one of its own."""
    row = np.arange(320)
    second = np.where(label_index == 1, row % 3 == 0, (row + row // 20) % 2)
    direction = np.where((label_index == 1) & second, 3, label_index)
    matrix = 8 * np.eye(4, 16)[direction] + np.random.default_rng(5).normal(size=(320, 16))
    family = [f"{('A', 'B', 'non')[i]}{two:d}" for i, two in zip(label_index, second, strict=True)]
    return assemble(matrix, label_index, tuple(family))


@pytest.fixture(scope="module")
def measure(prepared, folds, recipe):
    def measured(prepared=prepared, task=MULTICLASS, families=0):
        return measure_left_out(prepared, folds, AUDIT, "toy", task, recipe, EVALUATE, families)

    return measured


def test_every_class_but_the_commonest_is_left_out_and_told_from_the_known(measure):
    found = measure()
    assert {name: found[name] for name in ("source", "claims", "neighbours", "alpha")} == {
        "source": "toy (simulated)",
        "claims": True,
        "neighbours": 3,
        "alpha": 0.1,
    }
    assert list(found["classes"]) == ["A", "B"]
    assert (found["families"], found["skipped"]) == ({}, {})
    for name, one in found["classes"].items():
        assert (one["label"], one["left_out"], one["proteins"], one["known"]) == (name, 80, 10, 30)
        assert name not in one["called"]
        assert sum(one["called"].values()) == 10
        assert one["flagged"] > one["false_flags"]
        assert one["auroc"]["distance"] > 0.7


def test_flags_and_auroc_are_those_of_an_index_without_the_class(measure, prepared, folds):
    label = np.array(prepared.labels)
    parts = {
        fold: prepared.select(folds.fold_mask(fold) & (label != "A"))
        for fold in ("train", "calibration", "test")
    }
    index = fit_novelty(parts["train"], parts["calibration"], 3, 0.1)
    matrix = prepared.embeddings.matrix[folds.fold_mask("test") & (label == "A")]
    new, known = index.score(matrix), index.score(parts["test"].embeddings.matrix)
    found = measure()["classes"]["A"]
    auroc = roc_auc_score(np.r_[np.ones(len(new)), np.zeros(len(known))], np.r_[new, known])
    assert found["auroc"]["distance"] == pytest.approx(auroc, abs=5e-5)
    assert found["flagged"] == pytest.approx((new > index.threshold).mean(), abs=5e-5)
    assert found["false_flags"] == pytest.approx((known > index.threshold).mean(), abs=5e-5)


def test_of_a_family_all_proteins_are_judged_and_its_class_stays(measure, prepared):
    found = measure(families=4)["families"]
    assert list(found) == ["B0", "A0", "A1", "B1"]
    family, size = found["B1"], prepared.given_clusters.count("B1")
    mates = family["left_out"]
    assert (family["label"], family["left_out"], family["proteins"]) == ("B", mates, size)
    assert set(family["called"]) == set(prepared.labels)
    assert family["flagged"] > family["false_flags"]


def test_with_a_family_all_that_share_a_cluster_with_it_are_left_out(measure, prepared, folds):
    family = np.array(prepared.given_clusters) == "B1"
    mates = np.isin(folds.cluster, folds.cluster[family])
    found = measure(families=4)["families"]["B1"]
    assert (found["left_out"], found["proteins"]) == (mates.sum(), family.sum())
    assert found["known"] == (folds.fold_mask("test") & ~mates).sum()


def test_families_of_the_commonest_label_are_never_left_out(measure):
    assert not {"non0"} & set(measure(families=10)["families"])


def test_nothing_of_what_is_left_out_reaches_the_model(measure, prepared, folds):
    left_out = np.array(prepared.labels) == "A"
    matrix = prepared.embeddings.matrix.copy()
    matrix[left_out & ~folds.fold_mask("test")] *= -3
    changed = replace(prepared, embeddings=Embeddings(prepared.embeddings.ids, matrix))
    assert measure(changed)["classes"]["A"] == measure()["classes"]["A"]


def test_a_binary_task_learns_from_the_positive_labels_that_are_left(measure):
    found = measure(task=BINARY)["classes"]
    assert list(found) == ["A", "B"]
    assert all(set(one["called"]) == {"no", "yes"} for one in found.values())


def test_what_leaves_a_single_class_is_skipped_with_the_reason(measure, prepared):
    only = BINARY.model_copy(update={"positive": ("A",)})
    whole = replace(prepared, given_clusters=tuple(f"all {name}" for name in prepared.labels))
    found = measure(whole, only, families=2)
    assert list(found["classes"]) == ["B"]
    assert list(found["families"]) == ["all B"]
    assert found["skipped"] == {
        "A": "task 'toy': has a single class without 'A'",
        "all A": "training fold: 1 of 2 classes of task 'toy' have no protein (first: 'yes')",
    }
