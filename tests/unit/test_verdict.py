"""Verdict: paired intervals over clusters and seeds, the best baseline, one honest sentence."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import matthews_corrcoef

from arginator.bootstrap import resample_clusters
from arginator.errors import DataError
from arginator.metrics import classification_report
from arginator.verdict import _sentence, judge
from arginator.weighted_metrics import METRICS

few = settings(max_examples=15, deadline=None)
CLASSES = ("A", "B", "non")
BASELINES = ("majority", "nearest_neighbour", "logistic_regression")


def answers(target, skill, seed, classes=3):
    """Return probabilities that are right the more often the larger `skill` is."""
    noise = np.random.default_rng(seed).normal(size=(len(target), classes))
    scaled = np.exp(skill * np.eye(classes)[target] + noise)
    return scaled / scaled.sum(axis=1, keepdims=True)


def make_fold(proteins=300, clusters=60, classes=3, seed=0):
    """Return true classes that go with the cluster."""
    cluster = np.random.default_rng(seed).integers(clusters, size=proteins)
    return (cluster % (2 * classes)).clip(max=classes - 1), cluster


def models(target, network=3.0, logistic=2.0, classes=3):
    """Return probabilities of a baseline of each kind and of two networks."""
    majority = np.tile(np.bincount(target, minlength=classes) / len(target), (len(target), 1))
    return {
        "majority": majority,
        "nearest_neighbour": answers(target, 1.0, 1, classes),
        "logistic_regression": answers(target, logistic, 2, classes),
        "network": answers(target, network, 3, classes),
        "pruned": answers(target, 1.5, 4, classes),
    }


def verdict(target, cluster, probability, repeats=(), resamples=200, **changes):
    """Judge on a real data set's terms unless told otherwise."""
    about = {"source": "toy", "claims": True, **changes}
    classes = CLASSES[: probability["network"].shape[1]]
    return judge(target, cluster, probability, list(repeats), classes, False, resamples, 7, **about)


def test_a_verdict_says_all_that_it_rests_on():
    target, cluster = make_fold()
    found = verdict(target, cluster, models(target), [answers(target, 3.0, 5)])
    assert list(found) == [
        "source",
        "claims",
        "fold",
        "proteins",
        "clusters",
        "clusters_per_class",
        "resamples",
        "resamples_left_out",
        "seeds",
        "confidence",
        "models",
        "differences",
        "seed_spread",
        "sentence",
    ]
    facts = {name: found[name] for name in list(found)[:10]}
    assert facts == {
        "source": "toy",
        "claims": True,
        "fold": "test",
        "proteins": 300,
        "clusters": len(np.unique(cluster)),
        "clusters_per_class": {
            name: len(np.unique(cluster[target == index])) for index, name in enumerate(CLASSES)
        },
        "resamples": 200,
        "resamples_left_out": 0,
        "seeds": 2,
        "confidence": 0.95,
    }
    assert list(found["models"]) == list(models(target))
    assert list(found["differences"]) == ["network", "pruned"]
    assert list(found["differences"]["network"]) == ["mcc", "macro_f1", "auprc"]
    json.dumps(found, allow_nan=False)


def test_values_are_those_of_the_report_on_the_fold():
    target, cluster = make_fold()
    probability = models(target)
    found = verdict(target, cluster, probability)["models"]
    for name, rows in probability.items():
        expected = classification_report(target, rows, CLASSES, binary=False)
        for metric in set(METRICS) - {"brier"}:
            assert found[name][metric]["value"] == pytest.approx(expected[metric], abs=1.1e-4)


def test_the_network_is_the_mean_of_its_seeds_and_their_spread_is_told():
    target, cluster = make_fold()
    probability = models(target)
    repeats = [answers(target, 3.0, seed) for seed in (5, 6)]
    found = verdict(target, cluster, probability, repeats)
    mcc = [
        classification_report(target, rows, CLASSES, binary=False)["mcc"]
        for rows in (probability["network"], *repeats)
    ]
    assert found["models"]["network"]["mcc"]["value"] == pytest.approx(np.mean(mcc), abs=1e-4)
    spread = {"lowest": min(mcc), "highest": max(mcc), "deviation": np.std(mcc, ddof=1)}
    assert found["seed_spread"]["mcc"] == pytest.approx(spread, abs=1e-4)


