"""Conformal sets: the classes that cannot be ruled out, with a stated share of misses a class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from jaxtyping import Bool, Float, Int
from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator
from pydantic_core import PydanticCustomError


class Conformal(BaseModel):
    """Class-conditional sets of classes (Mondrian split conformal prediction).

    Of the proteins of each class at most a share `alpha` has a set without that class, on average
    over proteins exchangeable with those of the calibration fold. A set may be empty (unlike every
    class) or hold several classes.

    Attributes:
        classes: The k class names in the order of the columns.
        alpha: Share of each class that its sets may miss.
        quantile: Largest 1 - probability at which a class is in the set. A class that is not named
            had too few proteins to rule it out and is in every set.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    classes: Annotated[tuple[str, ...], Strict(strict=False), Field(min_length=2)]
    alpha: float = Field(gt=0, lt=1)
    quantile: dict[str, Annotated[float, Field(ge=0, le=1)]]

    @model_validator(mode="after")
    def _known_classes(self) -> Conformal:
        if not set(self.quantile) <= set(self.classes):
            raise PydanticCustomError("fault", "quantiles of classes that there are not")
        return self

    def sets(self, probability: Float[np.ndarray, "n k"]) -> Bool[np.ndarray, "n k"]:
        """Tell for each protein and class whether the class is in the protein's set.

        Args:
            probability: The model's own probabilities, as those of the calibration fold were.
        """
        quantile = np.array([self.quantile.get(name, np.inf) for name in self.classes])
        return np.asarray(1 - probability <= quantile)

    def to_dict(self) -> dict[str, Any]:
        """Return the sets' rule as JSON would hold it."""
        return self.model_dump(mode="json")


def fit_conformal(
    probability: Float[np.ndarray, "n k"],
    target: Int[np.ndarray, " n"],
    classes: Sequence[str],
    alpha: float,
) -> Conformal:
    """Find how improbable a class may be to its own proteins and yet not be ruled out.

    Args:
        probability: The model's own probabilities of the calibration fold's proteins.
        target: True class of each, an index into `classes`.
        classes: The k names.
        alpha: Share of each class that its sets may miss, above 0 to below 1.

    References:
        Vovk 2013, Machine Learning 92, doi:10.1007/s10994-013-5355-6 (conditional validity).
    """
    quantile = {
        name: conformal_quantile(1 - probability[target == index, index], alpha)
        for index, name in enumerate(classes)
    }
    finite = {name: value for name, value in quantile.items() if math.isfinite(value)}
    return Conformal(classes=tuple(classes), alpha=alpha, quantile=finite)


def conformal_quantile(score: Float[np.ndarray, " n"], alpha: float) -> float:
    """Return the score that a new exchangeable one exceeds with a chance of at most `alpha`.

    It is the ceil((n + 1)(1 - alpha))-th smallest of the n scores, infinity if n is below that.

    >>> [conformal_quantile(np.arange(1.0, last), 0.1) for last in (20.0, 10.0, 9.0)]
    [18.0, 9.0, inf]
    """
    n = len(score)
    rank = n + 1 - math.floor((n + 1) * alpha + 1e-9)  # 1e-9: 180 * 0.35 falls short of 63
    return float(np.sort(score)[rank - 1]) if rank <= n else math.inf
