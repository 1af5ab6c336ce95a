"""Novelty: how unlike the training proteins a protein is, and where that is worth saying."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Float16, Float32, Float64
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from arginator.baseline_models import unit_rows
from arginator.conformal import conformal_quantile
from arginator.errors import DataError, ModelError
from arginator.nearest import Nearest, Shortlist, find_nearest
from arginator.prepared import Prepared

METADATA_KEY = "arginator"
LARGE_INDEX = 2**20  # numbers in the training vectors from which 8-bit products are faster
TOO_LARGE_INDEX = 2**31
MANY = 1000  # proteins at once for which they are worth preparing
HIGHEST_NOVELTY = 2.0  # 1 - cosine cannot exceed it
HIGHEST_DOUBT = 1.0


@dataclass(frozen=True)
class NoveltyIndex:
    """The training proteins as points, to measure how far others are from them.

    A protein's novelty is 1 minus the mean cosine to its nearest training proteins, after the mean
    of training is taken off: 0 for a copy of them, about 1 for one that is like none of them.

    Attributes:
        mean: Mean of the training vectors.
        unit: The r training vectors, centred, scaled to length 1, in half precision.
        ids: The training proteins.
        labels: Their labels.
        neighbours: How many of the nearest count.
        threshold: Novelty above which a protein is flagged as unlike training.
    """

    mean: Float32[np.ndarray, " d"]
    unit: Float16[np.ndarray, "r d"]
    ids: tuple[str, ...]
    labels: tuple[str, ...]
    neighbours: int
    threshold: float

    def score(self, matrix: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"]:
        """Return the novelty of each protein; 1 for a vector of zeros, which is like nothing.

        Raises:
            DataError: The vectors have another width than those of training.
        """
        return np.asarray(1 - self.nearest(matrix, self.neighbours).similarity.mean(axis=1))

    def nearest(self, matrix: Float[np.ndarray, "n d"], neighbours: int) -> Nearest:
        """Return the training proteins that are nearest to each protein.

        Raises:
            DataError: The vectors have another width than those of training.
        """
        if matrix.shape[1] != len(self.mean):
            raise DataError(
                "vectors",
                f"width {matrix.shape[1]:,}, expected {len(self.mean):,} as in training",
                "embed the proteins as those of training were",
            )
        query = unit_rows(matrix, self.mean)
        made = "_shortlist" in vars(self)
        worth = self._has_use_for_shortlist and (made or len(query) > MANY)
        shortlist = self._shortlist if worth else None
        return find_nearest(query, self._reference, neighbours, shortlist)

    def warm_up(self) -> None:
        """Make now what the first search of many would wait for."""
        if self._has_use_for_shortlist:
            _ = self._shortlist

    @property
    def _has_use_for_shortlist(self) -> bool:
        """Whether there are enough training proteins for one, and no more than ONNX holds."""
        return LARGE_INDEX < self.unit.size < TOO_LARGE_INDEX

    @cached_property
    def _shortlist(self) -> Shortlist:
        """What finds the same ones faster; to make it takes as long as some thousand searches."""
        return Shortlist(self._reference)

    @cached_property
    def _reference(self) -> Float32[np.ndarray, "r d"]:
        """The training vectors in single precision, which products take."""
        return self.unit.astype(np.float32)

    def flag(self, score: Float64[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Tell for each novelty whether it is above the threshold."""
        return np.asarray(score > self.threshold)


def fit_novelty(
    train: Prepared, calibration: Prepared, neighbours: int, alpha: float
) -> NoveltyIndex:
    """Index the training proteins and set the threshold on proteins of known classes held out.

    Args:
        train: Proteins that are known.
        calibration: Proteins of the same classes but of other clusters.
        neighbours: How many of the nearest training proteins count, at least 1.
        alpha: Share of proteins like those of `calibration` that may be flagged.

    Raises:
        DataError: There are fewer training proteins than `neighbours`.
    """
    count = len(train.labels)
    if count < neighbours:
        problem = f"has {count:,} proteins, expected at least {neighbours:,}, one a neighbour"
        raise DataError("training fold", problem, "lower 'evaluate.novelty_neighbours'")
    matrix = train.embeddings.matrix
    mean = matrix.mean(axis=0, dtype=np.float64).astype(np.float32)
    unit = unit_rows(matrix, mean).astype(np.float16)
    query = unit_rows(calibration.embeddings.matrix, mean)
    similarity = find_nearest(query, unit.astype(np.float32), neighbours).similarity
    threshold = min(conformal_quantile(1 - similarity.mean(axis=1), alpha), HIGHEST_NOVELTY)
    return NoveltyIndex(mean, unit, train.embeddings.ids, train.labels, neighbours, threshold)


def doubt(probability: Float[np.ndarray, "n k"]) -> Float64[np.ndarray, " n"]:
    """Return 1 minus the highest probability of each protein, the yardstick for novelty.

    References:
        Hendrycks and Gimpel 2017, ICLR, arXiv:1610.02136.
    """
    return np.asarray(1 - probability.max(axis=1).astype(np.float64))


def doubt_threshold(probability: Float[np.ndarray, "n k"], alpha: float) -> float:
    """Return the doubt that at most a share `alpha` of such proteins exceeds."""
    return min(conformal_quantile(doubt(probability), alpha), HIGHEST_DOUBT)


def save_novelty(index: NoveltyIndex, path: Path) -> None:
    """Write an index as one safetensors file, all but the arrays in its metadata."""
    facts = {
        "ids": index.ids,
        "labels": index.labels,
        "neighbours": index.neighbours,
        "threshold": index.threshold,
    }
    arrays = {"mean": index.mean, "unit": np.ascontiguousarray(index.unit)}
    save_file(arrays, path, {METADATA_KEY: json.dumps(facts, ensure_ascii=False)})


def read_novelty(path: Path) -> NoveltyIndex:
    """Read what `save_novelty` wrote.

    Raises:
        ModelError: The file is missing or damaged.
    """
    remedy = "run `dvc repro calibrate`"
    try:
        with safe_open(path, "np") as file:
            facts = json.loads((file.metadata() or {})[METADATA_KEY])
            mean, unit = file.get_tensor("mean"), file.get_tensor("unit")
        return NoveltyIndex(
            mean,
            unit,
            tuple(facts["ids"]),
            tuple(facts["labels"]),
            int(facts["neighbours"]),
            float(facts["threshold"]),
        )
    except FileNotFoundError:
        raise ModelError(path, "no such file", remedy) from None
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(path, f"damaged or no novelty index ({reason})", remedy) from None
