"""The calibration fold: what proteins set aside teach about how far to trust each model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from arginator.calibration import METHODS, Calibration, Method, fit_calibration
from arginator.calibration_files import (
    FORMAT_VERSION,
    CalibrationFile,
    ModelCalibration,
    NoveltyFacts,
    RepeatsFile,
)
from arginator.classifiers import Classifier
from arginator.conformal import fit_conformal
from arginator.files import write_json
from arginator.folds import Folds
from arginator.novelty import NoveltyIndex, doubt_threshold, fit_novelty, save_novelty
from arginator.params import EvaluateParams
from arginator.prepared import Prepared
from arginator.prevalence import class_shares
from arginator.repeats import load_repeats
from arginator.reports import NETWORK
from arginator.stored_models import (
    FILE,
    NOVELTY_FILE,
    REPEATS,
    REPEATS_FILE,
    load_classifiers,
)
from arginator.tasks import Task, refuse_misfit, sign

METHODS_OF: dict[str, tuple[Method, ...]] = {
    "majority": ("none",),
    "nearest_neighbour": ("temperature",),
}
"""Maps of the models that have no choice of all, and whose answers keep the prior they have."""

Imbalance = Literal["none", "class_weights", "balanced_sampling"]


@dataclass(frozen=True)
class Lessons:
    """What the calibration fold taught about the models of a task.

    Attributes:
        file: What goes into calibration.json: each model's map, sets and doubts.
        repeats: The maps of the networks of other seeds.
        novelty: The training proteins as points.
    """

    file: CalibrationFile
    repeats: RepeatsFile
    novelty: NoveltyIndex


class CalibrationFold:
    """Proteins that no model was trained on or chosen by, and what training knew of the classes.

    Probabilities are brought to this fold's prevalence: large clusters are trained on rather than
    held out, so that classes have other shares among held-out clusters than in all the data.

    Args:
        train: The proteins that the models were trained on.
        held_out: The calibration fold.
        cluster: Cluster of each protein of the calibration fold.
        task: What the models tell apart.
        imbalance: How training treated rare classes; it says which prior a network has learned.

    Attributes:
        target: True class of each protein of the fold, an index into the task's classes.
        prevalence: Share of each class in the fold.

    Raises:
        DataError: A class is missing from a fold.
    """

    def __init__(
        self,
        train: Prepared,
        held_out: Prepared,
        cluster: Int[np.ndarray, " n"],
        task: Task,
        imbalance: Imbalance,
    ) -> None:
        self.target = task.encode(held_out.labels)
        self.prevalence = class_shares(self.target, task.classes, "calibration fold")
        self._learned = class_shares(task.encode(train.labels), task.classes, "training fold")
        self._matrix, self._cluster = held_out.embeddings.matrix, cluster
        self._classes, self._imbalance = task.classes, imbalance

    def calibrate(self, name: str, classifier: Classifier) -> Calibration:
        """Return the map from a model's own probabilities to calibrated ones.

        Args:
            name: Name of the model, which says what prior it has learned.
            classifier: The model.
        """
        return self.fit(name, classifier.predict_probability(self._matrix))

    def fit(self, name: str, raw: Float[np.ndarray, "n k"]) -> Calibration:
        """Return what `calibrate` does, of the model's own probabilities on the fold."""
        return fit_calibration(
            raw,
            self.target,
            self._cluster,
            self._classes,
            training_prior(name, self._imbalance, self._learned, self.prevalence),
            self.prevalence,
            METHODS_OF.get(name, METHODS),
        )

    def learn(self, name: str, classifier: Classifier, params: EvaluateParams) -> ModelCalibration:
        """Return a model's map, the rule of its sets and the threshold of its doubts."""
        raw = classifier.predict_probability(self._matrix)
        calibration = self.fit(name, raw)
        return ModelCalibration(
            calibration=calibration,
            conformal=fit_conformal(raw, self.target, self._classes, params.alpha),
            confidence_threshold=doubt_threshold(calibration.apply(raw), params.novelty_alpha),
        )


def calibrate_models(
    prepared: Prepared,
    folds: Folds,
    task: Task,
    models_folder: Path,
    imbalance: Imbalance,
    params: EvaluateParams,
) -> Lessons:
    """Learn from the calibration fold how far to trust each model of a task.

    The networks of other seeds are calibrated each by itself, as the first one is.

    Args:
        prepared: The data set.
        folds: The fold of each of its proteins.
        task: What the models tell apart.
        models_folder: Where the task's models and their repeats are.
        imbalance: How training treated rare classes; it says which prior a network has learned.
        params: Shares of misses and of false flags, and number of neighbours.

    Raises:
        DataError: The folds are of other proteins, or a class is missing from one.
        ModelError: A model is missing, damaged or made for other vectors or classes.
    """
    train, held_out = (folds.select(prepared, fold) for fold in ("train", "calibration"))
    cluster = folds.cluster[folds.fold_mask("calibration")]
    fold = CalibrationFold(train, held_out, cluster, task, imbalance)
    classifiers, repeats = load_classifiers(models_folder), load_repeats(models_folder / REPEATS)
    asked = sign(task, prepared.embeddings.width, prepared.about)
    for name, (_, signature) in classifiers.items():
        refuse_misfit(f"model {name!r}", signature, asked)
    for number, network in enumerate(repeats, 1):
        refuse_misfit(f"repeat {number}", network.signature, asked)
    novelty = fit_novelty(train, held_out, params.novelty_neighbours, params.novelty_alpha)
    file = CalibrationFile(
        format_version=FORMAT_VERSION,
        task=task.name,
        classes=task.classes,
        alpha=params.alpha,
        prevalence=fold.prevalence,
        models={name: fold.learn(name, model, params) for name, (model, _) in classifiers.items()},
        novelty=NoveltyFacts(neighbours=novelty.neighbours, threshold=novelty.threshold),
    )
    maps = tuple(fold.calibrate(NETWORK, network) for network in repeats)
    return Lessons(file, RepeatsFile(format_version=FORMAT_VERSION, repeats=maps), novelty)


def training_prior(
    name: str,
    imbalance: Imbalance,
    learned: Mapping[str, float],
    prevalence: Mapping[str, float],
) -> dict[str, float]:
    """Return the share of each class that a model has learned to expect.

    A network weighs classes as `imbalance` says, logistic regression alike. The other baselines'
    answers are not moved, so theirs counts as the prevalence of the data.

    Args:
        name: Name of the model.
        imbalance: How training treated rare classes.
        learned: Share of each class in the training fold.
        prevalence: Share of each class in the data.
    """
    if name in METHODS_OF:
        return dict(prevalence)
    if name == "logistic_regression" or imbalance != "none":
        return dict.fromkeys(learned, 1 / len(learned))
    return dict(learned)


def write_lessons(lessons: Lessons, folder: Path) -> None:
    """Write calibration.json, repeats.json and novelty.safetensors into `folder`."""
    write_json(lessons.file.to_dict(), folder / FILE)
    write_json(lessons.repeats.to_dict(), folder / REPEATS_FILE)
    save_novelty(lessons.novelty, folder / NOVELTY_FILE)
