"""Training folds as tensors, dealt out in whole batches to one process or to several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from lightning.pytorch import LightningDataModule
from torch import Tensor, nn
from torch.utils.data import DataLoader, Sampler, TensorDataset

from arginator.ffnn import Standardise
from arginator.mapped_batches import MappedTensors, cut, shuffled_pieces
from arginator.mapped_folds import MappedFold, TrainingFold
from arginator.params import TrainParams
from arginator.shares import WHOLE, Share, slices_of, steps_of
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


class ShuffledBatches(Sampler[Tensor]):
    """Batches of row indices in a new order each epoch, drawn from a seeded generator.

    Args:
        proteins: Rows to draw from, and rows in an epoch.
        batch_size: Most rows in a batch, over all processes.
        generator: Where the order comes from.
        weight: Chance of each row, drawn with replacement; None for each row once.
        share: Which rows of each batch to take.
    """

    def __init__(
        self,
        proteins: int,
        batch_size: int,
        generator: torch.Generator,
        weight: Float[Tensor, " n"] | None = None,
        share: Share = WHOLE,
    ) -> None:
        self.proteins, self.generator, self.weight = proteins, generator, weight
        self.steps, self.share = steps_of(proteins, batch_size, share.of), share

    def __iter__(self) -> Iterator[Tensor]:
        for rows in self._draw().tensor_split(self.steps):
            yield rows[self.share.rows(len(rows))]

    def __len__(self) -> int:
        return self.steps

    def _draw(self) -> Int[Tensor, " n"]:
        """Return the rows of one epoch."""
        if self.weight is None:
            return torch.randperm(self.proteins, generator=self.generator)
        return torch.multinomial(
            self.weight, self.proteins, replacement=True, generator=self.generator
        )


class MappedBatches:
    """Batches of a mapped fold; in its own order, or in a new one each epoch with a generator.

    Args:
        fold: Where the proteins are.
        batch_size: Most rows in a batch, over all processes.
        generator: Where the order comes from; None for the order of the fold.
        weight: Chance of each row, drawn with replacement; None for each row once.
        share: Which rows of each batch to take.
        prepare: What to do to the vectors of a batch.
    """

    def __init__(
        self,
        fold: MappedTensors,
        batch_size: int,
        generator: torch.Generator | None = None,
        weight: Float[Tensor, " n"] | None = None,
        share: Share = WHOLE,
        prepare: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.fold, self.generator, self.weight, self.share = fold, generator, weight, share
        self.prepare = prepare or nn.Identity()
        self.steps = steps_of(len(fold), batch_size, share.of)

    def __iter__(self) -> Iterator[Batch]:
        pieces = self.fold.pieces()
        if self.generator is not None:
            pieces = shuffled_pieces(self.fold, self.generator, self.weight)
        sizes = [len(rows) for rows in torch.arange(len(self.fold)).tensor_split(self.steps)]
        for vectors, class_index in cut(pieces, sizes):
            rows = self.share.rows(len(class_index))
            yield self.prepare(vectors[rows]), class_index[rows]

    def __len__(self) -> int:
        return self.steps


class TrainingFolds(LightningDataModule):
    """The training and the validation fold of a task, standardised as a network expects them.

    Args:
        train: Proteins to learn from, in memory or in a mapped file.
        validation: Proteins that choose the epoch, likewise.
        task: Which labels to tell apart.
        params: How the network learns.
        seed: Where the order of the proteins comes from.
        share: Which rows of each batch this process gets.

    Attributes:
        class_weight: Weight of each class in the loss; ones unless the classes are weighted.

    Raises:
        DataError: A class is missing from a fold, or the folds differ in width.
    """

    def __init__(
        self,
        train: TrainingFold,
        validation: TrainingFold,
        task: Task,
        params: TrainParams,
        seed: int,
        share: Share = WHOLE,
    ) -> None:
        super().__init__()
        check_folds(train, validation, task)
        self.train, self.validation = _tensors(train, task), _tensors(validation, task)
        self.params, self.generator = params, torch.Generator().manual_seed(seed)
        self.share = share
        self._standardise: Standardise | None = None
        class_index = _class_index(self.train)
        weights = balancing_weights(class_index, len(task.classes))
        weighted = params.imbalance == "class_weights"
        self.class_weight = weights if weighted else torch.ones_like(weights)
        balanced = params.imbalance == "balanced_sampling"
        self.row_weight = weights[class_index] if balanced else None

    def fit(self, standardise: Standardise) -> None:
        """Take mean and deviation from the training fold."""
        if isinstance(self.train, MappedTensors):
            standardise.fit_blocks(vectors for vectors, _ in self.train.pieces())
        else:
            standardise.fit(self.train.tensors[0])

    def standardise(self, standardise: Standardise) -> None:
        """Deal out standardised vectors from now on.

        Folds in memory are standardised here, once and into a copy; mapped ones batch by batch.
        """
        self._standardise = standardise
        self.train = _standardised(self.train, standardise)
        self.validation = _standardised(self.validation, standardise)

    def train_dataloader(self) -> Iterable[Batch]:
        """Return shuffled or balanced batches of the training fold."""
        size, weight = self.params.batch_size, self.row_weight
        if isinstance(self.train, MappedTensors):
            return MappedBatches(
                self.train, size, self.generator, weight, self.share, self._standardise
            )
        batches = ShuffledBatches(len(self.train), size, self.generator, weight, self.share)
        return _loader(self.train, batches)

    def val_dataloader(self) -> Iterable[Batch]:
        """Return the validation fold in its own order."""
        size = self.params.batch_size
        if isinstance(self.validation, MappedTensors):
            prepare = self._standardise
            return MappedBatches(self.validation, size, share=self.share, prepare=prepare)
        return _loader(self.validation, slices_of(len(self.validation), size, self.share))


def _tensors(fold: TrainingFold, task: Task) -> TensorDataset | MappedTensors:
    """Return vectors and class indices, without a copy where numpy allows it."""
    if isinstance(fold, MappedFold):
        return MappedTensors(fold, task)
    matrix = np.require(fold.embeddings.matrix, requirements=["C", "W"])
    return TensorDataset(torch.from_numpy(matrix), torch.from_numpy(task.encode(fold.labels)))


def _standardised(
    fold: TensorDataset | MappedTensors, standardise: Standardise
) -> TensorDataset | MappedTensors:
    """Return a fold in memory with its vectors standardised; a mapped one as it is."""
    if isinstance(fold, MappedTensors):
        return fold
    vectors, class_index = fold.tensors
    return TensorDataset(standardise(vectors), class_index)


def _class_index(fold: TensorDataset | MappedTensors) -> Int[Tensor, " n"]:
    """Return the class of each protein."""
    return fold.class_index if isinstance(fold, MappedTensors) else fold.tensors[1]


def _loader(fold: TensorDataset, batches: Sampler[Tensor] | Sequence[slice]) -> DataLoader[Batch]:
    """Return a loader that takes each batch of rows from the fold at once."""
    return DataLoader(fold, batch_size=None, sampler=batches)
