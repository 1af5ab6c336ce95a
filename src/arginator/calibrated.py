"""Calibrated models: each classifier with its calibration, its conformal sets and its doubts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Bool, Float, Float64

from arginator.baseline_models import Baseline
from arginator.calibration import Calibration
from arginator.classifiers import Classifier, OnnxClassifier
from arginator.conformal import Conformal
from arginator.tasks import Signature

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
