"""Calibrated models: each classifier with its calibration, its conformal sets and its doubts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Bool, Float, Float64

from arginator.baseline_models import Baseline
from arginator.baselines import load_baselines
from arginator.calibration import Calibration
from arginator.calibration_files import REMEDY, read_calibration, read_repeats
from arginator.candidates import candidate_path, read_candidates
from arginator.classifiers import Classifier, OnnxClassifier
from arginator.conformal import Conformal
from arginator.errors import ModelError
from arginator.novelty import NoveltyIndex, read_novelty
from arginator.repeats import load_repeats
from arginator.tasks import Signature

FOLDER, FILE, NOVELTY_FILE = "calibration", "calibration.json", "novelty.safetensors"
REPEATS, REPEATS_FILE = "repeats", "repeats.json"
StoredClassifier = Baseline | OnnxClassifier
C = TypeVar("C", bound=Classifier)


@dataclass(frozen=True)
class CalibratedClassifier(Generic[C]):
    """A classifier whose probabilities come true as often as they say.

    Attributes:
        classifier: The model itself.
        calibration: Map from its own probabilities to calibrated ones.
    """

    classifier: C
    calibration: Calibration

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


@dataclass(frozen=True)
class CalibratedModel(CalibratedClassifier[StoredClassifier]):
    """A stored model with all that the calibration fold taught about it.

    Attributes:
        signature: What the model says about itself.
        conformal: Rule of its sets of classes.
        confidence_threshold: 1 minus the highest calibrated probability above which an answer is
            flagged as doubtful.
    """

    signature: Signature
    conformal: Conformal
    confidence_threshold: float

    def sets(self, raw: Float[np.ndarray, "n k"]) -> Bool[np.ndarray, "n k"]:
        """Tell which classes cannot be ruled out, from the model's own probabilities."""
        return self.conformal.sets(raw)


def load_calibrated(models_folder: Path) -> dict[str, CalibratedModel]:
    """Read the baselines, then the candidates of a task, with what is known of each.

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
            file.models[name].calibration,
            signature,
            file.models[name].conformal,
            file.models[name].confidence_threshold,
        )
        for name, (classifier, signature) in classifiers.items()
    }


def load_calibrated_repeats(models_folder: Path) -> list[CalibratedClassifier[OnnxClassifier]]:
    """Read the networks of the other seeds, in order; none if only one seed was asked for.

    Raises:
        DataError: The index of the repeats is missing or damaged.
        ModelError: A network is missing or damaged, or the calibrations are of other repeats.
    """
    networks = load_repeats(models_folder / REPEATS)
    path = models_folder / FOLDER / REPEATS_FILE
    calibrations = read_repeats(path).repeats
    if len(calibrations) != len(networks):
        problem = f"is of {len(calibrations)} repeats, but there are {len(networks)}"
        raise ModelError(path, problem, REMEDY)
    return [CalibratedClassifier(*pair) for pair in zip(networks, calibrations, strict=True)]


def load_novelty(models_folder: Path) -> NoveltyIndex:
    """Read a task's training proteins as points, with the threshold of novelty.

    Raises:
        ModelError: The file is missing or damaged.
    """
    return read_novelty(models_folder / FOLDER / NOVELTY_FILE)


def load_classifiers(models_folder: Path) -> dict[str, tuple[StoredClassifier, Signature]]:
    """Read the baselines and candidates of a task, and what each says about itself.

    Raises:
        ModelError: A file is missing or damaged.
    """
    baselines, signature = load_baselines(models_folder / "baseline")
    networks = {
        name: OnnxClassifier(candidate_path(models_folder, name))
        for name in read_candidates(models_folder)
    }
    return {
        **{name: (baseline, signature) for name, baseline in baselines.items()},
        **{name: (network, network.signature) for name, network in networks.items()},
    }
