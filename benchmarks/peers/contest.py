"""The rules of the contest: the same folds for all, a budget, and what each peer hands back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from measuring import ROOT
from sklearn.metrics import matthews_corrcoef

from arginator.ffnn import FeedForward, Shape
from arginator.params import Params, load_params

HIDDEN = (256, 128)
LEARNING_RATE = 1e-3

Vectors = Float32[np.ndarray, "n d"]
Targets = Int[np.ndarray, " n"]
Probability = Float[np.ndarray, "n k"]


class NotInstalledError(Exception):
    """A peer's package is not there."""


@dataclass(frozen=True)
class Fold:
    """Vectors of n proteins and the index of each one's class."""

    vectors: Vectors
    target: Targets

    def first_of_each_class(self, proteins: int) -> Fold:
        """Return the first so many proteins of each class."""
        rows = [np.flatnonzero(self.target == index)[:proteins] for index in set(self.target)]
        row = np.sort(np.concatenate(rows))
        return Fold(self.vectors[row], self.target[row])


@dataclass(frozen=True)
class Data:
    """What every peer gets: the folds, and the names of the k classes."""

    classes: tuple[str, ...]
    train: Fold
    validation: Fold
    test: Fold

    def first_of_each_class(self, proteins: int) -> Data:
        """Return the first so many proteins of each class of each fold."""
        folds = (self.train, self.validation, self.test)
        return Data(self.classes, *(fold.first_of_each_class(proteins) for fold in folds))


@dataclass(frozen=True)
class Budget:
    """How long to learn.

    Attributes:
        epochs: Passes over the training fold, for peers that make passes.
        seed: Where first weights and order come from.
        biotrainer: Interpreter of the environment that has biotrainer, if there is one.
    """

    epochs: int
    seed: int
    biotrainer: Path | None = None


@dataclass
class Clock:
    """Notes when each epoch was over and what it was worth.

    Attributes:
        history: Seconds since the clock was made, and validation MCC, of each epoch.
    """

    start: float = field(default_factory=time.perf_counter)
    history: list[tuple[float, float]] = field(default_factory=list)

    def note(self, mcc: float) -> None:
        """Note the end of an epoch."""
        self.history.append((time.perf_counter() - self.start, mcc))

    def judge(self, target: Targets, answer: Targets) -> None:
        """Note the end of an epoch after which `answer` was given to the validation fold."""
        self.note(float(matthews_corrcoef(target, answer)))


@dataclass(frozen=True)
class Fit:
    """What a peer hands back.

    Attributes:
        predict: Returns the probability of each class for vectors.
        history: Seconds and validation MCC at the end of each epoch; at least one.
        cost: Seconds and core-seconds where the peer tells them itself, else None.
    """

    predict: Callable[[Vectors], Probability]
    history: list[tuple[float, float]]
    cost: tuple[float, float] | None = None


Peer = Callable[[Data, Budget], Fit]


def shipped_params() -> Params:
    """Return this repository's params.yaml."""
    return load_params(ROOT / "params.yaml")


def make_network(data: Data, seed: int) -> FeedForward:
    """Return the network that all peers with torch train: our layers, 1024 → 256 → 128 → k."""
    torch.manual_seed(seed)
    model, width = shipped_params().model, data.train.vectors.shape[1]
    shape = Shape(
        width, HIDDEN, len(data.classes), model.dropout, model.activation, model.normalisation
    )
    network = FeedForward(shape)
    network.standardise.fit(torch.from_numpy(data.train.vectors))
    return network


def predict_with(network: FeedForward) -> Callable[[Vectors], Probability]:
    """Return what asks `network` for the probabilities of vectors."""

    def predict(vectors: Vectors) -> Probability:
        with torch.inference_mode():
            logits = network.eval()(torch.from_numpy(vectors)).double()
        return np.asarray(torch.softmax(logits, dim=1).numpy())

    return predict
