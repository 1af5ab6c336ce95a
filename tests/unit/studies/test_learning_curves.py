"""Learning curves: nested shares of whole clusters with every class, and scores by seed."""

from dataclasses import replace
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arginator.embeddings import Embeddings
from arginator.params import StudiesParams
from arginator.studies.learning_curves import METRICS, measure_learning_curve, rank_clusters
from arginator.studies.runs import answer, fit_models, fit_network, gather, score

STUDIES = StudiesParams(seeds=2, train_shares=(1.0, 0.25), similarity_limits=(0.4,), families=0)
AUDIT = {"source": "toy (simulated)", "claims": True, "method": "cluster"}


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


def test_the_curve_ends_at_the_models_of_the_whole_training_fold(prepared, folds, task, recipe):
    curve = measure_learning_curve(prepared, folds, AUDIT, task, recipe, STUDIES)
    assert {name: value for name, value in curve.items() if name != "points"} == {
        "source": "toy (simulated)",
        "claims": True,
        "fold": "test",
        "seeds": 2,
    }
    first, last = curve["points"]
    assert (first["share"], first["proteins"], first["clusters"]) == (0.25, 55, 11)
    assert (last["share"], last["proteins"], last["clusters"]) == (1.0, 200, 40)

    material, test = gather(prepared, folds, task), folds.select(prepared, "test")
    models = fit_models(material, recipe)
    models["second"] = fit_network(material, replace(recipe, seed=recipe.seed + 1))
    scores = score(answer(models, test), task.encode(test.labels), task)
    for name in ("nearest_neighbour", "logistic_regression"):
        assert last["models"][name] == {metric: scores[name][metric] for metric in METRICS}
    for metric, found in last["models"]["network"].items():
        values = [scores[name][metric] for name in ("network", "second")]
        expected = {"mean": fmean(values), "lowest": min(values), "highest": max(values)}
        assert found == pytest.approx(expected, abs=5.1e-5)


def test_no_model_of_a_small_share_sees_the_rest_of_training(prepared, folds, task, recipe):
    studies = STUDIES.model_copy(update={"train_shares": (0.25,)})
    one = measure_learning_curve(prepared, folds, AUDIT, task, recipe, studies)
    cluster = folds.cluster[folds.fold_mask("train")]
    rank = rank_clusters(folds.select(prepared, "train").labels, cluster, recipe.seed)
    matrix = prepared.embeddings.matrix.copy()
    matrix[np.flatnonzero(folds.fold_mask("train"))[rank >= 0.25]] = 0
    blind = replace(prepared, embeddings=Embeddings(prepared.embeddings.ids, matrix))
    assert one == measure_learning_curve(blind, folds, AUDIT, task, recipe, studies)
