"""The baselines as they predict: arrays and plain numpy, without the library that fits them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float16, Float32, Float64, Int

from arginator.similarity import nearest
from arginator.tasks import class_probability

BLOCK_ROWS = 8192  # float64 copies of 1,024 numbers for each take 64 MiB


@dataclass(frozen=True)
class Majority:
    """Every protein gets the class frequencies of training, so the commonest class wins.

    Attributes:
        frequency: Share of each class in the training fold.
    """

    frequency: Float64[np.ndarray, " k"]

    def predict_probability(self, matrix: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n k"]:
        """Return the class frequencies of training, once a protein."""
        return np.tile(self.frequency, (len(matrix), 1))


@dataclass(frozen=True)
class NearestNeighbour:
    """Every protein gets the class of the training protein with the largest cosine.

    Attributes:
        mean: Mean of the training vectors; it is subtracted before cosines are taken.
        unit: The training vectors, centred and scaled to length 1.
        class_index: Class of each training protein.
        frequency: Share of each class in the training fold.
        ids: The training proteins.
    """

    mean: Float32[np.ndarray, " d"]
    unit: Float16[np.ndarray, "r d"]
    class_index: Int[np.ndarray, " r"]
    frequency: Float64[np.ndarray, " k"]
    ids: tuple[str, ...]

    def predict_probability(self, matrix: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n k"]:
        """Return 1 for the neighbour's class.

        Of equally near neighbours the first counts. A vector of zeros has no neighbour and gets
        the class frequencies of training.
        """
        query = unit_rows(matrix, self.mean)
        index, _ = nearest(query, self.unit.astype(np.float32))
        probability: np.ndarray = np.eye(len(self.frequency))[self.class_index[index]]
        probability[~query.any(axis=1)] = self.frequency
        return probability


@dataclass(frozen=True)
class LogisticRegression:
    """Logistic regression on standardised vectors; the standardisation is part of the weights.

    Attributes:
        weight: One row for two classes, else one a class.
        bias: One number a row of `weight`.
        inverse_regularisation: scikit-learn's C, chosen on validation.
    """

    weight: Float64[np.ndarray, "outputs d"]
    bias: Float64[np.ndarray, " outputs"]
    inverse_regularisation: float

    def predict_probability(self, matrix: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n k"]:
        """Return the softmax of the linear outputs, or the sigmoid of a single one."""
        logit = np.empty((len(matrix), len(self.bias)))
        for start in range(0, len(matrix), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            logit[rows] = matrix[rows].astype(np.float64) @ self.weight.T + self.bias
        return class_probability(logit)


Baseline = Majority | NearestNeighbour | LogisticRegression


def unit_rows(
    matrix: Float[np.ndarray, "n d"], mean: Float32[np.ndarray, " d"]
) -> Float32[np.ndarray, "n d"]:
    """Subtract `mean` and scale each row to length 1; rows of zeros or equal to it become zero."""
    unit = matrix.astype(np.float32)
    unit -= mean
    unit[~matrix.any(axis=1)] = 0
    length = np.linalg.norm(unit, axis=1, keepdims=True)
    unit /= np.where(length > 0, length, 1)
    return unit
