"""Calls: over all inputs no two models contradict each other silently."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from arginator.calibration import Calibration
from arginator.calls import (
    CONTRADICTION,
    UNCLEAR,
    Opinion,
    combine_opinions,
    contradict,
    form_opinion,
    possible_calls,
)
from arginator.conformal import Conformal

GROUP, CLASSES = ("other", "hit"), ("A", "B", "non")
POSITIVE = ("A", "B")
UNNAMED, OUTSIDE = "hit, class unclear", "not a hit"


def opinion(classes, *answers):
    """Return an opinion from pairs of the most probable class and the possible ones."""
    top = np.array([classes.index(name) for name, _ in answers])
    possible = np.array([[name in some for name in classes] for _, some in answers])
    return Opinion(classes, top, possible)


def answers(classes, n=8):
    """Draw the most probable and the possible classes of n proteins, whatever they are."""
    top = arrays(np.int64, n, elements=st.integers(0, len(classes) - 1))
    return st.tuples(top, arrays(np.bool_, (n, len(classes))))


@settings(max_examples=300, deadline=None)
@given(answers(GROUP), answers(CLASSES))
def test_a_call_never_says_what_a_model_surely_denies(of_group, of_classes):
    group, classes = Opinion(GROUP, *of_group), Opinion(CLASSES, *of_classes)
    calls = combine_opinions(group, classes, POSITIVE, "hit")
    inside = group.sure_of(["hit"]), classes.sure_of(POSITIVE)
    outside = group.sure_of(["other"]), classes.sure_of(["non"])
    assert set(calls) <= set(possible_calls(POSITIVE, "hit"))
    for row, call in enumerate(calls):
        sure_in, sure_out = inside[0][row] | inside[1][row], outside[0][row] | outside[1][row]
        assert (call == CONTRADICTION) == (sure_in and sure_out)
        assert (call == UNCLEAR) == (not sure_in and not sure_out)
        assert (call == OUTSIDE) == (sure_out and not sure_in)
        assert (call in {*POSITIVE, UNNAMED}) == (sure_in and not sure_out)
        if call in POSITIVE:
            assert CLASSES[classes.top[row]] == call
            assert classes.possible[row].tolist() == [name == call for name in CLASSES]
    np.testing.assert_array_equal(
        contradict(group, classes, POSITIVE, "hit"), [call == CONTRADICTION for call in calls]
    )


@pytest.mark.parametrize(
    ("group", "classes", "call"),
    [
        (("hit", ["hit"]), ("A", ["A"]), "A"),
        (("hit", ["other", "hit"]), ("B", ["B"]), "B"),
        (("hit", ["hit"]), ("A", ["A", "B"]), UNNAMED),
        (("hit", ["hit"]), ("A", ["A", "non"]), UNNAMED),
        (("hit", ["hit"]), ("non", ["A", "non"]), UNNAMED),
        (("hit", ["hit"]), ("A", []), UNNAMED),
        (("hit", ["hit"]), ("A", ["B"]), UNNAMED),
        (("hit", ["other", "hit"]), ("A", ["A", "B"]), UNNAMED),
        (("other", ["other"]), ("non", ["non"]), OUTSIDE),
        (("other", ["other"]), ("non", ["A", "non"]), OUTSIDE),
        (("other", ["other", "hit"]), ("non", ["non"]), OUTSIDE),
        (("hit", ["hit"]), ("non", ["non"]), CONTRADICTION),
        (("other", ["other"]), ("A", ["A", "B"]), CONTRADICTION),
        (("hit", ["other", "hit"]), ("A", ["A", "non"]), UNCLEAR),
        (("hit", []), ("A", []), UNCLEAR),
        (("other", ["hit"]), ("non", ["A"]), UNCLEAR),
    ],
)
def test_calls_by_hand(group, classes, call):
    pair = opinion(GROUP, group), opinion(CLASSES, classes)
    assert combine_opinions(*pair, POSITIVE, "hit") == (call,)


def test_an_opinion_is_of_calibrated_answers_and_sets_of_the_raw_ones():
    calibration = Calibration(
        classes=GROUP,
        method="none",
        training_prior={"other": 0.5, "hit": 0.5},
        prevalence={"other": 0.9, "hit": 0.1},
        temperature=1.0,
        bias=(0.0, 0.0),
    )
    conformal = Conformal(classes=GROUP, alpha=0.1, quantile={"other": 0.5, "hit": 0.3})
    raw = np.array([[0.4, 0.6], [0.05, 0.95]])
    found = form_opinion(calibration.apply(raw), conformal.sets(raw), conformal)
    assert found.top.tolist() == [0, 1]
    assert found.possible.tolist() == [[False, False], [False, True]]


def test_a_class_that_can_never_be_ruled_out_counts_only_as_the_most_probable():
    conformal = Conformal(classes=CLASSES, alpha=0.1, quantile={"A": 0.5, "non": 0.5})
    probability = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1]])
    member = conformal.sets(probability)
    assert member.tolist() == [[True, True, False], [False, True, False]]
    found = form_opinion(probability, member, conformal)
    assert found.possible.tolist() == [[True, False, False], [False, True, False]]


def test_no_protein_has_no_call():
    pair = (
        Opinion(GROUP, np.zeros(0, np.int64), np.zeros((0, 2), bool)),
        Opinion(CLASSES, np.zeros(0, np.int64), np.zeros((0, 3), bool)),
    )
    assert combine_opinions(*pair, POSITIVE, "hit") == ()
