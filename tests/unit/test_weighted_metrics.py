"""Weighted metrics: the report on a data set that really holds each protein that often."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sk

from arginator.metrics import classification_report
from arginator.weighted_metrics import METRICS, Ranking, WeightedReport, expected_mcc

few = settings(max_examples=60, deadline=None)
CLASSES = ("A", "B", "C", "D", "non")


@st.composite
def weighted_answers(draw, classes=None):
    """Draw true classes, probabilities with ties and zeros, and how often each protein counts."""
    k = classes or draw(st.integers(2, 5))
    n = draw(st.integers(1, 30))
    target = draw(arrays(np.int64, n, elements=st.integers(0, k - 1)))
    points = draw(arrays(np.int64, (n, k), elements=st.integers(0, 3)))
    points[points.sum(axis=1) == 0] = 1
    weight = draw(arrays(np.int32, (4, n), elements=st.integers(0, 3)))
    return target, points / points.sum(axis=1, keepdims=True), weight


def brier(target, probability, binary):
    """Return scikit-learn's Brier score of the positive class, or the sum of each class's."""
    scores = [
        sk.brier_score_loss(target == index, probability[:, index], pos_label=True)
        for index in ([1] if binary else range(probability.shape[1]))
    ]
    return sum(scores)


@few
@given(weighted_answers(), st.booleans())
def test_scores_are_always_those_of_the_proteins_repeated(case, binary):
    target, probability, weight = case
    binary = binary and probability.shape[1] == 2
    scores = WeightedReport(target, probability, binary).score(weight)
    assert tuple(scores) == METRICS
    for row, counts in enumerate(weight):
        found = {name: values[row] for name, values in scores.items()}
        repeated = np.repeat(np.arange(len(target)), counts)
        if len(np.unique(target[repeated])) < 2:
            assert all(np.isnan(value) for value in found.values())
            continue
        names = CLASSES[: probability.shape[1]]
        expected = classification_report(target[repeated], probability[repeated], names, binary)
        expected = {name: expected[name] for name in METRICS if name != "brier"}
        expected["brier"] = brier(target[repeated], probability[repeated], binary)
        assert found == pytest.approx(expected, abs=5.1e-5)


@few
@given(weighted_answers())
def test_scores_are_always_those_of_scikit_learn_with_sample_weight(case):
    target, probability, weight = case
    answer = probability.argmax(axis=1)
    scores = WeightedReport(target, probability, False).score(weight)
    for row, counts in enumerate(weight):
        present = np.unique(target[counts > 0])
        if len(present) < 2:
            continue
        counted = counts > 0
        assert scores["mcc"][row] == pytest.approx(
            sk.matthews_corrcoef(target, answer, sample_weight=counts), abs=1e-12
        )
        areas = [
            sk.roc_auc_score(
                target[counted] == index,
                probability[counted, index],
                sample_weight=counts[counted],
            )
            for index in present
        ]
        assert scores["auroc"][row] == pytest.approx(np.mean(areas), abs=1e-12)
        precision = [
            sk.average_precision_score(
                target[counted] == index,
                probability[counted, index],
                sample_weight=counts[counted],
            )
            for index in present
        ]
        assert scores["auprc"][row] == pytest.approx(np.mean(precision), abs=1e-12)


@few
@given(weighted_answers(), st.randoms(use_true_random=False))
def test_scores_never_depend_on_the_order_of_the_proteins(case, random):
    target, probability, weight = case
    order = np.array(random.sample(range(len(target)), len(target)))
    scores = WeightedReport(target, probability, False).score(weight)
    shuffled = WeightedReport(target[order], probability[order], False).score(weight[:, order])
    for name in METRICS:
        np.testing.assert_allclose(shuffled[name], scores[name], rtol=1e-12)


@few
@given(weighted_answers())
def test_scores_of_a_resample_never_depend_on_the_others(case):
    target, probability, weight = case
    report = WeightedReport(target, probability, False)
    together = report.score(weight)
    for row in range(len(weight)):
        alone = report.score(weight[row : row + 1])
        for name in METRICS:
            np.testing.assert_array_equal(alone[name][0], together[name][row])


def test_a_hand_worked_resample():
    target = np.array([0, 1, 0, 1])
    score = np.array([0.1, 0.4, 0.6, 0.9])
    probability = np.column_stack([1 - score, score])
    scores = WeightedReport(target, probability, True).score(np.array([[2, 1, 0, 3]]))
    found = {name: values[0] for name, values in scores.items()}
    assert found == pytest.approx(
        {
            "accuracy": 5 / 6,  # the one positive at 0.4 is missed
            "balanced_accuracy": (2 / 2 + 3 / 4) / 2,
            "mcc": 2 * 3 / np.sqrt(3 * 4 * 2 * 3),
            "macro_f1": (2 * 2 / 5 + 2 * 3 / 7) / 2,
            "auroc": 1.0,
            "auprc": 1.0,
            "log_loss": -(2 * np.log(0.9) + np.log(0.4) + 3 * np.log(0.9)) / 6,
            "brier": (2 * 0.1**2 + 0.6**2 + 3 * 0.1**2) / 6,
        }
    )


def test_calling_nothing_positive_has_balanced_accuracy_one_half():
    target = np.repeat([0, 1], [926, 74])
    probability = np.tile([0.9, 0.1], (1000, 1))
    scores = WeightedReport(target, probability, True).score(np.ones((1, 1000), dtype=np.int32))
    assert scores["balanced_accuracy"] == 0.5
    assert scores["mcc"] == 0
    assert scores["auroc"] == 0.5
    assert scores["auprc"] == 0.074


def test_many_proteins_overflow_no_product():
    target = np.array([0, 1, 0, 1])
    probability = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.7, 0.3]])
    report = WeightedReport(target, probability, True)
    one = report.score(np.ones((1, 4), dtype=np.int32))
    many = report.score(np.full((1, 4), 6 * 10**8, dtype=np.int32))
    for name in METRICS:
        np.testing.assert_allclose(many[name], one[name], rtol=1e-12)


def test_a_ranking_counts_down_to_each_threshold():
    positive = np.array([True, False, True, False, True])
    counts = Ranking(positive, np.array([0.2, 0.9, 0.5, 0.5, 0.5])).count(
        np.array([[1, 2, 1, 3, 1]])
    )
    assert {name: values.tolist() for name, values in counts._asdict().items()} == {
        "found": [[2, 3]],
        "tied": [[2, 1]],
        "wrong_above": [[2, 5]],
        "wrong": [[5, 5]],
        "positives": [3],
        "negatives": [5],
    }


@few
@given(weighted_answers())
def test_the_expected_mcc_is_always_that_of_calls_in_the_shares_of_their_probabilities(case):
    target, probability, weight = case
    n, k = probability.shape
    found = expected_mcc(target, probability, weight)
    for row, counts in enumerate(weight):
        if len(np.unique(target[counts > 0])) < 2:
            assert np.isnan(found[row])
            continue
        shares = (counts[:, None] * probability).ravel()
        expected = sk.matthews_corrcoef(
            np.repeat(target, k), np.tile(np.arange(k), n), sample_weight=shares
        )
        assert found[row] == pytest.approx(expected, abs=1e-6)


@few
@given(weighted_answers())
def test_the_expected_mcc_of_sure_answers_is_always_their_mcc(case):
    target, probability, weight = case
    sure = np.eye(probability.shape[1])[probability.argmax(axis=1)]
    mcc = WeightedReport(target, sure, False).mcc(weight)
    np.testing.assert_allclose(expected_mcc(target, sure, weight), mcc, atol=1e-12)


def test_a_near_tie_moves_the_mcc_and_hardly_the_expected_one():
    target, once = np.array([0, 0, 1, 1]), np.ones((1, 4), dtype=np.int32)
    right = np.array([[0.9, 0.1], [0.51, 0.49], [0.2, 0.8], [0.1, 0.9]])
    wrong = right.copy()
    wrong[1] = [0.49, 0.51]
    reports = [WeightedReport(target, rows, True).mcc(once)[0] for rows in (right, wrong)]
    assert reports == pytest.approx([1.0, 3**-0.5])
    expected = [expected_mcc(target, rows, once)[0] for rows in (right, wrong)]
    assert expected == pytest.approx([0.5609, 0.5517], abs=1e-4)
