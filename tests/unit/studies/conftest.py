"""Toy data of the studies: small, the same for every study, and simulated."""

import numpy as np
import pytest
import torch

from arginator.embeddings import Embeddings
from arginator.folds import FOLDS, Folds
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
from arginator.studies.runs import Recipe
from arginator.tasks import Task, define_task

LABELS = ("A", "B", "non")
ABOUT = Provenance("toy", "toy", True, "", "", "", "kmer", {label: label for label in LABELS})


def _name(proteins: int) -> tuple[str, ...]:
    return tuple(f"P{row:04}" for row in range(proteins))


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Let tiny steps not wait for a second thread on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    return Recipe(
        BaselineParams(inverse_regularisation=(0.1, 1.0), iterations=1000),
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
            devices=1,
            precision=32,
            memory="held",
        ),
        seed=3,
    )


@pytest.fixture(scope="session")
def split_params() -> SplitParams:
    return SplitParams(
        method="cluster",
        cluster_by="embedding",
        max_similarity=0.9,
        max_identity=0.4,
        largest_share=1.0,
        bands=Bands(near=0.6, far=0.3),
        fractions=FoldFractions(train=0.4, validation=0.2, calibration=0.2, test=0.2),
    )


@pytest.fixture(scope="session")
def task() -> Task:
    return define_task("multiclass", MulticlassTask(kind="multiclass"), ABOUT)


@pytest.fixture(scope="session")
def assemble():
    """Return what makes a data set of vectors and of the number of the label of each."""

    def assembled(matrix, index, given_clusters=None) -> Prepared:
        none = (None,) * len(index)
        labels = tuple(LABELS[i] for i in index)
        embeddings = Embeddings(_name(len(index)), matrix.astype(np.float32))
        return Prepared(embeddings, labels, none, none, none, given_clusters or none, ABOUT)

    return assembled


@pytest.fixture(scope="session")
def families(assemble) -> Prepared:
    """Return 60 families of eight near-copies; their centres tell the class a little."""
    generator = np.random.default_rng(5)
    index = np.tile([0, 1, 2, 2, 2], 12)
    centre = generator.normal(size=(60, 24)) + 0.8 * np.eye(3, 24)[index]
    matrix = np.repeat(centre, 8, axis=0) + 0.1 * generator.normal(size=(480, 24))
    return assemble(matrix, np.repeat(index, 8))


@pytest.fixture(scope="module")
def label_index():
    """Return the number of the label of each of 320 proteins, which change after every five."""
    return np.repeat(np.tile([0, 1, 2, 2], 16), 5)


@pytest.fixture(scope="module")
def prepared(assemble, label_index) -> Prepared:
    """Return proteins whose class shows in their vectors."""
    noise = np.random.default_rng(5).normal(size=(320, 6))
    return assemble(2 * np.eye(3, 6)[label_index] + noise, label_index)


@pytest.fixture(scope="module")
def folds() -> Folds:
    """Return folds that all hold every class, of clusters of five proteins of one class."""
    row = np.arange(320)
    fold = tuple(FOLDS[i] for i in np.array([0, 0, 0, 0, 0, 1, 2, 3])[row // 20 % 8])
    similarity = np.full(320, np.nan, dtype=np.float32)
    return Folds(_name(320), (row // 5).astype(np.int32), fold, similarity)
