"""Learning curves: nested shares of whole clusters with every class, and scores by seed."""

from dataclasses import replace
from statistics import fmean

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arginator.embeddings import Embeddings
from arginator.folds import FOLDS, Folds
from arginator.params import (
    BaselineParams,
    ModelParams,
    MulticlassTask,
    StudiesParams,
    TrainParams,
)
from arginator.prepared import Prepared, Provenance
from arginator.studies.learning_curves import METRICS, measure_learning_curve, rank_clusters
from arginator.studies.runs import (
    Recipe,
    answer,
    fit_models,
    fit_network,
    gather,
    score,
)
from arginator.tasks import define_task

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
TASK = define_task("multiclass", MulticlassTask(kind="multiclass"), ABOUT)
STUDIES = StudiesParams(seeds=2, train_shares=(1.0, 0.25), similarity_limits=(0.4,), families=0)
AUDIT = {"source": "toy (simulated)", "claims": True, "method": "cluster"}


@pytest.fixture(autouse=True)
def _one_thread():
    """Let tiny steps not wait for a second thread on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def data(n: int = 320, d: int = 6) -> tuple[Prepared, Folds]:
    """Return proteins whose class shows in their vectors, in clusters of five of one class."""
    generator = np.random.default_rng(5)
    index = np.repeat(np.tile([0, 1, 2, 2], n // 20), 5)
    matrix = np.eye(3, d)[index] * 2 + generator.normal(size=(n, d))
    ids, none = tuple(f"P{row:04}" for row in range(n)), (None,) * n
    labels = tuple(LABELS[i] for i in index)
    embeddings = Embeddings(ids, matrix.astype(np.float32))
    fold = tuple(FOLDS[[0, 0, 0, 0, 0, 1, 2, 3][row // 20 % 8]] for row in range(n))
    cluster = (np.arange(n) // 5).astype(np.int32)
    similarity = np.full(n, np.nan, dtype=np.float32)
    return Prepared(embeddings, labels, none, none, none, none, ABOUT), Folds(
        ids, cluster, fold, similarity
    )


@given(
    st.lists(st.tuples(st.integers(0, 8), st.sampled_from("ABC")), min_size=1, max_size=60),
    st.integers(0, 2**32 - 1),
    st.floats(0.01, 1),
)
def test_a_share_is_of_whole_clusters_holds_every_label_and_all_of_a_smaller_share(
    proteins, seed, share
):
    cluster = np.array([number for number, _ in proteins])
    label = np.array([name for _, name in proteins])
    rank = rank_clusters(label.tolist(), cluster, seed)
    kept = rank < share
    assert not set(cluster[kept]) & set(cluster[~kept])
    assert set(label[kept]) == set(label)
    assert ((rank < share / 2) <= kept).all()
    assert (rank < 1).all()


def test_a_share_takes_that_share_of_the_clusters_of_each_label():
    cluster = np.repeat(np.arange(100), 3)
    labels = ["A" if number < 60 else "B" for number in cluster]
    rank = rank_clusters(labels, cluster, 1)
    kept = np.unique(cluster[rank < 0.5])
    assert ((kept < 60).sum(), (kept >= 60).sum()) == (30, 20)
    assert sorted(set(rank[cluster >= 60].tolist())) == pytest.approx(np.arange(40) / 40)


def test_another_seed_gives_another_order():
    cluster, labels = np.arange(50), ["A"] * 50
    one, two = (rank_clusters(labels, cluster, seed) for seed in (0, 1))
    assert not np.array_equal(one, two)
    assert np.array_equal(one, rank_clusters(labels, cluster, 0))


def test_the_curve_ends_at_the_models_of_the_whole_training_fold():
    prepared, folds = data()
    curve = measure_learning_curve(prepared, folds, AUDIT, TASK, RECIPE, STUDIES)
    assert {name: value for name, value in curve.items() if name != "points"} == {
        "source": "toy (simulated)",
        "claims": True,
        "fold": "test",
        "seeds": 2,
    }
    first, last = curve["points"]
    assert (first["share"], first["proteins"], first["clusters"]) == (0.25, 55, 11)
    assert (last["share"], last["proteins"], last["clusters"]) == (1.0, 200, 40)

    material, test = gather(prepared, folds, TASK), folds.select(prepared, "test")
    models = fit_models(material, RECIPE)
    models["second"] = fit_network(material, replace(RECIPE, seed=RECIPE.seed + 1))
    scores = score(answer(models, test), TASK.encode(test.labels), TASK)
    for name in ("nearest_neighbour", "logistic_regression"):
        assert last["models"][name] == {metric: scores[name][metric] for metric in METRICS}
    for metric, found in last["models"]["network"].items():
        values = [scores[name][metric] for name in ("network", "second")]
        expected = {"mean": fmean(values), "lowest": min(values), "highest": max(values)}
        assert found == pytest.approx(expected, abs=5.1e-5)


def test_no_model_of_a_small_share_sees_the_rest_of_training():
    prepared, folds = data()
    studies = STUDIES.model_copy(update={"train_shares": (0.25,)})
    one = measure_learning_curve(prepared, folds, AUDIT, TASK, RECIPE, studies)
    cluster = folds.cluster[folds.fold_mask("train")]
    rank = rank_clusters(folds.select(prepared, "train").labels, cluster, RECIPE.seed)
    matrix = prepared.embeddings.matrix.copy()
    matrix[np.flatnonzero(folds.fold_mask("train"))[rank >= 0.25]] = 0
    blind = replace(prepared, embeddings=Embeddings(prepared.embeddings.ids, matrix))
    assert one == measure_learning_curve(blind, folds, AUDIT, TASK, RECIPE, studies)
