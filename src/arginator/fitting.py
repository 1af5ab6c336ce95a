"""Fitting a network to its folds with Lightning, in this process."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import Logger
from torch import Tensor

from arginator.batches import TrainingFolds
from arginator.distillation import Distiller, Teacher
from arginator.ffnn import FeedForward
from arginator.learning import BestEpoch, EpochProgress, Learner, Row
from arginator.mapped_folds import TrainingFold
from arginator.params import TrainParams
from arginator.shares import WHOLE, Share
from arginator.tasks import Task


@dataclass(frozen=True)
class Lesson:
    """What to learn from, and how.

    Attributes:
        train: Proteins to learn from.
        validation: Proteins that choose the epoch.
        task: Which labels to tell apart.
        params: How the network learns.
        seed: Where the order of the proteins and dropout come from.
        teacher: Whose answers to learn beside the labels, if anyone's.
    """

    train: TrainingFold
    validation: TrainingFold
    task: Task
    params: TrainParams
    seed: int
    teacher: Teacher | None = None

    def folds(self, share: Share = WHOLE) -> TrainingFolds:
        """Return the folds as tensors, for one process or for one of several.

        Raises:
            DataError: A class is missing from a fold, or the folds differ in width.
        """
        return TrainingFolds(self.train, self.validation, self.task, self.params, self.seed, share)


@dataclass(frozen=True)
class Fitted:
    """What fitting found.

    Attributes:
        weights: State of the network at the end of the best epoch.
        history: One row of `arginator.learning.COLUMNS` an epoch.
        best_epoch: The best epoch, from 1.
    """

    weights: dict[str, Tensor]
    history: list[Row]
    best_epoch: int


def fit(
    network: FeedForward,
    folds: TrainingFolds,
    logger: Logger | None = None,
    bar: bool = True,
    place: Mapping[str, Any] | None = None,
    teacher: Teacher | None = None,
) -> Fitted:
    """Fit `network` in place; afterwards it is as the last epoch left it.

    Args:
        network: What learns.
        folds: What it learns from.
        logger: Where each epoch's row goes besides the history.
        bar: Whether a terminal shows progress.
        place: Lightning's arguments that say where to compute; None for one `train.device`.
        teacher: Whose answers to learn beside the labels, if anyone's.

    Raises:
        ModelError: A loss is not finite.
    """
    params = folds.params
    folds.standardise(network.standardise)
    learner = Learner(network, folds.class_weight, params)
    if teacher is not None:
        learner = Distiller(network, folds.class_weight, params, teacher)
    best = BestEpoch(learner)
    place = place or {
        "accelerator": params.device,
        "devices": 1,
        "plugins": [LightningEnvironment()],  # not SLURM's, which expects one task a device
    }
    with _quiet_lightning(), _honest_interrupt():
        trainer = Trainer(
            **place,
            precision=params.precision,
            max_epochs=params.epochs,
            callbacks=[best, EpochProgress(learner, bar)],
            logger=logger or False,
            log_every_n_steps=1,
            num_sanity_val_steps=0,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            use_distributed_sampler=False,
        )
        trainer.fit(learner, folds)
    return Fitted(best.weights, learner.history, best.epoch)


@contextmanager
def reproducible(seed: int, params: TrainParams) -> Iterator[None]:
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
