"""Fitting on several devices: one process each, which share every batch and what they learn."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy
from torch import distributed

from arginator.errors import DataError, ParamsError
from arginator.ffnn import FeedForward
from arginator.fitting import Fitted, Lesson, fit, reproducible
from arginator.params import TrainParams
from arginator.processes import side_by_side
from arginator.shares import Share

GROUP_TIMEOUT = timedelta(minutes=5)  # most time for one exchange between the processes


def fit_on_devices(network: FeedForward, lesson: Lesson, bar: bool = True) -> Fitted:
    """Fit copies of `network`, one a device, as if they were one, and return what they found.

    Every epoch deals each protein to one process. A step's loss and gradient are those of the
    whole batch; but batch normalisation takes mean and variance from each process's share, and
    each has dropout of its own. Several processes read the folds from the caller by pickle: a
    mapped fold by its path, one in memory as a copy each.

    Raises:
        ParamsError: There are fewer GPUs than devices.
        DataError: There are fewer than two training proteins a device, a class is missing from a
            fold, or the folds differ in width.
        ModelError: A loss is not finite.
    """
    devices = lesson.params.devices
    _check_devices(lesson.params)
    if len(lesson.train.labels) < 2 * devices:
        raise DataError(
            "training fold",
            f"{len(lesson.train.labels):,} proteins for {devices} devices, expected two for each",
            "lower train.devices",
        )
    with tempfile.TemporaryDirectory(prefix="arginator-") as folder:
        meeting = Path(folder) / "meeting"
        work = partial(_fit_share, network, lesson, bar, meeting)
        fitted = dict(side_by_side(work, range(devices), devices))[0]
    if fitted is None:
        raise RuntimeError("the first process returned no weights")
    return fitted


def _fit_share(
    network: FeedForward, lesson: Lesson, bar: bool, meeting: Path, rank: int
) -> Fitted | None:
    """Fit this process's copy of the network; only the first returns what all of them found."""
    share = Share(rank, lesson.params.devices)
    backend = "nccl" if _on_gpus(lesson.params) else "gloo"
    distributed.init_process_group(
        backend,
        init_method=meeting.as_uri(),
        rank=rank,
        world_size=share.of,
        timeout=GROUP_TIMEOUT,
    )
    try:
        with reproducible(lesson.seed + rank, lesson.params):
            fitted = fit(
                network,
                lesson.folds(share),
                bar=bar and rank == 0,
                teacher=lesson.teacher,
                place={
                    "accelerator": "cuda" if backend == "nccl" else "cpu",
                    "devices": share.of,
                    "plugins": [_Neighbour(rank)],
                    "strategy": DDPStrategy(process_group_backend=backend, timeout=GROUP_TIMEOUT),
                },
            )
    finally:
        distributed.destroy_process_group()  # the others do not wait for one that failed
    if rank > 0:
        return None
    weights = {name: tensor.cpu() for name, tensor in fitted.weights.items()}
    return Fitted(weights, fitted.history, fitted.best_epoch)


@dataclass
class _Neighbour(LightningEnvironment):
    """A process among others on one machine, all of them started already."""

    rank: int

    def __post_init__(self) -> None:
        super().__init__()

    @property
    def creates_processes_externally(self) -> bool:
        """Yes: Lightning need not start any."""
        return True

    def local_rank(self) -> int:
        """Return the number of this process."""
        return self.rank

    def node_rank(self) -> int:
        """Return the number of the only machine."""
        return 0


def _on_gpus(params: TrainParams) -> bool:
    """Tell whether the devices are GPUs."""
    return params.device == "auto" and torch.cuda.is_available()


def _check_devices(params: TrainParams) -> None:
    """Raise a ParamsError if there are fewer GPUs than devices."""
    if _on_gpus(params) and params.devices > torch.cuda.device_count():
        raise ParamsError(
            "params.yaml",
            f"'train.devices' is {params.devices}, but this machine has "
            f"{torch.cuda.device_count()} GPUs",
            "lower it",
        )
