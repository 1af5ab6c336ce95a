"""The unknown: what is left out is in no part of a model, and counts and shares are of it alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from arginator.embeddings import Embeddings
from arginator.folds import FOLDS, Folds
from arginator.novelty import fit_novelty
from arginator.params import (
    BaselineParams,
    BinaryTask,
    EvaluateParams,
    ModelParams,
    MulticlassTask,
    TrainParams,
)
from arginator.prepared import Prepared, Provenance
from arginator.studies.left_out import measure_left_out
from arginator.studies.runs import Recipe

LABELS = ("A", "B", "non")
ABOUT = Provenance("toy", "toy", True, "", "", "", "kmer", {label: label for label in LABELS})
RECIPE = Recipe(
    BaselineParams(inverse_regularisation=(1.0,), iterations=1000),
    ModelParams(width=8, depth=1, dropout=0.0, activation="relu", normalisation="none"),
    TrainParams(
        epochs=3,
        patience=10,
        monitor="val_loss",
        batch_size=64,
        optimiser="adamw",
        learning_rate=0.03,
        weight_decay=0.0,
        schedule="constant",
        imbalance="class_weights",
        device="cpu",
    ),
    seed=3,
)
EVALUATE = EvaluateParams(
    curve_points=10,
    seeds=1,
    resamples=100,
    bins=5,
    alpha=0.1,
    novelty_neighbours=3,
    novelty_alpha=0.1,
)
AUDIT = {"source": "toy (simulated)", "claims": True}
BINARY = BinaryTask(kind="binary", positive=("A", "B"), positive_name="yes", negative_name="no")
MULTICLASS = MulticlassTask(kind="multiclass")


@pytest.fixture(autouse=True)
def _one_thread():
    """Let tiny steps not wait for a second thread on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def data(n: int = 320, d: int = 16) -> tuple[Prepared, Folds]:
    """Return proteins in a direction a class, in two families; "B1" has one of its own."""
    generator = np.random.default_rng(5)
    index = np.tile([0, 1, 2, 2, 2], n // 5)
    of_family = (index == 1) & (np.arange(n) % 15 == 1)
    direction = np.where(of_family, 3, index)
    matrix = 8 * np.eye(4, d)[direction] + generator.normal(size=(n, d))
    ids, none = tuple(f"P{row:04}" for row in range(n)), (None,) * n
    labels = tuple(LABELS[i] for i in index)
    second = np.where(index == 1, of_family, np.arange(n) % 10 < 5)
    family = tuple(f"{LABELS[i]}{two:d}" for i, two in zip(index, second, strict=True))
    fold = tuple(FOLDS[[0, 0, 1, 2, 3][row // 10 % 5]] for row in range(n))
    similarity = np.full(n, np.nan, dtype=np.float32)
    cluster = (np.arange(n) // 2).astype(np.int32)
    embeddings = Embeddings(ids, matrix.astype(np.float32))
    return Prepared(embeddings, labels, none, none, none, family, ABOUT), Folds(
        ids, cluster, fold, similarity
    )


def measure(task=MULTICLASS, families=0, *, prepared=None, folds=None):
    own, own_folds = data()
    return measure_left_out(
        prepared or own, folds or own_folds, AUDIT, "toy", task, RECIPE, EVALUATE, families
    )


def test_every_class_but_the_commonest_is_left_out_and_told_from_the_known():
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
        assert (one["label"], one["left_out"], one["proteins"], one["known"]) == (name, 64, 12, 48)
        assert name not in one["called"]
        assert sum(one["called"].values()) == 12
        assert one["flagged"] > one["false_flags"]
        assert one["auroc"]["distance"] > 0.7


def test_flags_and_auroc_are_those_of_an_index_without_the_class():
    prepared, folds = data()
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


def test_of_a_family_all_proteins_are_judged_and_its_class_stays():
    found = measure(families=4)["families"]
    assert list(found) == ["B0", "A0", "A1", "B1"]
    family, size = found["B1"], data()[0].given_clusters.count("B1")
    assert (family["label"], family["left_out"], family["proteins"]) == ("B", size, size)
    assert set(family["called"]) == set(LABELS)
    assert family["flagged"] > family["false_flags"]


def test_families_of_the_commonest_label_are_never_left_out():
    assert not {"non0"} & set(measure(families=10)["families"])


def test_nothing_of_what_is_left_out_reaches_the_model():
    prepared, folds = data()
    left_out = np.array(prepared.labels) == "A"
    matrix = prepared.embeddings.matrix.copy()
    matrix[left_out & ~folds.fold_mask("test")] *= -3
    changed = replace(prepared, embeddings=Embeddings(prepared.embeddings.ids, matrix))
    assert measure(prepared=changed)["classes"]["A"] == measure()["classes"]["A"]


def test_a_binary_task_learns_from_the_positive_labels_that_are_left():
    found = measure(BINARY)["classes"]
    assert list(found) == ["A", "B"]
    assert all(set(one["called"]) == {"no", "yes"} for one in found.values())


def test_what_leaves_a_single_class_is_skipped_with_the_reason():
    only = BinaryTask(kind="binary", positive=("A",), positive_name="yes", negative_name="no")
    prepared, _ = data()
    whole = replace(prepared, given_clusters=tuple(f"all {name}" for name in prepared.labels))
    found = measure(only, families=2, prepared=whole)
    assert list(found["classes"]) == ["B"]
    assert list(found["families"]) == ["all B"]
    assert found["skipped"] == {
        "A": "task 'toy': has a single class without 'A'",
        "all A": "training fold: 1 of 2 classes of task 'toy' have no protein (first: 'yes')",
    }
