"""This project's own training, as `dvc repro` does it, on the contest's folds."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from lightning.pytorch.loggers import Logger

from arginator.embeddings import Embeddings
from arginator.prepared import Prepared, Provenance
from arginator.tasks import Task
from arginator.training import fine_tune
from peers.contest import (
    Budget,
    Clock,
    Data,
    Fit,
    Fold,
    make_network,
    predict_with,
    shipped_params,
)


class ClockLogger(Logger):
    """Notes the time of each epoch that Lightning logs."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    @property
    def name(self) -> str:
        """Its name, which nothing shows."""
        return "clock"

    @property
    def version(self) -> int:
        """Its version, of which there is one."""
        return 0

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Note the end of an epoch."""
        self.clock.note(metrics["val_mcc"])

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *_: object, **__: object) -> None:
        """Leave the parameters alone."""


def train_arginator(data: Data, budget: Budget) -> Fit:
    """Train with params.yaml's settings for training; only epochs and their choice differ."""
    clock = Clock()
    params = shipped_params().train.model_copy(
        update={"epochs": budget.epochs, "patience": budget.epochs, "monitor": "val_mcc"}
    )
    task = Task("contest", "multiclass", data.classes, {name: name for name in data.classes})
    trained = fine_tune(
        make_network(data, budget.seed),
        _prepared(data.train, task),
        _prepared(data.validation, task),
        task,
        params,
        budget.epochs,
        params.learning_rate,
        budget.seed,
        ClockLogger(clock),
    )
    return Fit(predict_with(trained.network), clock.history)


def _prepared(fold: Fold, task: Task) -> Prepared:
    """Return a fold as the stages of the pipeline hand it on, without a copy of the vectors."""
    number = len(fold.target)
    labels = tuple(task.classes[index] for index in fold.target.tolist())
    nothing = (None,) * number
    about = Provenance("contest", "", True, "", "", "", "", task.class_of)
    ids = tuple(map(str, range(number)))
    return Prepared(
        Embeddings(ids, fold.vectors), labels, nothing, nothing, nothing, nothing, about
    )
