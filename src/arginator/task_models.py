"""The models of a task, read from files: baselines, candidates, repeats and novelty."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from arginator.calibrated import CalibratedClassifier, CalibratedModel
from arginator.candidates import Candidate, candidate_path, read_candidates
from arginator.classifiers import OnnxClassifier
from arginator.conformal import Conformal
from arginator.novelty import NoveltyIndex
from arginator.repeats import repeat_path
from arginator.reports import NETWORK, SHIPPED
from arginator.stored_models import (
    REPEATS,
    load_calibrated,
    load_calibrated_repeats,
    load_novelty,
)
from arginator.tasks import Signature, refuse_misfit

Named = TypeVar("Named")


@dataclass(frozen=True)
class Models:
    """The models of a task, read from files.

    Attributes:
        calibrated: Baselines and candidates with their calibration, by name.
        candidates: What each candidate is, "network" first.
        repeats: Networks that differ from "network" by their seed, each with its own calibration.
        novelty: The training proteins as points.
    """

    calibrated: dict[str, CalibratedModel]
    candidates: dict[str, Candidate]
    repeats: list[CalibratedClassifier[OnnxClassifier]]
    novelty: NoveltyIndex

    def rules(self) -> dict[str, Conformal]:
        """Return the rule of each candidate's sets."""
        return {name: self.calibrated[name].conformal for name in self.candidates}


def load_models(folder: Path) -> Models:
    """Read the models of a task.

    Raises:
        DataError: The index of the repeats is missing.
        ModelError: A model is missing or damaged, or its calibration is of another.
    """
    calibrated = load_calibrated(folder)
    repeats, novelty = load_calibrated_repeats(folder), load_novelty(folder)
    return Models(calibrated, read_candidates(folder), repeats, novelty)


def refuse_misfits(models: Models, folder: Path, asked: Signature) -> None:
    """Refuse models that were not made for these vectors and classes.

    Raises:
        ModelError: A model is for another embedder, width or classes than `asked`.
    """
    for name, model in models.calibrated.items():
        path = candidate_path(folder, name) if name in models.candidates else folder / "baseline"
        refuse_misfit(path, model.signature, asked)
    for number, repeat in enumerate(models.repeats, 1):
        refuse_misfit(repeat_path(folder / REPEATS, number), repeat.classifier.signature, asked)


def ship(named: Mapping[str, Named], candidates: Collection[str], chosen: str) -> dict[str, Named]:
    """Return what is there of the baselines and the network, and of the candidate that ships.

    >>> ship({"majority": 1, "network": 2, "small": 3}, ["network", "small"], "small")
    {'majority': 1, 'network': 2, 'shipped': 3}
    """
    kept = {name: one for name, one in named.items() if name == NETWORK or name not in candidates}
    return kept | {SHIPPED: named[chosen]}