def test_a_difference_is_that_of_the_values_shown():
    target, cluster = make_fold()
    found = verdict(target, cluster, models(target), [answers(target, 1.0, 5)])
    for name, by_metric in found["differences"].items():
        for metric, one in by_metric.items():
            value, other = (
                found["models"][model][metric]["value"] for model in (name, one["against"])
            )
            assert one["value"] == pytest.approx(value - other, abs=1.6e-4)


def test_one_seed_has_no_deviation():
    target, cluster = make_fold()
    assert list(verdict(target, cluster, models(target))["seed_spread"]["mcc"]) == [
        "lowest",
        "highest",
    ]


def test_intervals_are_those_of_the_proteins_repeated():
    target, cluster = make_fold(120, 30)
    probability = models(target)
    found = verdict(target, cluster, probability, resamples=100)
    scores = {name: [] for name in probability}
    for weight in resample_clusters(cluster, 100, 7):
        for counts in weight:
            rows = np.repeat(np.arange(len(target)), counts)
            for name, answer in probability.items():
                scores[name].append(matthews_corrcoef(target[rows], answer[rows].argmax(axis=1)))
    for name, values in scores.items():
        low, high = np.percentile(values, [2.5, 97.5])
        expected = {"low": low, "high": high}
        mcc = found["models"][name]["mcc"]
        assert {key: mcc[key] for key in expected} == pytest.approx(expected, abs=1.1e-4)
    best = found["differences"]["network"]["mcc"]["against"]
    low, high = np.percentile(np.subtract(scores["network"], scores[best]), [2.5, 97.5])
    difference = found["differences"]["network"]["mcc"]
    assert difference["low"] == pytest.approx(low, abs=2e-4)
    assert difference["high"] == pytest.approx(high, abs=2e-4)


def test_seeds_that_differ_widen_the_interval():
    target, cluster = make_fold()
    probability = models(target, network=4.0)
    alone = verdict(target, cluster, probability)["models"]["network"]["mcc"]
    poor = answers(target, 1.0, 5)
    both = verdict(target, cluster, probability, [poor])["models"]["network"]["mcc"]
    assert both["high"] - both["low"] > 2 * (alone["high"] - alone["low"])


def test_each_metric_is_compared_to_its_own_best_baseline_the_first_of_equals():
    target, cluster = make_fold()
    probability = models(target)
    probability["logistic_regression"] = probability["nearest_neighbour"]
    differences = verdict(target, cluster, probability)["differences"]["network"]
    assert {one["against"] for one in differences.values()} == {"nearest_neighbour"}
    probability["logistic_regression"] = answers(target, 9.0, 5)
    differences = verdict(target, cluster, probability)["differences"]["network"]
    assert {one["against"] for one in differences.values()} == {"logistic_regression"}
    classes = np.eye(3)[target]
    half_right = np.where(np.arange(len(target))[:, None] % 2, classes, np.roll(classes, 1, axis=1))
    probability["nearest_neighbour"] = half_right  # better calls
    probability["logistic_regression"] = 0.25 + 0.1 * classes + 0.15 * np.eye(3)[2]  # better ranks
    differences = verdict(target, cluster, probability)["differences"]["network"]
    assert {metric: one["against"] for metric, one in differences.items()} == {
        "mcc": "nearest_neighbour",
        "macro_f1": "nearest_neighbour",
        "auprc": "logistic_regression",
    }


def test_a_network_equal_to_the_best_baseline_has_no_difference_at_all():
    target, cluster = make_fold()
    probability = models(target)
    probability["network"] = probability["logistic_regression"]
    found = verdict(target, cluster, probability)
    for difference in found["differences"]["network"].values():
        assert difference == {"against": "logistic_regression", "value": 0, "low": 0, "high": 0}
    assert found["sentence"].startswith("No evidence that the network is worth it")


