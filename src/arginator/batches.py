"""Training folds as tensors, dealt out in whole batches by index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Sampler, TensorDataset

from arginator.params import TrainParams
from arginator.prepared import Prepared
from arginator.supervision import check_folds
from arginator.tasks import Task

Batch = Sequence[Tensor]  # n vectors and their n class indices


def balancing_weights(class_index: Int[Tensor, " n"], classes: int) -> Float[Tensor, " k"]:
    """Return n / (k × proteins of the class): the average protein weighs 1, all classes the same.

    >>> balancing_weights(torch.tensor([0, 0, 0, 1]), 2)
    tensor([0.6667, 2.0000])
    """
    counts = torch.bincount(class_index, minlength=classes)
    return len(class_index) / (classes * counts)


def steps_of(proteins: int, batch_size: int) -> int:
    """Return into how many nearly equal batches an epoch falls.

    None is larger than `batch_size`, and none has a single protein unless there is only one:
    batch normalisation knows no variance of one, so a batch size of 1 gives batches of 2 or 3.

    >>> steps_of(1025, 512)
    3
    """
    return max(1, min(-(-proteins // batch_size), proteins // 2))


class ShuffledBatches(Sampler[Tensor]):
    """Batches of row indices in a new order each epoch, drawn from a seeded generator.

    Args:
        proteins: Rows to draw from, and rows in an epoch.
        batch_size: Most rows in a batch.
        generator: Where the order comes from.
        weight: Chance of each row, drawn with replacement; None for each row once.
    """

    def __init__(
        self,
        proteins: int,
        batch_size: int,
        generator: torch.Generator,
        weight: Float[Tensor, " n"] | None = None,
    ) -> None:
        self.proteins, self.generator, self.weight = proteins, generator, weight
        self.steps = steps_of(proteins, batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        yield from self._draw().tensor_split(self.steps)

    def __len__(self) -> int:
        return self.steps

    def _draw(self) -> Int[Tensor, " n"]:
        """Return the rows of one epoch."""
        if self.weight is None:
            return torch.randperm(self.proteins, generator=self.generator)
        return torch.multinomial(
            self.weight, self.proteins, replacement=True, generator=self.generator
        )


class TrainingFolds(LightningDataModule):
    """The training and the validation fold of a task, held in memory in the type of their vectors.

    Attributes:
        class_weight: Weight of each class in the loss; ones unless the classes are weighted.

    Raises:
        DataError: A class is missing from a fold, or the folds differ in width.
    """

    def __init__(
        self, train: Prepared, validation: Prepared, task: Task, params: TrainParams, seed: int
    ) -> None:
        super().__init__()
        check_folds(train, validation, task)
        self.train, self.validation = _tensors(train, task), _tensors(validation, task)
        self.params, self.generator = params, torch.Generator().manual_seed(seed)
        weights = balancing_weights(self.train.tensors[1], len(task.classes))
        weighted = params.imbalance == "class_weights"
        self.class_weight = weights if weighted else torch.ones_like(weights)
        balanced = params.imbalance == "balanced_sampling"
        self.row_weight = weights[self.train.tensors[1]] if balanced else None

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return shuffled or balanced batches of the training fold."""
        batches = ShuffledBatches(
            len(self.train), self.params.batch_size, self.generator, self.row_weight
        )
        return _loader(self.train, batches)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the validation fold in its own order."""
        rows = torch.arange(len(self.validation))
        return _loader(
            self.validation, rows.tensor_split(steps_of(len(rows), self.params.batch_size))
        )


def _tensors(prepared: Prepared, task: Task) -> TensorDataset:
    """Return vectors and class indices, without a copy where numpy allows it."""
    matrix = np.require(prepared.embeddings.matrix, requirements=["C", "W"])
    return TensorDataset(torch.from_numpy(matrix), torch.from_numpy(task.encode(prepared.labels)))


def _loader(fold: TensorDataset, batches: Sampler[Tensor] | Sequence[Tensor]) -> DataLoader[Batch]:
    """Return a loader that takes each batch of row indices from the fold at once."""
    return DataLoader(fold, batch_size=None, sampler=batches)
