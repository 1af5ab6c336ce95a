"""Conformal sets: the definition by brute force, and the coverage that it promises."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from arginator.conformal import Conformal, conformal_quantile, fit_conformal

CLASSES = ("A", "B", "non")
few = settings(max_examples=40, deadline=None)


def make_case(seed, n=300):
    """Return probabilities that tell the class a little, and the truth; B is rare."""
    rng = np.random.default_rng(seed)
    target = rng.choice(3, n, p=[0.3, 0.1, 0.6])
    weight = np.exp(1.5 * np.eye(3)[target] + rng.normal(size=(n, 3)))
    return weight / weight.sum(axis=1, keepdims=True), target


@few
@given(
    arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1)),
    st.sampled_from([0.001, 0.05, 0.1, 0.2, 0.25, 0.5]),
)
def test_the_quantile_is_the_smallest_score_that_enough_others_do_not_exceed(score, alpha):
    needed = math.ceil(round((len(score) + 1) * (1 - alpha), 9))
    enough = [value for value in score if np.sum(score <= value) >= needed]
    assert conformal_quantile(score, alpha) == min(enough, default=math.inf)


@pytest.mark.parametrize(
    ("n", "alpha", "expected"),
    [
        (9, 0.1, 9),
        (8, 0.1, math.inf),
        (19, 0.1, 18),
        (29, 0.1, 27),
        (19, 0.05, 19),
        (179, 0.35, 117),
    ],
)
def test_ranks_by_hand(n, alpha, expected):
    assert conformal_quantile(np.arange(1.0, n + 1), alpha) == expected


@few
@given(st.integers(0, 10_000), st.sampled_from([0.05, 0.1, 0.3]))
def test_a_class_is_in_the_set_if_enough_of_its_own_proteins_found_it_as_improbable(seed, alpha):
    probability, target = make_case(seed, 60)
    asked, _ = make_case(seed + 1, 20)
    sets = fit_conformal(probability, target, CLASSES, alpha).sets(asked)
    for index in range(3):
        own = probability[target == index, index]
        # p-value of the hypothesis "of this class": the set holds all that is above alpha
        as_improbable = (1 - own[:, None] >= 1 - asked[:, index]).sum(axis=0)
        p_value = (1 + as_improbable) / (len(own) + 1)
        np.testing.assert_array_equal(sets[:, index], p_value > alpha + 1e-12)


@few
@given(st.integers(0, 10_000), st.floats(0.01, 0.5), st.floats(0.01, 0.5))
def test_a_smaller_alpha_never_takes_a_class_out(seed, one, other):
    probability, target = make_case(seed, 80)
    small, large = (
        fit_conformal(probability, target, CLASSES, alpha).sets(probability)
        for alpha in sorted([one, other])
    )
    assert not (large & ~small).any()


def test_each_class_is_covered_as_promised_on_average():
    covered = {index: [] for index in range(3)}
    for seed in range(200):
        conformal = fit_conformal(*make_case(seed), CLASSES, 0.1)
        probability, target = make_case(seed + 1000)
        sets = conformal.sets(probability)
        for index, shares in covered.items():
            shares.append(sets[target == index, index].mean())
    for shares in covered.values():
        assert 0.9 - 0.01 < np.mean(shares) < 0.9 + 0.04


def test_a_class_of_too_few_proteins_is_in_every_set():
    probability, target = make_case(3)
    kept = (target != 1) | (np.cumsum(target == 1) <= 8)
    conformal = fit_conformal(probability[kept], target[kept], CLASSES, 0.1)
    assert list(conformal.quantile) == ["A", "non"]
    assert conformal.sets(np.array([[1.0, 0.0, 0.0]])).tolist() == [[True, True, False]]


def test_a_set_may_be_empty_or_hold_every_class():
    conformal = Conformal(classes=CLASSES, alpha=0.1, quantile={"A": 0.2, "B": 0.9, "non": 0.6})
    probability = np.array([[0.7, 0.05, 0.25], [0.8, 0.1, 0.1], [0.1, 0.5, 0.4], [0.0, 0.1, 0.9]])
    assert conformal.sets(probability).tolist() == [
        [False, False, False],
        [True, True, False],
        [False, True, True],
        [False, True, True],
    ]


def test_what_is_stored_gives_the_same_sets():
    probability, target = make_case(4)
    conformal = fit_conformal(probability, target, CLASSES, 0.1)
    again = Conformal.model_validate(conformal.to_dict())
    assert again == conformal
    np.testing.assert_array_equal(again.sets(probability), conformal.sets(probability))


@pytest.mark.parametrize("quantile", [{"A": math.inf}, {"A": -0.1}, {"A": "0.5"}, {"C": 0.5}])
def test_a_quantile_that_is_none_is_an_error(quantile):
    with pytest.raises(ValidationError):
        Conformal(classes=CLASSES, alpha=0.1, quantile=quantile)
