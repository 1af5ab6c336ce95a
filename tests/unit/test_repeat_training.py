"""Repeats: side by side they have the bytes they have one after the other."""

import numpy as np
import pytest
import torch

from arginator.embeddings import Embeddings
from arginator.errors import DataError, ModelError
from arginator.params import ModelParams, MulticlassTask, TrainParams
from arginator.prepared import Prepared, Provenance
from arginator.repeat_training import train_repeats
from arginator.tasks import define_task

LABELS = ("A", "B", "non")
ABOUT = Provenance("toy", "toy", True, "", "", "", "kmer", {label: label for label in LABELS})
TASK = define_task("multiclass", MulticlassTask(kind="multiclass"), ABOUT)
MODEL = ModelParams(width=8, depth=2, dropout=0.2, activation="relu", normalisation="batch")
PARAMS = TrainParams(
    epochs=3,
    patience=10,
    monitor="val_loss",
    batch_size=32,
    optimiser="adamw",
    learning_rate=0.01,
    weight_decay=0.01,
    schedule="cosine",
    imbalance="class_weights",
    device="cpu",
    devices=1,
    precision=32,
    memory="held",
)


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def fold(seed: int, n: int = 90, d: int = 6) -> Prepared:
    random = np.random.default_rng(seed)
    labels = tuple(LABELS[row % 3] for row in range(n))
    matrix = (random.normal(size=(n, d)) + np.arange(n)[:, None] % 3).astype(np.float32)
    ids, none = tuple(f"P{row:04}" for row in range(n)), (None,) * n
    return Prepared(Embeddings(ids, matrix), labels, none, none, none, none, ABOUT)


def repeats(at_once: int, **changes):
    params = PARAMS.model_copy(update=changes)
    return dict(train_repeats(fold(0), fold(1), TASK, MODEL, params, [7, 8, 9], at_once))


@pytest.mark.slow
def test_repeats_side_by_side_have_the_bytes_of_one_after_the_other():
    after, beside = repeats(1), repeats(2)
    assert sorted(beside) == sorted(after) == [1, 2, 3]
    for number, trained in after.items():
        state = beside[number].network.state_dict()
        for name, weight in trained.network.state_dict().items():
            assert weight.numpy().tobytes() == state[name].numpy().tobytes()
        assert beside[number].history == trained.history
        assert beside[number].best_epoch == trained.best_epoch
    first = after[1].network.state_dict(), after[2].network.state_dict()
    assert not torch.equal(first[0]["output.weight"], first[1]["output.weight"])


@pytest.mark.slow
def test_an_error_side_by_side_is_that_of_the_training():
    with pytest.raises(ModelError) as caught:
        repeats(2, optimiser="sgd", learning_rate=float("nan"))
    assert str(caught.value).startswith("network: train_loss is nan in epoch 1 ")


def test_one_after_the_other_needs_no_process():
    short = fold(0).select(np.array(fold(0).labels) != "A")
    with pytest.raises(DataError, match="training fold"):
        next(train_repeats(short, fold(1), TASK, MODEL, PARAMS, [7], 1))
