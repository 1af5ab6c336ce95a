"""Models of a study: made like those of the record, calibrated, and scored where scores exist."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import matthews_corrcoef

from arginator.baselines import fit_baselines
from arginator.calibration import METHODS, fit_calibration
from arginator.calibration_fold import METHODS_OF
from arginator.embeddings import Embeddings
from arginator.folds import FOLDS, Folds
from arginator.metrics import classification_report
from arginator.params import BinaryTask, MulticlassTask
from arginator.studies.runs import (
    answer,
    fit_models,
    fit_network,
    fit_yardsticks,
    gather,
    name_source,
    score,
)
from arginator.tasks import class_probability, define_task
from arginator.training import train

BINARY = BinaryTask(kind="binary", positive=("A", "B"), positive_name="yes", negative_name="no")
MULTICLASS = MulticlassTask(kind="multiclass")


@pytest.fixture(scope="module")
def label_index():
    return np.tile([0, 1, 2, 2, 2], 64)


@pytest.fixture(scope="module")
def folds(prepared) -> Folds:
    """Return folds of clusters of two, some of two classes, for which the calibration differs."""
    row = np.arange(320)
    fold = tuple(FOLDS[i] for i in np.array([0, 0, 1, 2, 3])[row // 10 % 5])
    similarity = np.full(320, np.nan, dtype=np.float32)
    return Folds(prepared.embeddings.ids, (row // 2).astype(np.int32), fold, similarity)


@pytest.mark.parametrize("params", [BINARY, MULTICLASS], ids=["binary", "multiclass"])
def test_the_models_are_those_of_the_record_calibrated_on_the_calibration_fold(
    params, prepared, folds, recipe
):
    task = define_task("toy", params, prepared.about)
    material = gather(prepared, folds, task)
    found = answer(fit_models(material, recipe), folds.select(prepared, "test"))

    parts = {fold: folds.select(prepared, fold) for fold in FOLDS}
    classifiers = dict(
        fit_baselines(parts["train"], parts["validation"], task, recipe.baseline, recipe.seed)
    )
    del classifiers["majority"]
    own = {
        name: [model.predict_probability(parts[fold].embeddings.matrix) for fold in FOLDS[2:]]
        for name, model in classifiers.items()
    }
    network = train(
        parts["train"], parts["validation"], task, recipe.model, recipe.train, recipe.seed
    ).network
    with torch.no_grad():
        logits = [network(torch.tensor(parts[f].embeddings.matrix)).numpy() for f in FOLDS[2:]]
    own["network"] = [class_probability(logit) for logit in logits]

    target = task.encode(parts["calibration"].labels)
    prevalence = {name: (target == i).mean().item() for i, name in enumerate(task.classes)}
    uniform = dict.fromkeys(task.classes, 1 / len(task.classes))
    assert set(found) == set(own)
    for name, (calibration, test) in own.items():
        fitted = fit_calibration(
            calibration,
            target,
            folds.cluster[folds.fold_mask("calibration")],
            task.classes,
            prevalence if name == "nearest_neighbour" else uniform,
            prevalence,
            METHODS_OF.get(name, METHODS),
        )
        np.testing.assert_allclose(found[name], fitted.apply(test), rtol=1e-6)


def test_no_model_sees_the_test_fold(prepared, folds, task, recipe):
    test = folds.fold_mask("test")
    matrix = prepared.embeddings.matrix.copy()
    matrix[test] = 0
    blind = replace(prepared, embeddings=Embeddings(prepared.embeddings.ids, matrix))
    proteins = folds.select(prepared, "test")
    one = answer(fit_models(gather(prepared, folds, task), recipe), proteins)
    two = answer(fit_models(gather(blind, folds, task), recipe), proteins)
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])


def test_another_seed_gives_another_network(prepared, folds, task, recipe):
    material, matrix = gather(prepared, folds, task), prepared.embeddings.matrix
    one = fit_network(material, recipe).predict_probability(matrix)
    np.testing.assert_array_equal(one, fit_network(material, recipe).predict_probability(matrix))
    other = fit_network(material, replace(recipe, seed=4)).predict_probability(matrix)
    assert not np.array_equal(one, other)


def test_scores_are_those_of_the_report_on_the_proteins_in_the_mask(prepared, folds, task, recipe):
    answers = answer(fit_yardsticks(gather(prepared, folds, task), recipe), prepared)
    target = task.encode(prepared.labels)
    mask = folds.fold_mask("test")
    for name, scores in score(answers, target, task, mask).items():
        report = classification_report(target[mask], answers[name][mask], task.classes, False)
        del report["per_class"]
        assert scores == report
        call = answers[name][mask].argmax(axis=1)
        assert scores["mcc"] == pytest.approx(matthews_corrcoef(target[mask], call), abs=5e-5)
    assert score(answers, target, task) == score(answers, target, task, target >= 0)


def test_where_one_class_is_there_accuracy_alone_is_scored(prepared, folds, task, recipe):
    answers = answer(fit_yardsticks(gather(prepared, folds, task), recipe), prepared)
    target = task.encode(prepared.labels)
    for name, scores in score(answers, target, task, target == 2).items():
        right = (answers[name].argmax(axis=1) == 2)[target == 2].mean()
        assert scores == {"accuracy": pytest.approx(right, abs=5e-5)}
    empty = score(answers, target, task, target > 2)
    assert empty == {"nearest_neighbour": {}, "logistic_regression": {}}


def test_a_simulated_data_set_is_called_so(prepared):
    assert name_source(prepared) == "toy (simulated)"
    assert name_source(replace(prepared, about=replace(prepared.about, simulated=False))) == "toy"
