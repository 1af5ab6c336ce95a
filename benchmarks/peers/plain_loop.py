"""Two loops written by hand: what a tutorial shows, and as little as can be between products."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Adam, AdamW, Optimizer
from torch.utils.data import DataLoader, TensorDataset

from peers.contest import (
    LEARNING_RATE,
    Budget,
    Clock,
    Data,
    Fit,
    Fold,
    make_network,
    predict_with,
)

BATCH_SIZE = 512
SMALL_BATCH_SIZE = 32  # what tutorials take


def train_small_batches(data: Data, budget: Budget) -> Fit:
    """Train as `train_plain_loop` does, on the batches of a tutorial."""
    return train_plain_loop(data, budget, SMALL_BATCH_SIZE)


def train_plain_loop(data: Data, budget: Budget, batch_size: int = BATCH_SIZE) -> Fit:
    """Train from a TensorDataset that a DataLoader collates protein by protein, with Adam."""
    clock = Clock()
    network = make_network(data, budget.seed)
    optimiser = Adam(network.parameters(), LEARNING_RATE)
    train, validation = _tensors(data.train), _tensors(data.validation)
    loader = DataLoader(TensorDataset(*train), batch_size=batch_size, shuffle=True)
    held_out = DataLoader(TensorDataset(*validation), batch_size=batch_size)
    for _ in range(budget.epochs):
        _learn(network, optimiser, loader)
        clock.judge(data.validation.target, _answer(network, held_out).numpy())
    return Fit(predict_with(network), clock.history)


def train_bare_loop(data: Data, budget: Budget) -> Fit:
    """Train on whole batches by index from one tensor, with AdamW in one kernel: the upper limit.

    Batches are of nearly equal size, so that none has a single protein.
    """
    clock = Clock()
    network = make_network(data, budget.seed)
    optimiser = AdamW(network.parameters(), LEARNING_RATE, fused=True)
    vectors, target = _tensors(data.train)
    held_out = _tensors(data.validation)
    steps = -(-len(target) // BATCH_SIZE)
    for _ in range(budget.epochs):
        rows = torch.randperm(len(target)).tensor_split(steps)
        _learn(network, optimiser, ((vectors[row], target[row]) for row in rows))
        clock.judge(data.validation.target, _answer(network, [held_out]).numpy())
    return Fit(predict_with(network), clock.history)


def _learn(network: nn.Module, optimiser: Optimizer, batches: Iterable[Sequence[Tensor]]) -> None:
    """Take one step a batch."""
    network.train()
    for vectors, target in batches:
        optimiser.zero_grad(set_to_none=True)
        cross_entropy(network(vectors), target).backward()  # type: ignore[no-untyped-call]
        optimiser.step()


@torch.inference_mode()
def _answer(network: nn.Module, batches: Iterable[Sequence[Tensor]]) -> Tensor:
    """Return the most probable class of each protein."""
    network.eval()
    return torch.cat([network(vectors).argmax(dim=1) for vectors, _ in batches])


def _tensors(fold: Fold) -> tuple[Tensor, Tensor]:
    """Return vectors and class indices without a copy."""
    return torch.from_numpy(fold.vectors), torch.from_numpy(fold.target)
