"""Training of the network: both tasks, one way to learn, and the best epoch is what remains."""

from __future__ import annotations

import copy
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lightning.pytorch.loggers import Logger

from arginator.batches import TrainingFolds
from arginator.devices import fit_on_devices
from arginator.distillation import Teacher
from arginator.ffnn import FeedForward, build_network
from arginator.files import write_text
from arginator.fitting import Lesson, fit, reproducible
from arginator.learning import COLUMNS, Row
from arginator.mapped_folds import TrainingFold
from arginator.params import ModelParams, TrainParams
from arginator.tasks import Task


@dataclass(frozen=True)
class Trained:
    """A trained network and how it came about.

    Attributes:
        network: The weights of the best epoch, in evaluation mode, on the CPU.
        history: One row an epoch: epoch (from 1), learning_rate, train_loss, val_loss, val_mcc and
            val_macro_f1. Losses are log losses without class weights; the training one is taken
            while learning, with dropout on.
        best_epoch: The epoch whose monitored value is best, the first of equals; 0 without epochs.
    """

    network: FeedForward
    history: list[Row]
    best_epoch: int


def train(
    train: TrainingFold,
    validation: TrainingFold,
    task: Task,
    model: ModelParams,
    params: TrainParams,
    seed: int,
    logger: Logger | None = None,
    bar: bool = True,
) -> Trained:
    """Train a fresh network and return it as it was after its best epoch.

    On a CPU the same arguments always give the same weights.

    Args:
        train: Proteins to learn from; their mean and deviation standardise the vectors.
        validation: Proteins that choose the epoch.
        task: Which labels to tell apart.
        model: Shape of the network.
        params: How it learns.
        seed: Where first weights, order of proteins and dropout come from.
        logger: Where each epoch's row goes besides the history; after the last epoch, all at
            once, if there are several devices.
        bar: Whether a terminal shows progress.

    Raises:
        ParamsError: There are fewer GPUs than devices.
        DataError: A class is missing from a fold, the folds differ in width, or there are fewer
            than two training proteins a device.
        ModelError: A loss is not finite.
    """
    lesson = Lesson(train, validation, task, params, seed)
    folds = lesson.folds()
    with reproducible(seed, params):
        network = build_network(model, train.width, task.outputs)
        folds.fit(network.standardise)
        return _fit(network, folds, lesson, logger, bar)


def fine_tune(
    network: FeedForward,
    train: TrainingFold,
    validation: TrainingFold,
    task: Task,
    params: TrainParams,
    epochs: int,
    learning_rate: float,
    seed: int,
    logger: Logger | None = None,
) -> Trained:
    """Train a copy of `network` further; `epochs` and `learning_rate` replace those of `params`.

    The standardisation stays as it is. Without epochs the copy has the weights of `network`.

    Raises:
        DataError: A class is missing from a fold, or the folds differ in width.
        ModelError: A loss is not finite.
    """
    network = copy.deepcopy(network)
    if epochs == 0:
        return Trained(network.eval(), [], 0)
    params = params.model_copy(update={"epochs": epochs, "learning_rate": learning_rate})
    lesson = Lesson(train, validation, task, params, seed)
    with reproducible(seed, params):
        return _fit(network.train(), lesson.folds(), lesson, logger)


def distil(
    teacher: Teacher,
    width: int,
    train: TrainingFold,
    validation: TrainingFold,
    task: Task,
    params: TrainParams,
    seed: int,
) -> Trained:
    """Train a network like the teacher's, but with `width` neurons a hidden layer, on its answers.

    The standardisation is the teacher's.

    Raises:
        DataError: A class is missing from a fold, or the folds differ in width.
        ModelError: A loss is not finite.
    """
    lesson = Lesson(train, validation, task, params, seed, teacher)
    shape = teacher.network.shape
    with reproducible(seed, params):
        network = FeedForward(replace(shape, hidden=(width,) * len(shape.hidden)))
        network.standardise.load_state_dict(teacher.network.standardise.state_dict())
        return _fit(network, lesson.folds(), lesson, None)


def write_history(history: Sequence[Row], path: Path) -> None:
    """Write a history as CSV: six decimals, six significant digits for the learning rate."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for row in history:
        values = [f"{row[name]:.6f}" for name in COLUMNS[2:]]
        rows.writerow([f"{row['epoch']:.0f}", f"{row['learning_rate']:.6g}", *values])
    write_text(text.getvalue(), path)


def _fit(
    network: FeedForward,
    folds: TrainingFolds,
    lesson: Lesson,
    logger: Logger | None,
    bar: bool = True,
) -> Trained:
    """Train `network` in place and put the best epoch's weights back into it."""
    if lesson.params.devices == 1:
        fitted = fit(network, folds, logger, bar, teacher=lesson.teacher)
    else:
        fitted = fit_on_devices(network, lesson, bar)
        if logger is not None:
            _log(fitted.history, logger)
    network.load_state_dict(fitted.weights)
    return Trained(network.cpu().eval(), fitted.history, fitted.best_epoch)


def _log(history: Sequence[Row], logger: Logger) -> None:
    """Hand a finished history to a logger, which stays in this process."""
    for row in history:
        metrics = {name: float(row[name]) for name in COLUMNS[1:]}
        logger.log_metrics(metrics | {"epoch": row["epoch"] - 1}, int(row["epoch"]) - 1)
