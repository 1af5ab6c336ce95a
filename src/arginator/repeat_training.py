"""Training of the repeats: the same network from other seeds, one after another or at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from tqdm import tqdm

from arginator.mapped_folds import TrainingFold
from arginator.params import ModelParams, TrainParams
from arginator.processes import side_by_side
from arginator.tasks import Task
from arginator.training import Trained, train


def train_repeats(
    training: TrainingFold,
    validation: TrainingFold,
    task: Task,
    model: ModelParams,
    params: TrainParams,
    seeds: Sequence[int],
    at_once: int,
) -> Iterator[tuple[int, Trained]]:
    """Yield the number of a repeat, from 1, and its network, as they are done.

    Args:
        training: Proteins to learn from.
        validation: Proteins that choose the epoch.
        task: Which labels to tell apart.
        model: Shape of the networks.
        params: How they learn.
        seeds: Where they start, one each.
        at_once: How many are trained side by side. 1 trains them in this process, with its
            threads; more take a process and one thread each, and their number changes no byte.

    Raises:
        ParamsError: There are fewer GPUs than devices.
        DataError: A class is missing from a fold, or the folds differ in width.
        ModelError: A loss is not finite.
    """
    if at_once == 1 or params.devices > 1:  # which already has a process each
        for number, seed in enumerate(seeds, 1):
            yield number, train(training, validation, task, model, params, seed)
        return
    work = partial(_train_one, training, validation, task, model, params)
    done = side_by_side(work, seeds, at_once)
    for place, trained in tqdm(done, total=len(seeds), unit="network", disable=None, leave=False):
        yield place + 1, trained


def _train_one(
    training: TrainingFold,
    validation: TrainingFold,
    task: Task,
    model: ModelParams,
    params: TrainParams,
    seed: int,
) -> Trained:
    """Train one repeat without a bar of its own."""
    return train(training, validation, task, model, params, seed, bar=False)
