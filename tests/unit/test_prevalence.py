"""Prevalence: odds moved by Bayes' rule, shares checked."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from arginator.errors import DataError
from arginator.prevalence import check_prevalence, class_shares, shift_prevalence

CLASSES = ("A", "B", "non")


@st.composite
def shares(draw):
    """Draw a share above 0 for each class."""
    weight = draw(arrays(np.float64, 3, elements=st.floats(0.01, 1)))
    return dict(zip(CLASSES, (weight / weight.sum()).tolist(), strict=True))


def test_shares_are_those_of_the_proteins():
    found = class_shares(np.array([0, 2, 2, 1, 2]), CLASSES)
    assert found == {"A": 0.2, "B": 0.2, "non": 0.6}


def test_a_class_without_proteins_is_an_error():
    with pytest.raises(DataError) as caught:
        class_shares(np.array([0, 2, 2]), CLASSES)
    assert str(caught.value) == (
        "fold: 1 of 3 classes have no protein (first: 'B'); "
        "split the data so that every fold has every class"
    )


@settings(max_examples=30, deadline=None)
@given(shares(), shares())
def test_a_move_always_is_what_bayes_rule_says(before, after):
    rng = np.random.default_rng(0)
    likelihood = rng.random((5, 3))
    at = {
        name: likelihood * np.array(list(prior.values()))
        for name, prior in {"before": before, "after": after}.items()
    }
    posterior = {name: joint / joint.sum(axis=1, keepdims=True) for name, joint in at.items()}
    moved = shift_prevalence(posterior["before"], before, after, CLASSES)
    np.testing.assert_allclose(moved, posterior["after"], rtol=1e-12)
    back = shift_prevalence(moved, after, before, CLASSES)
    np.testing.assert_allclose(back, posterior["before"], rtol=1e-9)


def test_no_move_changes_nothing():
    probability = np.random.default_rng(1).dirichlet(np.ones(3), 50)
    same = dict.fromkeys(CLASSES, 1 / 3)
    np.testing.assert_array_equal(shift_prevalence(probability, same, same, CLASSES), probability)


@pytest.mark.parametrize(
    ("prevalence", "problem"),
    [
        ({"A": 0.5, "B": 0.5}, "1 classes are missing or unknown (first: 'non')"),
        (
            {"A": 0.2, "B": 0.2, "non": 0.5, "x": 0.1},
            "1 classes are missing or unknown (first: 'x')",
        ),
        ({"A": 0.0, "B": 0.1, "non": 0.9}, "1 shares lie outside (0, 1] (first: 'A', 0.0)"),
        (
            {"A": 0.1, "B": float("nan"), "non": 0.9},
            "1 shares lie outside (0, 1] (first: 'B', nan)",
        ),
        ({"A": 0.1, "B": 0.1, "non": 0.9}, "shares add up to 1.1, expected 1"),
    ],
)
def test_shares_that_fit_no_classes_are_an_error(prevalence, problem):
    with pytest.raises(DataError) as caught:
        check_prevalence(prevalence, CLASSES)
    assert str(caught.value) == f"prevalence: {problem}; give one share each to A, B, non"
