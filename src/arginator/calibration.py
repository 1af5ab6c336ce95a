"""Calibration: probabilities that come true as often as they say, at the data's prevalence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Float, Float64, Int
from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from arginator.calibration_maps import fit_isotonic, fit_slope_and_bias, softmax
from arginator.errors import ModelError
from arginator.prevalence import check_prevalence, class_shares, shift_prevalence

Method = Literal["none", "temperature", "bias_corrected_temperature", "isotonic"]
METHODS: tuple[Method, ...] = (
    "none",
    "temperature",
    "bias_corrected_temperature",
    "isotonic",
)
"""Maps to choose from, the simplest first; the last is for two classes only.

With two classes the third is Platt's method.
"""

CV_FOLDS = 5  # of the cross-validation that picks a map
FLOOR = float(np.finfo(np.float64).eps)  # the smallest probability whose logarithm is taken

Share = Annotated[float, Field(gt=0, le=1)]
Numbers = Annotated[tuple[float, ...], Strict(strict=False)]
Probabilities = Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Strict(strict=False)]
Names = Annotated[tuple[str, ...], Strict(strict=False), Field(min_length=2)]


class Calibration(BaseModel):
    """A map from a model's own probabilities to calibrated ones.

    Calibrated probabilities are softmax(ln(p) / temperature + ln(prevalence / training prior) +
    bias): what the model saw in the protein is sharpened or softened, then the odds are moved from
    the prior it was trained at to the prevalence in the data (Saerens et al. 2002,
    doi:10.1162/089976602753284446). "isotonic" looks up the second class's log odds instead.

    Attributes:
        classes: The k class names in the order of the columns.
        method: Kind of the map.
        training_prior: Share of each class that the model was trained to expect.
        prevalence: Share of each class in the data.
        temperature: What logarithms of probabilities are divided by; 1 for "none" and "isotonic".
        bias: What is then added to them, one number a class; zeros unless bias-corrected.
        knots: Log odds of the second class in rising order, for "isotonic", else empty.
        values: Its calibrated probability at each knot.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    classes: Names
    method: Method
    training_prior: dict[str, Share]
    prevalence: dict[str, Share]
    temperature: float = Field(gt=0)
    bias: Numbers
    knots: Numbers = ()
    values: Probabilities = ()

    @model_validator(mode="after")
    def _fit_together(self) -> Calibration:
        k, steps = len(self.classes), len(self.knots)
        named = {*self.training_prior} == {*self.prevalence} == {*self.classes}
        isotonic = self.method == "isotonic"
        stepped = len(self.values) == steps and (steps > 0) == isotonic and (k == 2 or not isotonic)
        if not (named and stepped and len(self.bias) == k):
            raise PydanticCustomError("fault", "parts that do not fit the classes or the method")
        return self

    def apply(
        self,
        probability: Float[np.ndarray, "n k"],
        prevalence: Mapping[str, float] | None = None,
    ) -> Float64[np.ndarray, "n k"]:
        """Return calibrated probabilities; each row adds up to 1.

        Args:
            probability: The model's own, a row a protein, a column a class.
            prevalence: Share of each class where the proteins come from, if not as in the data.

        Raises:
            DataError: The prevalence names other classes, or its shares are not above 0 or do not
                add up to 1.
        """
        calibrated = self._map(probability)
        if prevalence is None:
            return calibrated
        check_prevalence(prevalence, self.classes)
        return shift_prevalence(calibrated, self.prevalence, prevalence, self.classes)

    def to_dict(self) -> dict[str, Any]:
        """Return the calibration as JSON would hold it."""
        return self.model_dump(mode="json")

    @staticmethod
    def from_dict(content: Mapping[str, Any], where: object) -> Calibration:
        """Read what `to_dict` returned.

        Raises:
            ModelError: `content` is no calibration.
        """
        try:
            return Calibration.model_validate(dict(content))
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            name = ".".join(str(part) for part in fault["loc"])
            problem = f"holds no readable calibration ({name}: {fault['msg'].lower()})"
            raise ModelError(where, problem, "run `dvc repro calibrate`") from None

    def _map(self, probability: Float[np.ndarray, "n k"]) -> Float64[np.ndarray, "n k"]:
        """Calibrate at the prevalence of the data."""
        if self.method == "none":
            return shift_prevalence(probability, self.training_prior, self.prevalence, self.classes)
        logit = log_probability(probability)
        if self.method == "isotonic":
            positive = np.interp(logit[:, 1] - logit[:, 0], self.knots, self.values)
            return np.column_stack([1 - positive, positive])
        return softmax(logit / self.temperature + self._offset() + np.array(self.bias))

    def _offset(self) -> Float64[np.ndarray, " k"]:
        """Return what moves log odds from the training prior to the data's prevalence."""
        ratios = [self.prevalence[name] / self.training_prior[name] for name in self.classes]
        return np.log(ratios)


