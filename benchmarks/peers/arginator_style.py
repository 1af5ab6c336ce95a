"""ARGinator's published procedure, re-implemented from its public description.

A list of (vector, label) tuples, a DataLoader with batches of 32 and two workers, Lightning with
torchmetrics, Adam. For prediction, vectors are read one data set at a time from HDF5.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Adam, Optimizer
from torch.utils.data import DataLoader
from torchmetrics import MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassF1Score,
    MulticlassMatthewsCorrCoef,
)

from peers.contest import (
    LEARNING_RATE,
    Budget,
    Clock,
    Data,
    Fit,
    Fold,
    Probability,
    make_network,
    predict_with,
)

BATCH_SIZE = 32
WORKERS = 2

Labelled = tuple[Tensor, int]


class Classifier(LightningModule):
    """A network that updates and logs its metrics in every step."""

    def __init__(self, network: nn.Module, classes: int, clock: Clock) -> None:
        super().__init__()
        self.network, self.clock = network, clock
        metrics = MetricCollection(
            {
                "accuracy": MulticlassAccuracy(classes, average="micro"),
                "f1": MulticlassF1Score(classes, average="macro"),
                "mcc": MulticlassMatthewsCorrCoef(classes),
            }
        )
        self.train_metrics = metrics.clone(prefix="train_")
        self.val_metrics = metrics.clone(prefix="val_")

    def configure_optimizers(self) -> Optimizer:
        """Return Adam as torch has it by default."""
        return Adam(self.network.parameters(), LEARNING_RATE)

    def training_step(self, batch: Sequence[Tensor], index: int) -> Tensor:
        """Return the loss of a batch."""
        return self._step(batch, "train", self.train_metrics)

    def validation_step(self, batch: Sequence[Tensor], index: int) -> None:
        """Log the metrics of a batch."""
        self._step(batch, "val", self.val_metrics)

    def on_validation_epoch_end(self) -> None:
        """Note the end of an epoch."""
        self.clock.note(float(self.val_metrics["mcc"].compute()))

    def _step(self, batch: Sequence[Tensor], name: str, metrics: MetricCollection) -> Tensor:
        """Return the loss of a batch and log it with the metrics."""
        vectors, target = batch
        logits = self.network(vectors)
        loss = cross_entropy(logits, target)
        metrics.update(logits, target)
        self.log(f"{name}_loss", loss, on_step=False, on_epoch=True, batch_size=len(target))
        self.log_dict(metrics, on_step=False, on_epoch=True, batch_size=len(target))
        return loss


def train_arginator_style(data: Data, budget: Budget) -> Fit:
    """Train by Lightning from tuples; checkpoints, loggers and bars are off, in its favour."""
    clock = Clock()
    network = make_network(data, budget.seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\.")
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        trainer = Trainer(
            accelerator="cpu",
            devices=1,
            max_epochs=budget.epochs,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
        )
        trainer.fit(
            Classifier(network, len(data.classes), clock),
            _loader(list_tuples(data.train), shuffle=True),
            _loader(list_tuples(data.validation), shuffle=False),
        )
    return Fit(predict_with(network), clock.history)


def list_tuples(fold: Fold) -> list[Labelled]:
    """Return a list of (vector, label)."""
    targets = fold.target.tolist()
    return [(torch.tensor(row), label) for row, label in zip(fold.vectors, targets, strict=True)]


def predict_file(
    path: Path, network: nn.Module, batch_size: int = BATCH_SIZE
) -> tuple[list[str], Probability]:
    """Return ids and class probabilities of every protein of an HDF5 file."""
    proteins: list[Labelled] = []
    with h5py.File(path) as file:
        ids = list(file.keys())
        for key in ids:
            vector = torch.tensor(np.asarray(file[key][:], dtype=np.float32).reshape(-1))
            proteins.append((vector, 0))
    network.eval()
    answers = []
    with torch.no_grad():
        for vectors, _ in _loader(proteins, shuffle=False, batch_size=batch_size):
            answers.append(torch.softmax(network(vectors), dim=1))
    return ids, torch.cat(answers).numpy()


def _loader(
    proteins: list[Labelled], shuffle: bool, batch_size: int = BATCH_SIZE
) -> DataLoader[Labelled]:
    """Return a loader that collates tuples in worker processes."""
    return DataLoader(
        proteins,  # type: ignore[arg-type]
        batch_size=batch_size,
        shuffle=shuffle,
        num_workers=WORKERS,
        multiprocessing_context="fork",  # Linux's default, which spawned processes do not inherit
    )
