"""Calibration: maps chosen on whole clusters, odds moved to the prevalence of the data."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import optimize, special

from arginator.calibration import (
    CV_FOLDS,
    METHODS,
    Calibration,
    deal_clusters,
    fit_calibration,
)
from arginator.errors import DataError, ModelError
from arginator.metrics import expected_calibration_error, log_loss

few = settings(max_examples=40, deadline=None)
BINARY, MULTICLASS = ("other", "hit"), ("A", "B", "non")
PREVALENCE = {"A": 0.15, "B": 0.05, "non": 0.8}
UNIFORM = dict.fromkeys(MULTICLASS, 1 / 3)


def uniform(classes):
    return dict.fromkeys(classes, 1 / len(classes))


def make_case(seed=0, n=2000, classes=MULTICLASS, sharpness=1.0, prevalence=None):
    """Return what a model trained at equal shares says, the truth and clusters of four.

    At sharpness 1 it is right; above, it is too sure of itself.
    """
    rng = np.random.default_rng(seed)
    share = list((prevalence or dict(zip(classes, _falling(classes), strict=True))).values())
    k = len(classes)
    target = np.r_[np.arange(k), rng.choice(k, n - k, p=share)]
    seen = 1.5 * np.eye(k)[target] + rng.normal(size=(n, k))
    probability = special.softmax(sharpness * 1.5 * seen, axis=1)
    return probability, target, np.arange(n) // 4


def _falling(classes):
    return (0.8, 0.2) if len(classes) == 2 else (0.15, 0.05, 0.8)


def shares_of(classes):
    return dict(zip(classes, _falling(classes), strict=True))


def fitted(case, classes=MULTICLASS, methods=METHODS):
    return fit_calibration(*case, classes, uniform(classes), shares_of(classes), methods)


@st.composite
def probabilities(draw, k):
    """Draw rows that add up to 1, many of their numbers tied or 0."""
    weight = draw(arrays(np.float64, (6, k), elements=st.integers(0, 5)))
    weight[:, draw(st.integers(0, k - 1))] += 1
    return weight / weight.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("method", METHODS)
@few
@given(probability=probabilities(2), share=st.floats(1e-3, 0.999))
def test_calibrated_rows_always_add_up_to_1(method, probability, share):
    calibration = fitted(make_case(n=200, classes=BINARY), BINARY, [method])
    for stated in (None, {"other": 1 - share, "hit": share}):
        calibrated = calibration.apply(probability, stated)
        np.testing.assert_allclose(calibrated.sum(axis=1), 1, rtol=1e-12)
        assert calibrated.min() >= 0


@pytest.mark.parametrize("sharpness", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("classes", [BINARY, MULTICLASS], ids=["binary", "multiclass"])
def test_probabilities_of_new_proteins_come_true_as_often_as_they_say(classes, sharpness):
    calibration = fitted(make_case(0, classes=classes, sharpness=sharpness), classes)
    raw, target, _ = make_case(1, 20_000, classes, sharpness)
    calibrated = calibration.apply(raw)

    def gap(probability):
        return expected_calibration_error(probability[:, 1], target == 1, 15)

    assert gap(calibrated) < 0.02 < gap(raw)
    assert log_loss(target, calibrated) < log_loss(target, raw)


def test_a_model_that_is_right_about_equal_shares_only_has_its_odds_moved():
    probability, target, cluster = make_case(n=4000)
    calibration = fit_calibration(
        probability, target, cluster, MULTICLASS, UNIFORM, PREVALENCE, ["none"]
    )
    weighted = probability * np.array(list(PREVALENCE.values())) * 3
    expected = weighted / weighted.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(calibration.apply(probability), expected, rtol=1e-12)
    calibrated = fitted((probability, target, cluster)).apply(probability)
    np.testing.assert_allclose(calibrated, expected, atol=0.08)


def test_no_map_at_the_prior_of_the_data_changes_nothing():
    case = make_case()
    calibration = fit_calibration(*case, MULTICLASS, PREVALENCE, PREVALENCE, ["none"])
    np.testing.assert_array_equal(calibration.apply(case[0]), case[0])


@few
@given(probability=probabilities(3))
def test_a_temperature_alone_never_changes_the_answer(probability):
    case = make_case(n=200, sharpness=4.0)
    calibration = fit_calibration(*case, MULTICLASS, PREVALENCE, PREVALENCE, ["temperature"])
    calibrated = calibration.apply(probability)
    np.testing.assert_array_equal(calibrated.argmax(axis=1), probability.argmax(axis=1))


def test_a_temperature_is_taken_before_the_odds_move():
    case = make_case(sharpness=3.0)
    calibration = fitted(case, methods=["temperature"])
    ratio = np.log([3 * PREVALENCE[name] for name in MULTICLASS])

    def loss(temperature):
        return log_loss(case[1], special.softmax(np.log(case[0]) / temperature + ratio, axis=1))

    found = optimize.minimize_scalar(loss, bounds=(0.1, 20), method="bounded")
    assert calibration.temperature == pytest.approx(found.x, rel=0.03)
    expected = special.softmax(np.log(case[0]) / calibration.temperature + ratio, axis=1)
    np.testing.assert_allclose(calibration.apply(case[0]), expected, rtol=1e-9)


@few
@given(share=st.floats(1e-3, 0.999))
def test_a_stated_prevalence_moves_the_odds_by_its_ratio_to_that_of_the_data(share):
    calibration = fitted(make_case(n=200, classes=BINARY), BINARY, ["temperature"])
    raw = make_case(2, 50, BINARY)[0]
    here, there = calibration.apply(raw), calibration.apply(raw, {"other": 1 - share, "hit": share})
    odds = share / (1 - share) * 0.8 / 0.2
    np.testing.assert_allclose(there[:, 1] / there[:, 0], odds * here[:, 1] / here[:, 0], rtol=1e-9)


def test_at_a_stated_prevalence_probabilities_come_true_there():
    calibration = fitted(make_case(classes=BINARY, sharpness=2.0), BINARY)
    there = {"other": 0.4, "hit": 0.6}
    raw, target, _ = make_case(1, 20_000, BINARY, 2.0, there)
    gaps = [
        expected_calibration_error(calibration.apply(raw, stated)[:, 1], target == 1, 15)
        for stated in (there, None)
    ]
    assert gaps[0] < 0.02 < 0.1 < gaps[1]


def test_a_fold_with_other_shares_of_the_classes_still_leads_to_those_of_the_data():
    many = {"A": 0.4, "B": 0.3, "non": 0.3}
    calibration = fitted(make_case(3, 6000, prevalence=many))
    raw, target, _ = make_case(1, 20_000)
    assert calibration.apply(raw).mean(axis=0) == pytest.approx([0.15, 0.05, 0.8], abs=0.02)
    assert log_loss(target, calibration.apply(raw)) < log_loss(target, raw)


@pytest.mark.parametrize("sharpness", [0.3, 1.0, 4.0])
def test_the_map_with_the_lowest_loss_on_clusters_left_out_is_taken(sharpness):
    probability, target, cluster = make_case(5, 300, BINARY, sharpness)
    fold = deal_clusters(target, cluster, CV_FOLDS)
    shares = shares_of(BINARY)
    weight = np.array([shares[name] for name in BINARY])[target] / np.bincount(target)[target]
    losses = {}
    for method in METHODS:
        losses[method] = 0.0
        for index in range(CV_FOLDS):
            out = fold == index
            part = {
                name: float(np.sum(weight[~out][target[~out] == i]))
                for i, name in enumerate(BINARY)
            }
            part = {name: value / sum(part.values()) for name, value in part.items()}
            fit = fit_calibration(
                probability[~out],
                target[~out],
                cluster[~out],
                BINARY,
                uniform(BINARY),
                part,
                [method],
            ).model_copy(update={"prevalence": shares})
            true = fit.apply(probability[out])[np.arange(out.sum()), target[out]]
            losses[method] -= np.sum(weight[out] * np.log(true))
    assert fitted((probability, target, cluster), BINARY).method == min(losses, key=losses.get)


def test_isotonic_is_for_two_classes():
    assert fitted(make_case(), methods=["isotonic", "temperature"]).method == "temperature"


def test_a_stepped_truth_is_left_to_isotonic():
    rng = np.random.default_rng(0)
    positive = rng.random(3000)
    target = (rng.random(3000) < np.where(positive > 0.5, 0.9, 0.1)).astype(int)
    share = float(target.mean())
    case = np.column_stack([1 - positive, positive]), target, np.arange(3000)
    prior = {"other": 1 - share, "hit": share}
    assert fit_calibration(*case, BINARY, prior, prior).method == "isotonic"


@few
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 8))
def test_clusters_are_dealt_whole_and_evenly(seed, n, folds):
    rng = np.random.default_rng(seed)
    target, cluster = rng.integers(0, 3, n), rng.integers(0, 20, n)
    fold = deal_clusters(target, cluster, folds)
    dealt = {(c, f) for c, f in zip(cluster.tolist(), fold.tolist(), strict=True)}
    count = np.bincount([f for _, f in dealt], minlength=folds)
    assert len(dealt) == len(np.unique(cluster))
    assert count.max() - count.min() <= 1


@few
@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_folds_never_depend_on_the_order_of_the_proteins(seed, random):
    rng = np.random.default_rng(seed)
    target, cluster = rng.integers(0, 3, 40), rng.integers(0, 12, 40)
    order = random.sample(range(40), 40)
    shuffled = deal_clusters(target[order], cluster[order], 5)
    np.testing.assert_array_equal(shuffled, deal_clusters(target, cluster, 5)[order])


def test_the_few_clusters_of_a_rare_class_go_to_as_many_folds():
    cluster = np.arange(45)
    target = (cluster % 5 == 0) & (cluster < 25)  # in turn by name they would share a fold
    assert sorted(deal_clusters(target.astype(int), cluster, 5)[target]) == [0, 1, 2, 3, 4]


def test_a_single_cluster_leaves_the_odds_moved_and_no_more():
    probability, target, _ = make_case(n=100)
    one = np.zeros(100, dtype=int)
    assert fitted((probability, target, one)).method == "none"


@pytest.mark.parametrize("method", METHODS)
def test_what_is_stored_maps_the_same(method):
    case = make_case(n=300, classes=BINARY, sharpness=3.0)
    calibration = fitted(case, BINARY, [method])
    text = json.dumps(calibration.to_dict(), allow_nan=False)
    again = Calibration.from_dict(json.loads(text), "file")
    assert again == calibration
    np.testing.assert_array_equal(again.apply(case[0]), calibration.apply(case[0]))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"method": "magic"}, "method: input should be 'none', 'temperature', "),
        ({"temperature": 0.0}, "temperature: input should be greater than 0"),
        ({"bias": [0.0]}, ": parts that do not fit the classes or the method"),
        ({"method": "isotonic"}, ": parts that do not fit the classes or the method"),
        ({"knots": [0.0], "values": [0.5]}, ": parts that do not fit the classes or the method"),
        ({"prevalence": {"other": 1.0}}, ": parts that do not fit the classes or the method"),
        ({"more": 1}, "more: extra inputs are not permitted"),
    ],
)
def test_a_damaged_calibration_is_an_error(change, problem):
    content = fitted(make_case(n=100, classes=BINARY), BINARY, ["temperature"]).to_dict()
    with pytest.raises(ModelError) as caught:
        Calibration.from_dict(content | change, "calibration.json")
    assert str(caught.value).startswith(
        f"calibration.json: holds no readable calibration ({problem}"
    )
    assert str(caught.value).endswith("; run `dvc repro calibrate`")


def test_a_class_that_is_not_in_the_fold_is_an_error():
    probability, target, cluster = make_case(n=100)
    kept = target != 1
    with pytest.raises(
        DataError, match=r"^calibration fold: 1 of 3 classes have no protein \(first: 'B'\)"
    ):
        fitted((probability[kept], target[kept], cluster[kept]))


def test_a_stated_prevalence_of_other_classes_is_an_error():
    calibration = fitted(make_case(n=100))
    with pytest.raises(DataError, match=r"prevalence: 2 classes are missing or unknown"):
        calibration.apply(np.full((1, 3), 1 / 3), {"A": 0.5, "hit": 0.4, "non": 0.1})
