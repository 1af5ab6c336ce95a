"""Maps from scores to probabilities, fitted by maximum likelihood on proteins held out.

Plain numpy, so that what was fitted can be applied anywhere. Two families: a temperature with or
without a bias a class, for any number of classes, and a rising step function for two of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

LOWEST_SLOPE, HIGHEST_SLOPE = 0.01, 100.0  # inverse temperatures; above 0, so that ranks stay
SLOPE_RIDGE, BIAS_RIDGE = 0.1, 1.0  # weights of "leave it as it is"; they keep every fit finite
STEPS = 100  # of Newton's method, which needs about ten
PRECISION = 1e-10

Knots = tuple[Float64[np.ndarray, " knots"], Float64[np.ndarray, " knots"]]


@dataclass(frozen=True)
class Problem:
    """A penalised log loss of softmax(features @ point + offset), to be made small.

    Attributes:
        features: What the numbers looked for, slope and biases, are multiplied by.
        offset: What is added to each class.
        target: True class of each protein.
        weight: How many proteins each counts for.
    """

    features: Float64[np.ndarray, "n k m"]
    offset: Float64[np.ndarray, " k"]
    target: Int[np.ndarray, " n"]
    weight: Float64[np.ndarray, " n"]

    @property
    def start(self) -> Float64[np.ndarray, " m"]:
        """Slope 1 and bias 0."""
        return np.asarray(np.eye(self.features.shape[2])[0])

    @property
    def ridge(self) -> Float64[np.ndarray, " m"]:
        """What the squared distance from the start costs, each doubled."""
        return np.where(self.start == 1, SLOPE_RIDGE, BIAS_RIDGE)

    def loss(self, point: Float64[np.ndarray, " m"]) -> float:
        """Return the weighted log loss, plus what the distance from the start costs."""
        logit = self.features @ point + self.offset
        highest = logit.max(axis=1)
        normaliser = highest + np.log(np.exp(logit - highest[:, None]).sum(axis=1))
        loss = self.weight @ (normaliser - logit[np.arange(len(logit)), self.target])
        return float(loss + self.ridge @ (point - self.start) ** 2 / 2)

    def newton_step(self, point: Float64[np.ndarray, " m"]) -> Float64[np.ndarray, " m"]:
        """Return the inverse of the loss's second derivatives times its first ones."""
        probability = softmax(self.features @ point + self.offset)
        mean = np.einsum("nk,nkm->nm", probability, self.features)
        gradient = self.weight @ (mean - self.features[np.arange(len(mean)), self.target])
        gradient += self.ridge * (point - self.start)
        spread = self.features - mean[:, None, :]
        weighted = spread * (self.weight[:, None] * probability)[:, :, None]
        hessian = np.einsum("nkm,nkj->mj", weighted, spread) + np.diag(self.ridge)
        return np.linalg.solve(hessian, gradient)


def softmax(logit: Float[np.ndarray, "n k"]) -> Float64[np.ndarray, "n k"]:
    """Return probabilities whose logarithms differ as the logits do."""
    scaled = np.exp(logit - logit.max(axis=1, keepdims=True), dtype=np.float64)
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True))


def fit_slope_and_bias(
    logit: Float64[np.ndarray, "n k"],
    offset: Float64[np.ndarray, " k"],
    target: Int[np.ndarray, " n"],
    weight: Float64[np.ndarray, " n"],
    with_bias: bool,
) -> tuple[float, Float64[np.ndarray, " k"]]:
    """Fit softmax(slope * logit + offset + bias) to the truth; 1 / slope is the temperature.

    The loss is the weighted log loss plus half the squared distance from slope 1 times
    `SLOPE_RIDGE` and half that from bias 0 times `BIAS_RIDGE`. It is convex, and Newton's method
    finds its only minimum. A slope outside [`LOWEST_SLOPE`, `HIGHEST_SLOPE`] is set to the nearer
    end.

    Args:
        logit: A row a protein, a column a class; a constant added to a row changes nothing.
        offset: What is added to each class and not fitted.
        target: True class of each protein.
        weight: How many proteins each counts for.
        with_bias: False keeps the bias at 0 (a plain temperature).

    References:
        Guo et al. 2017, ICML (temperature scaling); Alexandari et al. 2020, ICML (bias-corrected);
        Platt 1999 (two classes).
    """
    k = logit.shape[1]
    features = (logit - logit.max(axis=1, keepdims=True))[:, :, None]
    if with_bias:
        one = np.broadcast_to(np.eye(k), (len(logit), k, k))
        features = np.concatenate([features, one], axis=2)
    found = _minimise(Problem(features, offset, target, weight))
    slope = float(np.clip(found[0], LOWEST_SLOPE, HIGHEST_SLOPE))
    return slope, np.asarray(found[1:] if with_bias else np.zeros(k))


def fit_isotonic(
    score: Float64[np.ndarray, " n"],
    positive: Bool[np.ndarray, " n"],
    weight: Float64[np.ndarray, " n"],
) -> Knots:
    """Fit the never falling function of the score that is nearest to the truth in squares.

    Half a positive protein at the lowest score and half a negative one at the highest keep every
    value above 0 and below 1 (Krichevsky and Trofimov 1981).

    Returns:
        Scores in rising order and the value at each; between them the function is linear, beyond
        them it is constant.

    References:
        Zadrozny and Elkan 2002, KDD, doi:10.1145/775047.775151.
    """
    ends, made_up = np.array([score.min(), score.max()]), np.array([1.0, 0.0])
    place, share = np.unique(np.append(score, ends), return_inverse=True)
    mass = np.bincount(share, np.append(weight, [0.5, 0.5]))
    mean = np.bincount(share, np.append(weight * positive, 0.5 * made_up)) / mass
    first, last, value = _pool(mean, mass)
    knots = np.ravel(np.column_stack([place[first], place[last]]))
    values = np.repeat(value, 2)
    kept = np.append(True, np.diff(knots) > 0)  # a block of one score has one knot
    return knots[kept], values[kept]


def _minimise(problem: Problem) -> Float64[np.ndarray, " m"]:
    """Find the minimum by damped Newton steps from where nothing is changed."""
    point = problem.start
    loss = problem.loss(point)
    for _ in range(STEPS):
        step = problem.newton_step(point)
        while (lower := problem.loss(point - step)) > loss:
            step = step / 2
        point, loss = point - step, lower
        if np.abs(step).max() < PRECISION:
            break
    return point


def _pool(
    mean: Float64[np.ndarray, " m"], mass: Float64[np.ndarray, " m"]
) -> tuple[Int[np.ndarray, " b"], Int[np.ndarray, " b"], Float64[np.ndarray, " b"]]:
    """Pool neighbours until means never fall; return first, last and mean of each block."""
    blocks: list[tuple[int, int, float, float]] = []
    for index, (value, amount) in enumerate(zip(mean.tolist(), mass.tolist(), strict=True)):
        block = (index, index, value, amount)
        while blocks and blocks[-1][2] >= block[2]:
            first, _, left, left_mass = blocks.pop()
            total = left_mass + block[3]
            block = (first, index, (left * left_mass + block[2] * block[3]) / total, total)
        blocks.append(block)
    firsts, lasts, values, _ = zip(*blocks, strict=True)
    return np.array(firsts), np.array(lasts), np.array(values)
