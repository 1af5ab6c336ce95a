"""The ablation: each limit has a split of its own, or the reason why it has none."""

import json

import numpy as np
import pytest
import torch

from arginator.embeddings import Embeddings
from arginator.params import (
    Bands,
    BaselineParams,
    FoldFractions,
    ModelParams,
    MulticlassTask,
    SplitParams,
    StudiesParams,
    TrainParams,
)
from arginator.prepared import Prepared, Provenance
from arginator.splits import split
from arginator.studies.ablation import measure_limits
from arginator.studies.runs import Recipe, answer, fit_models, gather, score
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
SPLIT = SplitParams(
    method="cluster",
    cluster_by="embedding",
    max_similarity=0.9,
    max_identity=0.4,
    largest_share=1.0,
    bands=Bands(near=0.6, far=0.3),
    fractions=FoldFractions(train=0.4, validation=0.2, calibration=0.2, test=0.2),
)
TASK = define_task("multiclass", MulticlassTask(kind="multiclass"), ABOUT)
STUDIES = StudiesParams(
    seeds=1, train_shares=(1.0,), similarity_limits=(1.0, 0.0, 0.8, 0.8), families=0
)


@pytest.fixture(autouse=True)
def _one_thread():
    """Let tiny steps not wait for a second thread on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def families(members: int = 4, d: int = 24) -> Prepared:
    """Return 60 families of near-copies; their centres tell the class a little."""
    generator = np.random.default_rng(5)
    index = np.repeat(np.tile([0, 1, 2, 2, 2], 12), members)
    centre = generator.normal(size=(60, d)) + 0.8 * np.eye(3, d)[index[::members]]
    matrix = np.repeat(centre, members, axis=0) + 0.1 * generator.normal(size=(60 * members, d))
    ids, none = tuple(f"P{row:04}" for row in range(len(index))), (None,) * len(index)
    labels = tuple(LABELS[i] for i in index)
    return Prepared(
        Embeddings(ids, matrix.astype(np.float32)), labels, none, none, none, none, ABOUT
    )


@pytest.fixture(scope="module")
def ablation():
    params = SPLIT.model_copy(update={"method": "random", "cluster_by": "sequence"})
    return measure_limits(families(), TASK, params, RECIPE, STUDIES)


def test_each_limit_is_tried_once_from_the_lowest_to_the_highest(ablation):
    assert [limit["max_similarity"] for limit in ablation["limits"]] == [0.0, 0.8, 1.0]
    assert (ablation["source"], ablation["claims"]) == ("toy (simulated)", False)
    assert json.loads(json.dumps(ablation, allow_nan=False)) == ablation


def test_a_limit_that_leaves_too_few_clusters_has_a_reason_instead_of_scores(ablation):
    impossible = ablation["limits"][0]
    assert list(impossible) == ["max_similarity", "reason"]
    assert impossible["reason"].startswith("class 'A' has 1 clusters of similar proteins, expected")


def test_scores_and_counts_are_those_of_the_split_at_that_limit(ablation):
    prepared = families()
    for found in ablation["limits"][1:]:
        params = SPLIT.model_copy(update={"max_similarity": found["max_similarity"]})
        result = split(prepared, params, RECIPE.seed)
        proteins = result.folds.select(prepared, "test")
        models = fit_models(gather(prepared, result.folds, TASK), RECIPE)
        target = TASK.encode(proteins.labels)
        assert found["models"] == score(answer(models, proteins), target, TASK)
        for name in ("clusters", "largest_cluster", "folds", "clusters_per_class"):
            assert found[name] == result.audit[name]
        assert found["similarity"] == result.audit["similarity_to_train"]["test"]["median"]


def test_with_near_copies_on_both_sides_the_nearest_neighbour_gains(ablation):
    _, apart, mixed = ablation["limits"]
    assert (apart["clusters"], mixed["clusters"]) == (60, 240)
    mcc = [limit["models"]["nearest_neighbour"]["mcc"] for limit in (apart, mixed)]
    assert mcc[1] - mcc[0] > 0.3
