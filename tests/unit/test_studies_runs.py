"""Models of a study: made like those of the record, calibrated, and scored where scores exist."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import matthews_corrcoef

from arginator.baselines import fit_baselines
from arginator.calibrated import METHODS_OF
from arginator.calibration import METHODS, fit_calibration
from arginator.embeddings import Embeddings
from arginator.folds import FOLDS, Folds
from arginator.metrics import classification_report
from arginator.params import BaselineParams, BinaryTask, ModelParams, MulticlassTask, TrainParams
from arginator.prepared import Prepared, Provenance
from arginator.studies.runs import (
    Recipe,
    answer,
    fit_models,
    fit_network,
    fit_yardsticks,
    gather,
    name_source,
    score,
)
from arginator.tasks import Task, class_probability, define_task
from arginator.training import train

LABELS = ("A", "B", "non")
ABOUT = Provenance("toy", "toy", True, "", "", "", "kmer", {label: label for label in LABELS})
RECIPE = Recipe(
    BaselineParams(inverse_regularisation=(0.1, 1.0), iterations=1000),
    ModelParams(width=8, depth=1, dropout=0.0, activation="relu", normalisation="none"),
    TrainParams(
        epochs=4,
        patience=10,
        monitor="val_loss",
        batch_size=64,
        optimiser="adamw",
        learning_rate=0.03,
        weight_decay=0.0,
        schedule="constant",
        imbalance="class_weights",
        device="cpu",
    ),
    seed=3,
)


@pytest.fixture(autouse=True)
def _one_thread():
    """Let tiny steps not wait for a second thread on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def data(n: int = 320, d: int = 6) -> tuple[Prepared, Folds]:
    """Return proteins whose class shows in their vectors, in clusters of two."""
    generator = np.random.default_rng(5)
    index = np.tile([0, 1, 2, 2, 2], n // 5)
    matrix = np.eye(3, d)[index] * 2 + generator.normal(size=(n, d))
    ids, none = tuple(f"P{row:04}" for row in range(n)), (None,) * n
    labels = tuple(LABELS[i] for i in index)
    embeddings = Embeddings(ids, matrix.astype(np.float32))
    fold = tuple(FOLDS[[0, 0, 1, 2, 3][row // 10 % 5]] for row in range(n))
    held_out = np.array([name != "train" for name in fold])
    similarity = np.where(held_out, generator.uniform(size=n), np.nan).astype(np.float32)
    cluster = (np.arange(n) // 2).astype(np.int32)
    return Prepared(embeddings, labels, none, none, none, none, ABOUT), Folds(
        ids, cluster, fold, similarity
    )


def task_of(kind: str) -> Task:
    binary = BinaryTask(kind="binary", positive=("A", "B"), positive_name="yes", negative_name="no")
    return define_task(kind, binary if kind == "binary" else MulticlassTask(kind=kind), ABOUT)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_the_models_are_those_of_the_record_calibrated_on_the_calibration_fold(kind):
    (prepared, folds), task = data(), task_of(kind)
    material = gather(prepared, folds, task)
    found = answer(fit_models(material, RECIPE), folds.select(prepared, "test"))

    parts = {fold: folds.select(prepared, fold) for fold in FOLDS}
    classifiers = dict(
        fit_baselines(parts["train"], parts["validation"], task, RECIPE.baseline, RECIPE.seed)
    )
    del classifiers["majority"]
    own = {
        name: [model.predict_probability(parts[fold].embeddings.matrix) for fold in FOLDS[2:]]
        for name, model in classifiers.items()
    }
    network = train(
        parts["train"], parts["validation"], task, RECIPE.model, RECIPE.train, RECIPE.seed
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


def test_no_model_sees_the_test_fold():
    (prepared, folds), task = data(), task_of("multiclass")
    test = folds.fold_mask("test")
    matrix = prepared.embeddings.matrix.copy()
    matrix[test] = 0
    blind = replace(prepared, embeddings=Embeddings(prepared.embeddings.ids, matrix))
    proteins = folds.select(prepared, "test")
    one = answer(fit_models(gather(prepared, folds, task), RECIPE), proteins)
    two = answer(fit_models(gather(blind, folds, task), RECIPE), proteins)
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])


def test_another_seed_gives_another_network():
    (prepared, folds), task = data(), task_of("binary")
    material, matrix = gather(prepared, folds, task), prepared.embeddings.matrix
    one = fit_network(material, RECIPE).predict_probability(matrix)
    np.testing.assert_array_equal(one, fit_network(material, RECIPE).predict_probability(matrix))
    other = fit_network(material, replace(RECIPE, seed=4)).predict_probability(matrix)
    assert not np.array_equal(one, other)


def test_scores_are_those_of_the_report_on_the_proteins_in_the_mask():
    (prepared, folds), task = data(), task_of("multiclass")
    answers = answer(fit_yardsticks(gather(prepared, folds, task), RECIPE), prepared)
    target = task.encode(prepared.labels)
    mask = folds.fold_mask("test")
    for name, scores in score(answers, target, task, mask).items():
        report = classification_report(target[mask], answers[name][mask], task.classes, False)
        del report["per_class"]
        assert scores == report
        call = answers[name][mask].argmax(axis=1)
        assert scores["mcc"] == pytest.approx(matthews_corrcoef(target[mask], call), abs=5e-5)
    assert score(answers, target, task) == score(answers, target, task, target >= 0)


def test_where_one_class_is_there_accuracy_alone_is_scored():
    (prepared, folds), task = data(), task_of("multiclass")
    answers = answer(fit_yardsticks(gather(prepared, folds, task), RECIPE), prepared)
    target = task.encode(prepared.labels)
    for name, scores in score(answers, target, task, target == 2).items():
        right = (answers[name].argmax(axis=1) == 2)[target == 2].mean()
        assert scores == {"accuracy": pytest.approx(right, abs=5e-5)}
    empty = score(answers, target, task, target > 2)
    assert empty == {"nearest_neighbour": {}, "logistic_regression": {}}


def test_a_simulated_data_set_is_called_so():
    prepared, _ = data()
    assert name_source(prepared) == "toy (simulated)"
    assert name_source(replace(prepared, about=replace(ABOUT, simulated=False))) == "toy"