def fit_calibration(
    probability: Float[np.ndarray, "n k"],
    target: Int[np.ndarray, " n"],
    cluster: Int[np.ndarray, " n"],
    classes: Sequence[str],
    training_prior: Mapping[str, float],
    prevalence: Mapping[str, float],
    methods: Sequence[Method] = METHODS,
) -> Calibration:
    """Fit each map to proteins held out and keep the best.

    The best has the lowest log loss in cross-validation whose folds are whole clusters; of equal
    ones the first counts. Proteins are weighted so that classes weigh as they do in the data.

    Args:
        probability: The model's own probabilities of the calibration fold's proteins.
        target: True class of each, an index into `classes`.
        cluster: Cluster of each.
        classes: The k names.
        training_prior: Share of each class that the model was trained to expect.
        prevalence: Share of each class in the data.
        methods: Maps to choose from; "isotonic" is left out if there are more than two classes.

    Raises:
        DataError: A class has no protein, or a prior or prevalence does not fit the classes.
    """
    for shares in (training_prior, prevalence):
        check_prevalence(shares, classes)
    found = class_shares(target, classes, "calibration fold")
    weight = np.array([prevalence[name] / found[name] for name in classes])[target]
    unmapped = Calibration(
        classes=tuple(classes),
        method="none",
        training_prior=dict(training_prior),
        prevalence=dict(prevalence),
        temperature=1.0,
        bias=(0.0,) * len(classes),
    )
    usable = [method for method in methods if method != "isotonic" or len(classes) == 2]
    chosen = usable[0]
    if len(usable) > 1:
        fold = deal_clusters(target, cluster, CV_FOLDS)
        losses = [
            _validate(unmapped, method, probability, target, weight, fold) for method in usable
        ]
        chosen = usable[int(np.argmin(losses))]
    return _fit(unmapped, chosen, probability, target, weight)


def deal_clusters(
    target: Int[np.ndarray, " n"], cluster: Int[np.ndarray, " n"], folds: int
) -> Int[np.ndarray, " n"]:
    """Return a fold for each protein: whole clusters, dealt in turn, those of rare classes first.

    Each cluster goes by the rarest class it holds; of one class the largest clusters come first.
    """
    name, member = np.unique(cluster, return_inverse=True)
    rarity = np.argsort(np.argsort(np.bincount(target), kind="stable"), kind="stable")[target]
    rarest = np.full(len(name), np.iinfo(np.int64).max)
    np.minimum.at(rarest, member, rarity)
    order = np.lexsort((name, -np.bincount(member), rarest))
    fold = np.empty(len(name), dtype=np.int64)
    fold[order] = np.arange(len(name)) % folds
    return np.asarray(fold[member])


def _validate(
    unmapped: Calibration,
    method: Method,
    probability: Float[np.ndarray, "n k"],
    target: Int[np.ndarray, " n"],
    weight: Float64[np.ndarray, " n"],
    fold: Int[np.ndarray, " n"],
) -> float:
    """Return the log loss of a map on proteins that it was not fitted to."""
    loss = 0.0
    for held_out in (fold == index for index in np.unique(fold)):
        kept, fitted = ~held_out, unmapped
        if kept.any():  # not with a single cluster, which leaves nothing to fit to
            fitted = _fit(unmapped, method, probability[kept], target[kept], weight[kept])
        mapped = fitted.apply(probability[held_out])
        true = mapped[np.arange(len(mapped)), target[held_out]]
        loss -= float(weight[held_out] @ np.log(np.maximum(true, FLOOR)))
    return loss


def _fit(
    unmapped: Calibration,
    method: Method,
    probability: Float[np.ndarray, "n k"],
    target: Int[np.ndarray, " n"],
    weight: Float64[np.ndarray, " n"],
) -> Calibration:
    """Fit one map."""
    if method == "none":
        return unmapped
    logit = log_probability(probability)
    if method == "isotonic":
        knots, values = fit_isotonic(logit[:, 1] - logit[:, 0], target == 1, weight)
        steps = {"knots": tuple(knots.tolist()), "values": tuple(values.tolist())}
        return unmapped.model_copy(update={"method": method, **steps})
    with_bias = method == "bias_corrected_temperature"
    slope, bias = fit_slope_and_bias(logit, unmapped._offset(), target, weight, with_bias)
    fitted = {"temperature": 1 / slope, "bias": tuple(bias.tolist())}
    return unmapped.model_copy(update={"method": method, **fitted})


def log_probability(probability: Float[np.ndarray, "n k"]) -> Float64[np.ndarray, "n k"]:
    """Return natural logarithms, with `FLOOR` in place of what is below."""
    return np.log(np.maximum(probability.astype(np.float64), FLOOR))
