"""Reports on calibration: before and after, by numbers and by bins."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss, matthews_corrcoef

from arginator.answers import Answers, HeldOut
from arginator.calibration import Calibration
from arginator.calibration_reports import (
    RELIABILITY,
    reliability_rows,
    report_calibration,
    score_probabilities,
)
from arginator.embeddings import Embeddings
from arginator.metrics import classification_report, expected_calibration_error
from arginator.prepared import Prepared, Provenance
from arginator.tasks import Task

LABELS = ("A", "B", "C")
ABOUT = Provenance("toy", "Toy", True, "", "", "", "kmer", {name: name for name in LABELS})
MULTICLASS = Task("multiclass", "multiclass", LABELS, {name: name for name in LABELS})
BINARY = Task("binary", "binary", ("z", "a"), {"A": "z", "B": "a", "C": "z"})
BINS = 6


def make_answers(task, n=240):
    """Return too sure answers and the softer ones that a temperature of 3 makes of them."""
    rng = np.random.default_rng(3)
    truth, nothing = rng.integers(3, size=n), (None,) * n
    labels = tuple(LABELS[index] for index in truth)
    embeddings = Embeddings(tuple(f"p{row}" for row in range(n)), np.zeros((n, 2), np.float32))
    proteins = Prepared(embeddings, labels, nothing, nothing, nothing, nothing, ABOUT)
    target, similarity = task.encode(labels), np.zeros(n, np.float32)
    held_out = HeldOut(
        "test", "toy", True, task, proteins, target, np.arange(n), ("far",) * n, similarity
    )
    k = len(task.classes)
    raw = np.exp(3 * (np.eye(k)[target] + rng.normal(size=(n, k))))
    raw /= raw.sum(axis=1, keepdims=True)
    even = dict.fromkeys(task.classes, 1 / k)
    calibration = Calibration(
        classes=task.classes,
        method="temperature",
        training_prior=even,
        prevalence=even,
        temperature=3.0,
        bias=(0.0,) * k,
    )
    answers = Answers(held_out, {"network": raw}, {"network": calibration.apply(raw)})
    return answers, {"network": calibration}


@pytest.fixture(params=[BINARY, MULTICLASS], ids=lambda task: task.name)
def case(request):
    return make_answers(request.param)


def judged(answers, probability):
    """Return what the calibration error is about."""
    target = answers.held_out.target
    if answers.held_out.task.kind == "binary":
        return probability[:, 1], target == 1
    return probability.max(axis=1), probability.argmax(axis=1) == target


def brier(target, probability):
    if probability.shape[1] == 2:
        return brier_score_loss(target == 1, probability[:, 1])
    return ((probability - np.eye(probability.shape[1])[target]) ** 2).sum(axis=1).mean()


def test_scores_before_and_after_are_those_of_an_independent_count(case):
    answers, calibrations = case
    report, target = report_calibration(answers, calibrations, BINS), answers.held_out.target
    found = report["models"]["network"]
    assert (found["method"], found["temperature"], report["bins"]) == ("temperature", 3.0, BINS)
    for stage, said in (("before", answers.raw), ("after", answers.calibrated)):
        probability = said["network"]
        assert found[stage] == {
            "log_loss": round(log_loss(target, probability), 4),
            "brier": round(brier(target, probability), 4),
            "ece": round(expected_calibration_error(*judged(answers, probability), BINS), 4),
            "mcc": round(matthews_corrcoef(target, probability.argmax(axis=1)), 4),
        }
    assert found["after"]["log_loss"] < found["before"]["log_loss"]
    assert found["after"]["mcc"] == found["before"]["mcc"]


def test_a_report_is_that_of_classification_with_two_more_numbers(case):
    answers, _ = case
    task, target, said = answers.held_out.task, answers.held_out.target, answers.raw["network"]
    report = score_probabilities(target, said, task, BINS)
    assert list(report)[-3:] == ["brier", "ece", "per_class"]
    del report["brier"], report["ece"]
    assert report == classification_report(target, said, task.classes, task.kind == "binary")


def test_the_gaps_between_the_bins_are_the_calibration_error(case):
    answers, calibrations = case
    report = report_calibration(answers, calibrations, BINS)["models"]["network"]
    rows = [dict(zip(RELIABILITY, row, strict=True)) for row in reliability_rows(answers, BINS)]
    n = len(answers.held_out.target)
    for stage in ("before", "after"):
        bins = [row for row in rows if row["stage"] == stage]
        assert [row["bin"] for row in bins] == [f"{number}" for number in range(1, BINS + 1)]
        assert sum(int(row["proteins"]) for row in bins) == n
        gaps = [
            int(row["proteins"]) * abs(float(row["confidence"]) - float(row["accuracy"]))
            for row in bins
        ]
        assert sum(gaps) / n == pytest.approx(report[stage]["ece"], abs=6e-5)


def test_the_positive_class_is_the_second_by_whatever_name():
    answers, _ = make_answers(BINARY)
    renamed = Task("binary", "binary", ("a", "z"), {"A": "a", "B": "z", "C": "a"})
    target, said = answers.held_out.target, answers.raw["network"]
    here = score_probabilities(target, said, BINARY, BINS)
    there = score_probabilities(target, said, renamed, BINS)
    assert list(here.pop("per_class").values()) == list(there.pop("per_class").values())
    assert here == there
