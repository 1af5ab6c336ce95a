"""Small networks, vectors and folds that the tests of compression share."""

import numpy as np
import pytest
import torch

from arginator.classifiers import OnnxClassifier
from arginator.embeddings import Embeddings
from arginator.ffnn import FeedForward, Shape
from arginator.params import CompressParams, TrainParams
from arginator.prepared import Prepared, Provenance
from arginator.tasks import Signature, Task, class_probability

WIDTH = 24
CLASSES = ("A", "B", "C", "D", "non")
_SIGNATURE = Signature("multiclass", "multiclass", CLASSES, None, WIDTH, "kmer", "toy", True)


def _make_network(hidden=(16, 12), activation="relu", normalisation="batch", outputs=5, seed=0):
    """Return a network whose every weight, statistic and deviation differs from its default."""
    torch.manual_seed(seed)
    shape = Shape(WIDTH, tuple(hidden), outputs, 0.3, activation, normalisation)
    network = FeedForward(shape).eval()
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.dtype.is_floating_point:
                value.add_(0.1 * torch.randn(value.shape))
            if name.endswith(("deviation", "running_var")):
                value.copy_(torch.rand(value.shape) + 0.5)
    return network


def _make_vectors(n, seed=0, width=WIDTH):
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


def _torch_probability(network, vectors):
    with torch.no_grad():
        return class_probability(network(torch.from_numpy(vectors)).numpy())


def _onnx_logit(path, vectors):
    return OnnxClassifier(path)._logit(vectors, 0)


def _make_fold(n, seed):
    """Return a fold of proteins around one centre for each class."""
    rng = np.random.default_rng(seed)
    target = np.arange(n) % len(CLASSES)
    centres = np.random.default_rng(99).normal(size=(len(CLASSES), WIDTH))
    matrix = (centres[target] + rng.normal(size=(n, WIDTH))).astype(np.float32)
    nothing = (None,) * n
    return Prepared(
        Embeddings(tuple(f"{seed}-{row}" for row in range(n)), matrix),
        tuple(CLASSES[index] for index in target),
        nothing,
        nothing,
        nothing,
        nothing,
        Provenance("toy", "Toy", True, "", "", "", "kmer", {name: name for name in CLASSES}),
    )


_TASK = Task("multiclass", "multiclass", CLASSES, {name: name for name in CLASSES})
_TRAIN = TrainParams(
    epochs=30,
    patience=30,
    monitor="val_loss",
    batch_size=64,
    optimiser="adamw",
    learning_rate=0.01,
    weight_decay=0.0,
    schedule="constant",
    imbalance="none",
    device="cpu",
    devices=1,
    precision=32,
    memory="held",
)
_COMPRESS = CompressParams(
    prune_criteria=("contribution", "random"),
    prune_ratios=(0.5, 0.75),
    mask_ratios=(0.5,),
    distil_widths=(6,),
    distil_temperature=2.0,
    distil_share=0.5,
    quantize=("dynamic", "static"),
    finetune_epochs=15,
    finetune_learning_rate=0.01,
    max_mcc_drop=0.01,
)


@pytest.fixture(scope="session")
def make_network():
    return _make_network


@pytest.fixture(scope="session")
def make_vectors():
    return _make_vectors


@pytest.fixture(scope="session")
def torch_probability():
    return _torch_probability


@pytest.fixture(scope="session")
def onnx_logit():
    return _onnx_logit


@pytest.fixture(scope="session")
def make_fold():
    return _make_fold


@pytest.fixture(scope="session")
def signature():
    return _SIGNATURE


@pytest.fixture(scope="session")
def task():
    return _TASK


@pytest.fixture(scope="session")
def train_params():
    return _TRAIN


@pytest.fixture(scope="session")
def compress_params():
    return _COMPRESS


@pytest.fixture(scope="session")
def sample():
    return torch.from_numpy(_make_vectors(500, seed=7))


@pytest.fixture(scope="session")
def folds():
    return _make_fold(400, 1), _make_fold(100, 2)
