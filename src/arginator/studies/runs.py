"""Models made for a study: fitted in this process, calibrated, judged on proteins held out.

`arginator.baselines.fit_baselines` and `arginator.training.train` fit them, as the stages of the
record do, and `arginator.calibration.fit_calibration` calibrates them on the calibration fold of
the same split. The network answers as it left training, before any export to ONNX.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int

from arginator.baseline_models import Baseline
from arginator.baselines import fit_baselines
from arginator.calibrated import CalibratedClassifier
from arginator.calibration_fold import CalibrationFold
from arginator.ffnn import FeedForward
from arginator.folds import Folds
from arginator.metrics import classification_report
from arginator.params import BaselineParams, ModelParams, TrainParams
from arginator.prepared import Prepared
from arginator.reports import DETAIL, NETWORK, rounded
from arginator.tasks import Task, class_probability
from arginator.training import train

YARDSTICKS = ("nearest_neighbour", "logistic_regression")
BLOCK_ROWS = 8192

Scores = dict[str, float]
Answers = dict[str, Float64[np.ndarray, "n k"]]


@dataclass(frozen=True)
class Recipe:
    """How models are made, whatever they are made from."""

    baseline: BaselineParams
    model: ModelParams
    train: TrainParams
    seed: int


@dataclass(frozen=True)
class Material:
    """What the models of a task are made from.

    Attributes:
        task: What they tell apart.
        train: Proteins to learn from.
        validation: Proteins that choose the epoch and the regularisation.
        calibration: The c proteins that calibrate.
        cluster: Cluster of each of these.
    """

    task: Task
    train: Prepared
    validation: Prepared
    calibration: Prepared
    cluster: Int[np.ndarray, " c"]


@dataclass(frozen=True)
class TorchClassifier:
    """A network as it left training."""

    network: FeedForward

    def predict_probability(self, matrix: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n k"]:
        """Return one probability a class, not calibrated."""
        parts = [matrix[row : row + BLOCK_ROWS] for row in range(0, len(matrix), BLOCK_ROWS)]
        with torch.no_grad():
            logits = [self.network(torch.tensor(part)).numpy() for part in parts]
        return class_probability(np.concatenate(logits))


FittedModel = CalibratedClassifier[Baseline | TorchClassifier]


def name_source(prepared: Prepared) -> str:
    """Return the data set's name as it stands in every metrics file."""
    about = prepared.about
    return f"{about.source} (simulated)" if about.simulated else about.source


def gather(prepared: Prepared, folds: Folds, task: Task) -> Material:
    """Return what the models of `task` are made from.

    Raises:
        DataError: The folds are of other proteins.
    """
    return Material(
        task,
        folds.select(prepared, "train"),
        folds.select(prepared, "validation"),
        folds.select(prepared, "calibration"),
        folds.cluster[folds.fold_mask("calibration")],
    )


def fit_yardsticks(material: Material, recipe: Recipe) -> dict[str, FittedModel]:
    """Fit and calibrate nearest neighbour and logistic regression.

    Raises:
        DataError: A class is missing from a fold, or the folds differ in width.
    """
    baselines = fit_baselines(
        material.train, material.validation, material.task, recipe.baseline, recipe.seed
    )
    return {name: _calibrate(name, baselines[name], material, recipe) for name in YARDSTICKS}


def fit_network(material: Material, recipe: Recipe) -> FittedModel:
    """Train and calibrate one network.

    Raises:
        DataError: A class is missing from a fold, or the folds differ in width.
        ModelError: A loss is not finite.
    """
    trained = train(
        material.train,
        material.validation,
        material.task,
        recipe.model,
        recipe.train,
        recipe.seed,
    )
    return _calibrate(NETWORK, TorchClassifier(trained.network), material, recipe)


def fit_models(material: Material, recipe: Recipe) -> dict[str, FittedModel]:
    """Fit and calibrate nearest neighbour, logistic regression and one network.

    Raises:
        DataError: A class is missing from a fold, or the folds differ in width.
        ModelError: A loss is not finite.
    """
    return fit_yardsticks(material, recipe) | {NETWORK: fit_network(material, recipe)}


def answer(models: Mapping[str, FittedModel], proteins: Prepared) -> Answers:
    """Return what each model says about `proteins`."""
    matrix = proteins.embeddings.matrix
    return {name: model.predict_probability(matrix) for name, model in models.items()}


def score(
    answers: Answers,
    target: Int[np.ndarray, " n"],
    task: Task,
    mask: Bool[np.ndarray, " n"] | None = None,
) -> dict[str, Scores]:
    """Return the scores of each model over all classes, on the proteins where `mask` holds.

    They are those of `arginator.metrics.classification_report`. Where only one class is there,
    accuracy alone is defined and the others are left out; without proteins all are.
    """
    kept = np.ones(len(target), dtype=bool) if mask is None else mask
    return {name: _score(answer[kept], target[kept], task) for name, answer in answers.items()}


def _score(
    probability: Float64[np.ndarray, "n k"], target: Int[np.ndarray, " n"], task: Task
) -> Scores:
    """Return the scores of one model."""
    present = len(np.unique(target))
    if present < 2:
        right = probability.argmax(axis=1) == target
        return {"accuracy": rounded(right.mean())} if present else {}
    report = classification_report(target, probability, task.classes, task.kind == "binary")
    return {name: value for name, value in report.items() if name != DETAIL}


def _calibrate(
    name: str, classifier: Baseline | TorchClassifier, material: Material, recipe: Recipe
) -> FittedModel:
    """Fit the calibration of a model, as the record's stage does."""
    fold = CalibrationFold(
        material.train,
        material.calibration,
        material.cluster,
        material.task,
        recipe.train.imbalance,
    )
    return FittedModel(classifier, fold.calibrate(name, classifier))