def test_resamples_without_two_classes_are_counted_and_left_out():
    target = np.array([0, 0, 1, 1])
    cluster = np.array([0, 0, 1, 1])
    probability = models(target, classes=2)
    found = verdict(target, cluster, probability, resamples=1000)
    assert found["resamples_left_out"] == pytest.approx(500, abs=60)
    json.dumps(found, allow_nan=False)


@few
@given(st.randoms(use_true_random=False), st.integers(2, 40))
def test_a_verdict_never_depends_on_the_order_of_the_proteins(random, clusters):
    target, cluster = make_fold(80, clusters)
    probability = models(target)
    repeat = answers(target, 3.0, 5)
    order = np.array(random.sample(range(80), 80))
    shuffled = {name: rows[order] for name, rows in probability.items()}
    again = verdict(target[order], cluster[order], shuffled, [repeat[order]], 100)
    assert again == verdict(target, cluster, probability, [repeat], 100)


def test_another_seed_draws_other_resamples_of_the_same_values():
    target, cluster = make_fold()
    probability = models(target)
    one, two = (
        judge(target, cluster, probability, [], CLASSES, False, 200, seed, source="", claims=True)
        for seed in (1, 2)
    )
    mcc, other = (found["models"]["network"]["mcc"] for found in (one, two))
    assert mcc["value"] == other["value"]
    assert (mcc["low"], mcc["high"]) != (other["low"], other["high"])


@pytest.mark.parametrize("target", [np.zeros(4, dtype=np.int64), np.zeros(0, dtype=np.int64)])
def test_a_fold_without_two_classes_is_refused(target):
    probability = {"network": np.full((len(target), 3), 1 / 3)}
    with pytest.raises(DataError) as error:
        verdict(target, np.arange(len(target)), probability)
    found = len(np.unique(target))
    assert str(error.value) == (
        f"fold 'test': holds proteins of {found} classes, expected two or more; "
        "judge on another fold"
    )


@pytest.mark.parametrize(
    ("network", "logistic", "beginning"),
    [
        (9.0, 1.5, "The network beats logistic regression by 0."),
        (0.5, 9.0, "The network loses against logistic regression by 0."),
        (3.0, 3.0, "No evidence that the network is worth it: its MCC differs from "),
    ],
)
def test_the_sentence_follows_the_interval(network, logistic, beginning):
    target, cluster = make_fold()
    source = "demo (simulated)"
    found = verdict(target, cluster, models(target, network, logistic), source=source, claims=False)
    assert found["sentence"].startswith(beginning)
    assert found["sentence"] == _sentence(found["differences"]["network"]["mcc"], source, False)


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        (
            (0.012, 0.004, 0.021),
            "The network beats logistic regression by 0.012 MCC [0.004, 0.021]",
        ),
        (
            (-0.012, -0.021, -0.004),
            "The network loses against logistic regression by 0.012 MCC [0.004, 0.021]",
        ),
        (
            (0.003, -0.02, 0.027),
            "No evidence that the network is worth it: its MCC differs from logistic regression's "
            "by +0.003 [-0.020, 0.027]",
        ),
    ],
)
@pytest.mark.parametrize(
    ("source", "claims", "remark"),
    [
        ("amrfinder", True, ""),
        ("demo (simulated)", True, " (simulated data)"),
        ("amrfinder", False, " (near-copies in training, not for claims)"),
        ("demo (simulated)", False, " (simulated data, near-copies in training, not for claims)"),
    ],
)
def test_the_sentence_says_what_it_may_be_used_for(numbers, sentence, source, claims, remark):
    value, low, high = numbers
    difference = {"against": "logistic_regression", "value": value, "low": low, "high": high}
    assert _sentence(difference, source, claims) == f"{sentence}{remark}."
