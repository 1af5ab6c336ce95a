"""Metrics: scikit-learn and hand-worked numbers as oracles."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sk

from arginator.errors import DataError
from arginator.metrics import (
    brier_score,
    classification_report,
    equal_count_bins,
    expected_calibration_error,
    log_loss,
    precision_recall_points,
    roc_points,
)

few = settings(max_examples=30, deadline=None)

CLASSES = ("A", "B", "C", "D", "non")


@st.composite
def answers(draw, classes=None):
    """Draw true classes, at least two of them, and probabilities, many of them tied."""
    k = classes or draw(st.integers(2, 5))
    n = draw(st.integers(2, 40))
    target = np.array([0, 1, *draw(st.lists(st.integers(0, k - 1), min_size=n - 2, max_size=n))])
    weight = draw(arrays(np.float64, (len(target), k), elements=st.integers(0, 5))) + 0.01
    return target, weight / weight.sum(axis=1, keepdims=True), CLASSES[:k]


@few
@given(answers(2))
def test_a_binary_report_agrees_with_scikit_learn(case):
    target, probability, classes = case
    answer = probability.argmax(axis=1)
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        target, answer, labels=[0, 1], zero_division=0
    )
    expected = {
        "accuracy": sk.accuracy_score(target, answer),
        "balanced_accuracy": sk.balanced_accuracy_score(target, answer),
        "mcc": sk.matthews_corrcoef(target, answer),
        "macro_f1": sk.f1_score(target, answer, average="macro", zero_division=0),
        "auroc": sk.roc_auc_score(target, probability[:, 1]),
        "auprc": sk.average_precision_score(target, probability[:, 1]),
        "log_loss": sk.log_loss(target, probability, labels=[0, 1]),
    }
    report = classification_report(target, probability, classes, binary=True)
    per_class = report.pop("per_class")
    assert report == pytest.approx(expected, abs=5.1e-5)
    for index, name in enumerate(classes):
        found = per_class[name]
        assert found["support"] == support[index]
        assert found["precision"] == pytest.approx(precision[index], abs=5.1e-5)
        assert found["recall"] == pytest.approx(recall[index], abs=5.1e-5)
        assert found["f1"] == pytest.approx(f1[index], abs=5.1e-5)


@few
@given(answers(3))
def test_areas_of_several_classes_are_means_of_one_against_the_rest(case):
    target, probability, classes = case
    target = np.append(target, 2)  # scikit-learn wants every class to be there
    probability = np.vstack([probability, probability[:1]])
    report = classification_report(target, probability, classes, binary=False)
    auroc = sk.roc_auc_score(target, probability, multi_class="ovr", average="macro")
    auprc = sk.average_precision_score(np.eye(3)[target], probability, average="macro")
    assert (report["auroc"], report["auprc"]) == pytest.approx((auroc, auprc), abs=5.1e-5)


@few
@given(answers(), st.randoms(use_true_random=False))
def test_a_report_never_depends_on_the_order_of_the_proteins(case, random):
    target, probability, classes = case
    order = list(range(len(target)))
    random.shuffle(order)
    shuffled = classification_report(target[order], probability[order], classes, binary=False)
    assert shuffled == classification_report(target, probability, classes, binary=False)


@few
@given(answers())
def test_a_report_always_holds_finite_numbers_of_four_decimals(case):
    report = classification_report(*case, binary=False)
    per_class = report.pop("per_class")
    values = list(report.values()) + [value for row in per_class.values() for value in row.values()]
    json.dumps(values, allow_nan=False)
    assert all(value == round(value, 4) for value in values)
    assert list(per_class) == list(case[2])


def test_answering_the_larger_class_for_all_scores_no_better_than_chance():
    target = np.repeat([0, 1], [926, 74])
    probability = np.tile([0.926, 0.074], (1000, 1))
    report = classification_report(target, probability, ("other", "beta-lactamase"), binary=True)
    assert report == {
        "accuracy": 0.926,
        "balanced_accuracy": 0.5,
        "mcc": 0.0,
        "macro_f1": 0.4808,
        "auroc": 0.5,
        "auprc": 0.074,
        "log_loss": 0.2639,
        "per_class": {
            "other": {"precision": 0.926, "recall": 1.0, "f1": 0.9616, "support": 926},
            "beta-lactamase": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 74},
        },
    }


def test_a_class_without_proteins_is_left_out_of_means():
    target = np.array([0, 0, 1, 1])
    probability = np.array([[0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    report = classification_report(target, probability, ("A", "B", "C"), binary=False)
    assert report["balanced_accuracy"] == 0.75
    assert report["auroc"] == (1 + 2.5 / 4) / 2  # of A and B; C has no proteins
    assert report["per_class"]["C"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}


def test_a_sure_wrong_answer_costs_a_finite_loss():
    assert log_loss(np.array([1]), np.array([[1.0, 0.0]])) == pytest.approx(36.04, abs=0.01)
    assert log_loss(np.array([0]), np.array([[1.0, 0.0]])) == pytest.approx(0, abs=1e-12)


def test_halves_cost_ln_2():
    assert log_loss(np.array([0, 1]), np.full((2, 2), 0.5)) == pytest.approx(np.log(2))


@few
@given(answers(2), st.integers(2, 12))
def test_a_thinned_curve_keeps_its_ends_and_only_points_of_the_whole_one(case, points):
    target, probability, _ = case
    for curve in (roc_points, precision_recall_points):
        whole = list(zip(*curve(target == 1, probability[:, 1], 10_000), strict=True))
        thin = list(zip(*curve(target == 1, probability[:, 1], points), strict=True))
        assert 2 <= len(thin) <= points
        assert (thin[0], thin[-1]) == (whole[0], whole[-1])
        rest = iter(whole)
        assert all(point in rest for point in thin)


@few
@given(answers(2))
def test_curves_are_those_of_scikit_learn(case):
    target, probability, _ = case
    positive, score = target == 1, probability[:, 1]
    false_rate, true_rate = roc_points(positive, score, 10_000)
    assert sk.auc(false_rate, true_rate) == pytest.approx(sk.roc_auc_score(positive, score))
    recall, precision = precision_recall_points(positive, score, 10_000)
    area = np.sum(np.diff(recall) * precision[1:])
    assert area == pytest.approx(sk.average_precision_score(positive, score))
    assert (recall[0], precision[0], recall[-1]) == (0, 1, 1)


def test_a_curve_of_few_points_is_kept_whole():
    positive, score = np.arange(40) % 3 == 0, np.arange(40.0)
    whole = roc_points(positive, score, 10_000)
    np.testing.assert_array_equal(roc_points(positive, score, len(whole[0])), whole)


def test_thinning_keeps_points_at_few_false_positives():
    rng = np.random.default_rng(3)
    positive = rng.random(60_000) < 0.1
    false_rate, _ = roc_points(positive, positive + rng.normal(0, 0.7, 60_000), 100)
    assert np.count_nonzero((false_rate > 0) & (false_rate < 0.01)) >= 10


def test_thinning_loses_little_of_the_area():
    rng = np.random.default_rng(0)
    positive = rng.random(20_000) < 0.07
    score = rng.normal(size=20_000) + 2 * positive
    assert sk.auc(*roc_points(positive, score, 200)) == pytest.approx(
        sk.roc_auc_score(positive, score), abs=0.001
    )


@pytest.mark.parametrize(("target", "found"), [([1, 1, 1], "all 3 are 'B'"), ([], "there is none")])
def test_one_class_cannot_be_judged(target, found):
    target = np.array(target, dtype=np.int64)
    with pytest.raises(DataError) as error:
        classification_report(target, np.full((len(target), 2), 0.5), ("A", "B"), binary=True)
    assert str(error.value) == (
        f"metrics: proteins of two classes are needed, but {found}; judge on another fold"
    )


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -0.1, 1.1])
def test_a_number_that_is_no_probability_is_refused(wrong):
    probability = np.full((3, 2), 0.5)
    probability[1, 0] = wrong
    with pytest.raises(DataError) as error:
        classification_report(np.array([0, 1, 1]), probability, ("A", "B"), binary=True)
    assert str(error.value) == (
        "metrics: 1 of 3 proteins have a probability outside [0, 1] (first: row 1 from 0)"
    )


@few
@given(answers())
def test_the_brier_score_is_the_squared_distance_from_the_truth(case):
    target, probability, classes = case
    score = brier_score(target, probability)
    if len(classes) == 2:
        assert score == pytest.approx(sk.brier_score_loss(target == 1, probability[:, 1]))
    else:
        truth = np.eye(len(classes))[target]
        assert score == pytest.approx(np.mean(np.sum((probability - truth) ** 2, axis=1)))


def test_brier_scores_by_hand():
    wrong = np.array([[1.0, 0.0]])
    assert brier_score(np.array([1]), wrong) == 1
    assert brier_score(np.array([0]), wrong) == 0
    assert brier_score(np.array([1]), np.array([[1.0, 0.0, 0.0]])) == 2


@few
@given(arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 1)), st.integers(2, 12))
def test_bins_of_probabilities_without_ties_differ_in_count_by_one_at_most(probability, bins):
    probability = np.unique(np.round(probability, 9))
    shuffled = np.random.default_rng(0).permutation(probability)
    member = equal_count_bins(shuffled, bins)
    count = np.bincount(member, minlength=bins)
    assert count.max() - count.min() <= 1
    assert (np.diff(member[np.argsort(shuffled)]) >= 0).all()


@st.composite
def said_and_true(draw):
    """Draw probabilities, many of them tied, and whether they came true."""
    n = draw(st.integers(1, 40))
    said = draw(arrays(np.float64, n, elements=st.integers(0, 8))) / 8
    return said, draw(arrays(np.bool_, n)), draw(st.integers(1, 6))


@few
@given(said_and_true())
def test_the_calibration_error_is_the_mean_gap_over_bins_of_equal_count(case):
    said, true, bins = case
    n, order = len(said), np.argsort(said, kind="stable")
    bin_of = {}
    for rank, row in enumerate(order):
        bin_of.setdefault(said[row], rank * bins // n)
    gap = 0.0
    for index in set(bin_of.values()):
        rows = [row for row in range(n) if bin_of[said[row]] == index]
        gap += len(rows) / n * abs(np.mean(said[rows]) - np.mean(true[rows]))
    assert expected_calibration_error(said, true, bins) == pytest.approx(gap)


@few
@given(said_and_true(), st.randoms(use_true_random=False))
def test_the_calibration_error_never_depends_on_the_order_or_on_rounding_errors(case, random):
    said, true, bins = case
    order = random.sample(range(len(said)), len(said))
    noise = np.array([random.choice([0, 1e-16, 2e-16]) for _ in order])
    moved = np.clip(said + noise, 0, 1)[order]
    assert expected_calibration_error(moved, true[order], bins) == pytest.approx(
        expected_calibration_error(said, true, bins)
    )


def test_calibration_errors_by_hand():
    said, true = np.array([0.1, 0.1, 0.9, 0.9]), np.array([False, False, True, False])
    assert expected_calibration_error(said, true, 2) == pytest.approx((0.1 + 0.4) / 2)
    assert expected_calibration_error(said, true, 1) == pytest.approx(0.25)
    assert expected_calibration_error(np.array([0.0, 1.0]), np.array([False, True]), 2) == 0
    assert expected_calibration_error(np.empty(0), np.empty(0, dtype=bool), 5) == 0


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan, np.inf])
def test_what_is_no_probability_has_no_calibration_error(value):
    with pytest.raises(DataError) as caught:
        expected_calibration_error(np.array([0.5, value]), np.array([True, True]), 5)
    assert str(caught.value) == (
        "metrics: 1 of 2 proteins have a probability outside [0, 1] (first: row 1 from 0)"
    )
