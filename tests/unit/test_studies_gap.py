"""The gap: the same proteins, models and seed under both splits; random minus cluster."""

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
    TrainParams,
)
from arginator.prepared import Prepared, Provenance
from arginator.splits import split
from arginator.studies.gap import measure_gap
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


@pytest.fixture(autouse=True)
def _one_thread():
    """Let tiny steps not wait for a second thread on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def families(members: int = 8, d: int = 24) -> Prepared:
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


def test_the_gap_is_what_a_random_split_adds_to_each_score():
    gap = measure_gap(families(), TASK, SPLIT, RECIPE)
    assert list(gap) == ["source", "claims", "max_similarity", "splits", "gap"]
    assert (gap["source"], gap["claims"], gap["max_similarity"]) == ("toy (simulated)", False, 0.9)
    for model, difference in gap["gap"].items():
        random, apart = (gap["splits"][name]["models"][model] for name in ("random", "cluster"))
        assert difference == pytest.approx({name: random[name] - apart[name] for name in random})
    assert list(gap["gap"]) == ["nearest_neighbour", "logistic_regression", "network"]


def test_a_random_split_of_near_copies_flatters_the_nearest_neighbour():
    gap = measure_gap(families(), TASK, SPLIT, RECIPE)
    assert gap["splits"]["random"]["models"]["nearest_neighbour"]["mcc"] > 0.9
    assert gap["gap"]["nearest_neighbour"]["mcc"] > 0.3


@pytest.mark.parametrize("configured", ["random", "given"])
def test_both_splits_are_made_whatever_the_params_say(configured):
    prepared, params = families(), SPLIT.model_copy(update={"method": configured})
    gap = measure_gap(prepared, TASK, params, RECIPE)
    for method, found in gap["splits"].items():
        folds = split(prepared, SPLIT.model_copy(update={"method": method}), RECIPE.seed).folds
        proteins = folds.select(prepared, "test")
        answers = answer(fit_models(gather(prepared, folds, TASK), RECIPE), proteins)
        assert found["models"] == score(answers, TASK.encode(proteins.labels), TASK)
        assert found["proteins"] == len(proteins.labels)


def test_every_test_protein_is_in_one_band_and_near_copies_are_near():
    for method, found in measure_gap(families(), TASK, SPLIT, RECIPE)["splits"].items():
        assert sum(found["bands"].values()) == found["proteins"]
        counts = {band: inside["proteins"] for band, inside in found["by_band"].items()}
        assert counts == {band: count for band, count in found["bands"].items() if count}
        assert (found["bands"]["near"] > 0.9 * found["proteins"]) == (method == "random")
