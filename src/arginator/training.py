"""Training of the network: both tasks, one way to learn, and the best epoch is what remains."""

from __future__ import annotations

import copy
import csv
import io
import logging
import signal
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import Logger

from arginator.batches import TrainingFolds
from arginator.ffnn import FeedForward, build_network
from arginator.files import write_text
from arginator.learning import COLUMNS, BestEpoch, EpochProgress, Learner, Row
from arginator.params import ModelParams, TrainParams
from arginator.prepared import Prepared
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
    train: Prepared,
    validation: Prepared,
    task: Task,
    model: ModelParams,
    params: TrainParams,
    seed: int,
    logger: Logger | None = None,
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
        logger: Where each epoch's row goes besides the history.

    Raises:
        DataError: A class is missing from a fold, or the folds differ in width.
        ModelError: A loss is not finite.
    """
    folds = TrainingFolds(train, validation, task, params, seed)
    with _reproducible(seed, params):
        network = build_network(model, train.embeddings.width, task.outputs)
        network.standardise.fit(folds.train.tensors[0])
        return _fit(network, folds, params, logger)


def fine_tune(
    network: FeedForward,
    train: Prepared,
    validation: Prepared,
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
    folds = TrainingFolds(train, validation, task, params, seed)
    with _reproducible(seed, params):
        return _fit(network.train(), folds, params, logger)


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
    network: FeedForward, folds: TrainingFolds, params: TrainParams, logger: Logger | None
) -> Trained:
    """Train `network` in place and put the best epoch's weights back into it."""
    learner = Learner(network, folds.class_weight, params)
    best = BestEpoch(learner)
    with _quiet_lightning(), _honest_interrupt():
        trainer = Trainer(
            accelerator=params.device,
            devices=1,
            plugins=[LightningEnvironment()],  # not SLURM's, which expects one task a device
            max_epochs=params.epochs,
            callbacks=[best, EpochProgress(learner)],
            logger=logger or False,
            log_every_n_steps=1,
            num_sanity_val_steps=0,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            use_distributed_sampler=False,
        )
        trainer.fit(learner, folds)
    network.load_state_dict(best.weights)
    return Trained(network.cpu().eval(), learner.history, best.epoch)


@contextmanager
def _reproducible(seed: int, params: TrainParams) -> Iterator[None]:
    """Seed torch's global generators, which dropout uses, and restore them afterwards.

    On a CPU only algorithms that always give the same bytes are allowed meanwhile.
    """
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        if params.device == "cpu":
            torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(strict, warn_only=warn_only)


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Keep Lightning's banners, tips and advice on data loaders off the terminal."""
    log = logging.getLogger("lightning.pytorch")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\.")
            yield
    finally:
        log.setLevel(level)


@contextmanager
def _honest_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt where Lightning turns it into an exit and mutes further ones."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):
            signal.signal(signal.SIGINT, handler)
            raise stop.__context__ from None
        raise
