"""Calibration maps: scipy and scikit-learn as oracles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import optimize, special
from sklearn.isotonic import IsotonicRegression

from arginator.calibration_maps import (
    BIAS_RIDGE,
    HIGHEST_SLOPE,
    LOWEST_SLOPE,
    SLOPE_RIDGE,
    fit_isotonic,
    fit_slope_and_bias,
    softmax,
)

few = settings(max_examples=30, deadline=None)


def make_case(seed, n=80, k=3, scale=2.0):
    """Return logits that tell the class a little, the truth, weights and an offset."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, k, n)
    logit = scale * (np.eye(k)[target] + rng.normal(size=(n, k)))
    return logit, rng.normal(size=k), target, rng.uniform(0.2, 3, n)


def penalised_loss(numbers, logit, offset, target, weight):
    slope, bias = numbers[0], numbers[1:]
    log_probability = special.log_softmax(slope * logit + offset + bias, axis=1)
    loss = -weight @ log_probability[np.arange(len(target)), target]
    return loss + SLOPE_RIDGE * (slope - 1) ** 2 / 2 + BIAS_RIDGE * np.sum(bias**2) / 2


@few
@given(arrays(np.float64, (4, 3), elements=st.floats(-700, 700)))
def test_softmax_equals_scipy(logit):
    np.testing.assert_allclose(softmax(logit), special.softmax(logit, axis=1), rtol=1e-12)


@pytest.mark.parametrize("k", [2, 5])
@pytest.mark.parametrize("scale", [0.1, 2.0, 30.0])
def test_slope_and_bias_are_where_scipy_finds_the_lowest_loss(k, scale):
    case = make_case(k, k=k, scale=scale)
    slope, bias = fit_slope_and_bias(*case, with_bias=True)
    start = np.r_[1.0, np.zeros(k)]
    found = optimize.minimize(penalised_loss, start, case, options={"gtol": 1e-9, "maxiter": 5000})
    assert penalised_loss(np.r_[slope, bias], *case) <= found.fun + 1e-9
    np.testing.assert_allclose(np.r_[slope, bias], found.x, atol=1e-3)


@pytest.mark.parametrize("scale", [0.1, 2.0, 30.0])
def test_a_temperature_is_where_scipy_finds_the_lowest_loss(scale):
    case = make_case(7, scale=scale)
    slope, bias = fit_slope_and_bias(*case, with_bias=False)

    def loss(slope):
        return penalised_loss(np.r_[slope, np.zeros(3)], *case)

    found = optimize.minimize_scalar(loss, bounds=(1e-3, 50), method="bounded")
    assert slope == pytest.approx(found.x, abs=1e-4)
    np.testing.assert_array_equal(bias, np.zeros(3))


@pytest.mark.parametrize("with_bias", [False, True])
def test_classes_told_apart_without_error_get_a_finite_map(with_bias):
    target = np.repeat([0, 1], 50)
    logit = 20 * np.eye(2)[target]
    slope, bias = fit_slope_and_bias(logit, np.zeros(2), target, np.ones(100), with_bias)
    assert 1 < slope < HIGHEST_SLOPE
    assert np.abs(bias).max() < 1e-6


def test_a_model_that_is_always_wrong_keeps_its_ranks():
    target = np.repeat([0, 1], 50)
    logit = 20 * np.eye(2)[1 - target]
    slope, _ = fit_slope_and_bias(logit, np.zeros(2), target, np.ones(100), with_bias=False)
    assert slope == LOWEST_SLOPE


@few
@given(st.integers(0, 10_000))
def test_a_constant_added_to_a_row_never_changes_the_fit(seed):
    logit, *rest = make_case(seed)
    moved = logit + np.random.default_rng(seed).normal(size=(len(logit), 1))
    slope, bias = fit_slope_and_bias(logit, *rest, with_bias=True)
    slope_after, bias_after = fit_slope_and_bias(moved, *rest, with_bias=True)
    np.testing.assert_allclose(slope_after, slope, rtol=1e-7)
    np.testing.assert_allclose(bias_after, bias, atol=1e-7)


@st.composite
def scored(draw):
    """Draw scores, many of them tied, the truth and weights."""
    n = draw(st.integers(1, 40))
    score = draw(arrays(np.float64, n, elements=st.integers(-6, 6)))
    positive = draw(arrays(np.bool_, n))
    return score, positive, draw(arrays(np.float64, n, elements=st.sampled_from([0.3, 1.0, 2.5])))


@few
@given(scored())
def test_isotonic_values_equal_those_of_scikit_learn(case):
    score, positive, weight = case
    knots, values = fit_isotonic(score, positive, weight)
    oracle = IsotonicRegression(out_of_bounds="clip")
    oracle.fit(
        np.r_[score, score.min(), score.max()],
        np.r_[positive, 1, 0].astype(float),
        np.r_[weight, 0.5, 0.5],
    )
    asked = np.linspace(-7, 7, 57)
    np.testing.assert_allclose(np.interp(asked, knots, values), oracle.predict(asked), atol=1e-12)


@few
@given(scored())
def test_isotonic_values_never_fall_and_never_reach_0_or_1(case):
    knots, values = fit_isotonic(*case)
    assert (np.diff(knots) > 0).all()
    assert (np.diff(values) >= 0).all()
    assert 0 < values.min() <= values.max() < 1


def test_isotonic_by_hand():
    score = np.array([1.0, 2.0, 3.0, 4.0])
    knots, values = fit_isotonic(score, np.array([False, True, False, True]), np.ones(4))
    np.testing.assert_array_equal(knots, [1, 2, 3, 4])
    np.testing.assert_allclose(values, [1 / 3, 1 / 2, 1 / 2, 2 / 3])
