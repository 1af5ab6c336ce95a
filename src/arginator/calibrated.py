"""Calibrated models: each classifier with its calibration, its conformal sets and its doubts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float64

from arginator.baseline_models import Baseline
from arginator.baselines import load_baselines
from arginator.calibration import METHODS, Calibration, Method, fit_calibration
from arginator.calibration_files import (
    FORMAT_VERSION,
    REMEDY,
    CalibrationFile,
    ModelCalibration,
    NoveltyFacts,
    read_calibration,
)
from arginator.classifiers import OnnxClassifier, onnx_paths
from arginator.conformal import Conformal, fit_conformal
from arginator.errors import ModelError
from arginator.files import write_json
from arginator.folds import Folds
from arginator.novelty import (
    NoveltyIndex,
    doubt_threshold,
    fit_novelty,
    read_novelty,
    save_novelty,
)
from arginator.params import EvaluateParams
from arginator.prepared import Prepared
from arginator.prevalence import class_shares
from arginator.tasks import Signature, Task

FOLDER, FILE, NOVELTY_FILE = "calibration", "calibration.json", "novelty.safetensors"
METHODS_OF: dict[str, tuple[Method, ...]] = {
    "majority": ("none",),
    "nearest_neighbour": ("temperature",),
}
"""Maps of the models that have no choice of all, and whose answers keep the prior they have."""

Classifier = Baseline | OnnxClassifier
Imbalance = Literal["none", "class_weights", "balanced_sampling"]


@dataclass(frozen=True)
class CalibratedModel:
    """A classifier whose probabilities come true as often as they say.

    Attributes:
        classifier: The model itself.
        signature: What it says about itself.
        calibration: Map to calibrated probabilities.
        conformal: Rule of its sets of classes.
        confidence_threshold: 1 minus the highest calibrated probability above which an answer is
            flagged as doubtful.
    """

    classifier: Classifier
    signature: Signature
    calibration: Calibration
    conformal: Conformal
    confidence_threshold: float

    def raw(self, matrix: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n k"]:
        """Return the model's own probabilities."""
        return self.classifier.predict_probability(matrix)

    def calibrate(
        self, raw: Float[np.ndarray, "n k"], prevalence: Mapping[str, float] | None = None
    ) -> Float64[np.ndarray, "n k"]:
        """Return calibrated probabilities for the model's own, as `Calibration.apply` does."""
        return self.calibration.apply(raw, prevalence)

    def predict_probability(self, matrix: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n k"]:
        """Return calibrated probabilities at the prevalence among held-out proteins."""
        return self.calibrate(self.raw(matrix))

    def sets(self, raw: Float[np.ndarray, "n k"]) -> Bool[np.ndarray, "n k"]:
        """Tell which classes cannot be ruled out, from the model's own probabilities."""
        return self.conformal.sets(raw)


def load_calibrated(models_folder: Path) -> dict[str, CalibratedModel]:
    """Read the models of a task, in the order of `arginator.reports.MODELS`, with what is known.

    Raises:
        ModelError: A file is missing or damaged, or the calibration is of other models.
    """
    path = models_folder / FOLDER / FILE
    file = read_calibration(path)
    classifiers = load_classifiers(models_folder)
    missing = [name for name in classifiers if name not in file.models]
    if missing:
        problem = f"{len(missing)} models are not calibrated (first: {missing[0]!r})"
        raise ModelError(path, problem, REMEDY)
    for signature in (signature for _, signature in classifiers.values()):
        if signature.classes != file.classes:
            problem = f"is of classes {list(file.classes)}, the models of {list(signature.classes)}"
            raise ModelError(path, problem, REMEDY)
    return {
        name: CalibratedModel(
            classifier,
            signature,
            file.models[name].calibration,
            file.models[name].conformal,
            file.models[name].confidence_threshold,
        )
        for name, (classifier, signature) in classifiers.items()
    }


def load_novelty(models_folder: Path) -> NoveltyIndex:
    """Read a task's training proteins as points, with the threshold of novelty.

    Raises:
        ModelError: The file is missing or damaged.
    """
    return read_novelty(models_folder / FOLDER / NOVELTY_FILE)


def load_classifiers(models_folder: Path) -> dict[str, tuple[Classifier, Signature]]:
    """Read the baselines and networks of a task, and what each says about itself.

    Raises:
        ModelError: A file is missing or damaged.
    """
    baselines, signature = load_baselines(models_folder / "baseline")
    networks = {name: OnnxClassifier(path) for name, path in onnx_paths(models_folder).items()}
    return {
        **{name: (baseline, signature) for name, baseline in baselines.items()},
        **{name: (network, network.signature) for name, network in networks.items()},
    }


def calibrate_models(
    prepared: Prepared,
    folds: Folds,
    task: Task,
    models_folder: Path,
    imbalance: Imbalance,
    params: EvaluateParams,
) -> tuple[CalibrationFile, NoveltyIndex]:
    """Learn from the calibration fold how far to trust each model of a task.

    Probabilities are brought to that fold's prevalence: large clusters are trained on rather than
    held out, so that classes have other shares among held-out clusters than in all the data.

    Args:
        prepared: The data set.
        folds: The fold of each of its proteins.
        task: What the models tell apart.
        models_folder: Where the task's models are.
        imbalance: How training treated rare classes; it says which prior a network has learned.
        params: Shares of misses and of false flags, and number of neighbours.

    Raises:
        DataError: The folds are of other proteins, or a class is missing from one.
        ModelError: A model is missing, damaged or made for other vectors or classes.
    """
    train, held_out = (folds.select(prepared, fold) for fold in ("train", "calibration"))
    target, cluster = task.encode(held_out.labels), folds.cluster[folds.fold_mask("calibration")]
    prevalence = class_shares(target, task.classes, "calibration fold")
    learned = class_shares(task.encode(train.labels), task.classes, "training fold")
    models = {}
    for name, (classifier, signature) in load_classifiers(models_folder).items():
        _refuse_misfit(name, signature, task, prepared)
        raw = classifier.predict_probability(held_out.embeddings.matrix)
        calibration = fit_calibration(
            raw,
            target,
            cluster,
            task.classes,
            training_prior(name, imbalance, learned, prevalence),
            prevalence,
            METHODS_OF.get(name, METHODS),
        )
        models[name] = ModelCalibration(
            calibration=calibration,
            conformal=fit_conformal(raw, target, task.classes, params.alpha),
            confidence_threshold=doubt_threshold(calibration.apply(raw), params.novelty_alpha),
        )
    novelty = fit_novelty(train, held_out, params.novelty_neighbours, params.novelty_alpha)
    file = CalibrationFile(
        format_version=FORMAT_VERSION,
        task=task.name,
        classes=task.classes,
        alpha=params.alpha,
        prevalence=prevalence,
        models=models,
        novelty=NoveltyFacts(neighbours=novelty.neighbours, threshold=novelty.threshold),
    )
    return file, novelty


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


def write_calibration(file: CalibrationFile, novelty: NoveltyIndex, folder: Path) -> None:
    """Write calibration.json and novelty.safetensors into `folder`."""
    write_json(file.to_dict(), folder / FILE)
    save_novelty(novelty, folder / NOVELTY_FILE)


def _refuse_misfit(name: str, signature: Signature, task: Task, prepared: Prepared) -> None:
    """Refuse a model that was not made for these vectors and classes."""
    made_for = (signature.embedder, signature.width, signature.classes)
    asked_of = (prepared.about.embedder, prepared.embeddings.width, task.classes)
    if made_for != asked_of:
        problem = f"was made for {made_for}, but the data and the task have {asked_of}"
        raise ModelError(f"model {name!r}", problem, "train on this data with `dvc repro`")
