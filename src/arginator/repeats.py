"""Repeats: networks trained alike but for their seed, so that intervals hold training noise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from arginator.classifiers import OnnxClassifier
from arginator.errors import DataError, ModelError
from arginator.files import read_json, write_json

INDEX = "index.json"
REMEDY = "run `dvc repro train_repeats`"
SEEDS = 2**32  # a seed is below


def repeat_seeds(seed: int, networks: int) -> list[int]:
    """Return the seeds of the networks after the first, which has `seed` itself.

    >>> repeat_seeds(7, 3)
    [8, 9]
    """
    return [(seed + number) % SEEDS for number in range(1, networks)]


def repeat_path(folder: Path, number: int) -> Path:
    """Return where the ONNX file of a repeat, counted from 1, is."""
    return folder / f"{number}" / "model.onnx"


def write_index(seeds: Sequence[int], folder: Path) -> None:
    """Write what `folder` holds: the seed of each repeat, maybe none."""
    write_json({"seeds": list(seeds)}, folder / INDEX)


def load_repeats(folder: Path) -> list[OnnxClassifier]:
    """Load the networks of the other seeds, in order; none if only one seed was asked for.

    Raises:
        DataError: The folder's index is missing or damaged.
        ModelError: A network is missing, damaged or unlike the others.
    """
    seeds = read_json(folder / INDEX).get("seeds")
    if not isinstance(seeds, list):
        raise DataError(folder / INDEX, "lists no 'seeds'", REMEDY)
    networks = [OnnxClassifier(repeat_path(folder, number)) for number in range(1, len(seeds) + 1)]
    for number, network in enumerate(networks, 1):
        if network.signature != networks[0].signature:
            problem = "is of another task or data set than repeat 1"
            raise ModelError(repeat_path(folder, number), problem, REMEDY)
    return networks
