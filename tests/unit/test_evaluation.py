"""Evaluation: every model judged by the file that ships, and the smallest good one chosen."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from arginator.baselines import fit_baselines, save_baselines
from arginator.classifiers import OnnxClassifier
from arginator.compression import export_onnx, prune_network, quantize_onnx
from arginator.embeddings import Embeddings
from arginator.errors import DataError, ModelError
from arginator.evaluation import choose_model, evaluate, write_curves, write_metrics
from arginator.ffnn import FeedForward, Shape
from arginator.folds import FOLDS, Folds
from arginator.metrics import classification_report
from arginator.params import BaselineParams, EvaluateParams
from arginator.prepared import Prepared, Provenance
from arginator.reports import read_report
from arginator.tasks import Task, sign

WIDTH = 64
PARAMS = EvaluateParams(
    curve_points=50,
    seeds=2,
    resamples=100,
    bins=5,
    alpha=0.1,
    novelty_neighbours=3,
    novelty_alpha=0.05,
)
LABELS = ("A", "B", "non")
MODELS = ["majority", "nearest_neighbour", "logistic_regression", "network", "pruned", "quantized"]
MULTICLASS = Task("multiclass", "multiclass", LABELS, {name: name for name in LABELS})
BINARY = Task("binary", "binary", ("other", "hit"), {"A": "hit", "B": "hit", "non": "other"})
AUDIT = {"source": "toy (simulated)", "claims": False, "method": "random"}
ABOUT = Provenance("toy", "Toy", True, "", "", "", "kmer", {name: name for name in LABELS})


def make_data(n=400):
    """Return proteins around one centre a label, and their folds."""
    rng = np.random.default_rng(5)
    target = rng.choice(3, n, p=[0.2, 0.1, 0.7])
    centres = rng.normal(size=(3, WIDTH))
    matrix = (centres[target] + 2.5 * rng.normal(size=(n, WIDTH))).astype(np.float32)
    ids = tuple(f"protein {row:04}" for row in range(n))
    labels, nothing = tuple(LABELS[index] for index in target), (None,) * n
    prepared = Prepared(Embeddings(ids, matrix), labels, nothing, nothing, nothing, nothing, ABOUT)
    fold = tuple(FOLDS[row % 4] for row in range(n))
    return prepared, Folds(ids, np.arange(n), fold, np.zeros(n, np.float32))


def make_models(folder, task, prepared, folds):
    """Write baselines and three ONNX files of a network that has the centres as its weights."""
    train, validation = folds.select(prepared, "train"), folds.select(prepared, "validation")
    signature = sign(task, WIDTH, ABOUT)
    (folder / "baseline").mkdir()
    params = BaselineParams(inverse_regularisation=(0.1,), iterations=1000)
    baselines = fit_baselines(train, validation, task, params, seed=0)
    save_baselines(baselines, signature, folder / "baseline")
    network = make_network(baselines["logistic_regression"], task)
    export_onnx(network, signature, folder / "network.onnx")
    vectors = torch.from_numpy(train.embeddings.matrix)
    export_onnx(prune_network(network, 0.5, vectors), signature, folder / "pruned.onnx")
    quantize_onnx(folder / "network.onnx", folder / "quantized.onnx")
    return {name: folder / f"{name}.onnx" for name in ("network", "pruned", "quantized")}


def make_network(regression, task):
    """Return a network of one hidden layer that computes what the logistic regression does."""
    network = FeedForward(Shape(WIDTH, (2 * WIDTH,), task.outputs, 0.0, "relu", "none")).eval()
    identity = torch.eye(WIDTH)
    weight = torch.from_numpy(regression.weight).float()
    with torch.no_grad():
        network.block_0.linear.weight.copy_(torch.vstack([identity, -identity]))
        network.block_0.linear.bias.zero_()
        network.output.weight.copy_(torch.hstack([weight, -weight]))
        network.output.bias.copy_(torch.from_numpy(regression.bias).float())
    return network


@pytest.fixture(scope="module", params=[BINARY, MULTICLASS], ids=lambda task: task.name)
def case(request, tmp_path_factory):
    """Give a task, its data, the model files and their evaluation."""
    task, folder = request.param, tmp_path_factory.mktemp("models")
    prepared, folds = make_data()
    paths = make_models(folder, task, prepared, folds)
    evaluation = evaluate(
        prepared,
        folds,
        AUDIT,
        task,
        folder / "baseline",
        paths,
        PARAMS,
        max_mcc_drop=0.02,
    )
    return task, prepared, folds, paths, evaluation


def test_every_model_is_reported_beside_the_others_with_what_may_be_claimed(case):
    _, _, folds, _, evaluation = case
    for fold, report in {"test": evaluation.test, "validation": evaluation.validation}.items():
        assert list(report) == ["source", "claims", "fold", "proteins", *MODELS]
        assert (report["source"], report["claims"]) == ("toy (simulated)", False)
        assert (report["fold"], report["proteins"]) == (fold, folds.fold_mask(fold).sum())


def test_numbers_are_those_of_the_file_that_ships(case):
    task, prepared, folds, paths, evaluation = case
    for fold, report in {"test": evaluation.test, "validation": evaluation.validation}.items():
        proteins = folds.select(prepared, fold)
        for name, path in paths.items():
            probability = OnnxClassifier(path).predict_probability(proteins.embeddings.matrix)
            assert report[name] == classification_report(
                task.encode(proteins.labels), probability, task.classes, task.kind == "binary"
            )


def test_two_models_that_say_the_same_score_the_same(case):
    *_, evaluation = case
    assert evaluation.test["network"] == evaluation.test["logistic_regression"]
    assert evaluation.test["network"]["mcc"] > 0.6 > evaluation.test["majority"]["mcc"] == 0


def test_the_choice_says_what_and_why(case):
    *_, paths, evaluation = case
    choice, validation = evaluation.choice, evaluation.validation
    assert choice["model"] == "quantized"
    assert choice["bytes"] == {name: path.stat().st_size for name, path in paths.items()}
    assert choice["parameters"]["network"] == choice["parameters"]["quantized"]
    assert choice["parameters"]["pruned"] < choice["parameters"]["network"]
    assert choice["agreement_with_network"]["network"] == 1
    assert choice["agreement_with_network"]["quantized"] > 0.95
    assert choice["reason"] == (
        f"smallest file ({choice['bytes']['quantized']:,} bytes) within 0.02 of the network's MCC "
        f"on validation ({validation['quantized']['mcc']:.4f} against "
        f"{validation['network']['mcc']:.4f})"
    )


def test_curves_are_of_the_positive_class_or_of_each_class(case):
    task, *_, evaluation = case
    expected = {"hit"} if task.kind == "binary" else set(LABELS)
    for name in ("roc", "precision_recall"):
        rows = evaluation.curves[name]
        assert {row[1] for row in rows} == expected
        assert list(dict.fromkeys(row[0] for row in rows)) == MODELS
        assert max(rows.count(row) for row in rows) == 1
        for model in MODELS:
            assert sum(row[:2] == (model, min(expected)) for row in rows) <= 50


def test_predictions_are_those_of_the_chosen_model(case):
    task, prepared, folds, paths, evaluation = case
    test = folds.select(prepared, "test")
    classifier = OnnxClassifier(paths[evaluation.choice["model"]])
    probability = classifier.predict_probability(test.embeddings.matrix)
    assert evaluation.curves["predictions"] == [
        (name, task.class_of[label], task.classes[row.argmax()], f"{row.max():.4f}")
        for name, label, row in zip(test.embeddings.ids, test.labels, probability, strict=True)
    ]


def test_what_is_written_can_be_read_back_and_is_the_same_each_time(case, tmp_path):
    *_, evaluation = case
    for folder in (tmp_path / "1", tmp_path / "2"):
        write_metrics(evaluation, folder)
        write_curves(evaluation, folder)
    content = {path.name: path.read_bytes() for path in sorted((tmp_path / "1").iterdir())}
    assert content == {path.name: path.read_bytes() for path in sorted((tmp_path / "2").iterdir())}
    assert read_report(tmp_path / "1", "test") == evaluation.test
    assert read_report(tmp_path / "1", "validation") == evaluation.validation
    assert json.loads(content["choice.json"]) == evaluation.choice
    lines = content["predictions.csv"].decode().splitlines()
    header, *rows = csv.reader(lines)
    assert header == ["id", "actual", "predicted", "confidence"]
    assert [tuple(row) for row in rows] == evaluation.curves["predictions"]
    assert b"\r" not in content["roc.csv"]
    assert content["roc.csv"].startswith(b"model,class,false_positive_rate,true_positive_rate\n")
    assert content["precision_recall.csv"].startswith(b"model,class,recall,precision\n")


@pytest.fixture
def two_models(tmp_path):
    """Give a network and its pruned sibling, loaded."""
    prepared, folds = make_data()
    paths = make_models(tmp_path, BINARY, prepared, folds)
    return {name: OnnxClassifier(paths[name]) for name in ("network", "pruned")}


@pytest.mark.parametrize(
    ("drop", "chosen"), [(0.0, "network"), (0.0099, "network"), (0.01, "pruned"), (1.0, "pruned")]
)
def test_a_smaller_model_ships_only_within_the_drop_allowed(two_models, drop, chosen):
    report = {"network": {"mcc": 0.91}, "pruned": {"mcc": 0.90}}
    sure = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    other = np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3]])
    choice = choose_model(two_models, report, {"network": sure, "pruned": other}, drop)
    assert choice["model"] == chosen
    assert choice["agreement_with_network"] == {"network": 1.0, "pruned": 0.6667}
    if chosen == "network":
        assert choice["reason"] == (
            f"no smaller file is within {drop:g} of the network's MCC on validation (0.9100)"
        )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"embedder": "prott5"}, "was made for embedder 'kmer', but the data has 'prott5'"),
        ({"width": 5}, "was made for width 64, but the data has 5"),
        (
            {"classes": ("non", "A", "B")},
            "was made for classes ['A', 'B', 'non'], but the data has ['non', 'A', 'B']",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_model_of_other_vectors_or_classes_is_refused(tmp_path, change, problem):
    prepared, folds = make_data()
    paths = make_models(tmp_path, MULTICLASS, prepared, folds)
    task = replace(MULTICLASS, classes=change.get("classes", LABELS))
    embeddings = prepared.embeddings
    other = replace(
        prepared,
        about=replace(ABOUT, embedder=change.get("embedder", "kmer")),
        embeddings=Embeddings(embeddings.ids, embeddings.matrix[:, : change.get("width", WIDTH)]),
    )
    with pytest.raises(ModelError) as error:
        evaluate(other, folds, AUDIT, task, tmp_path / "baseline", paths, PARAMS, 0.01)
    remedy = "train on this data with `dvc repro`"
    assert str(error.value) == f"{tmp_path}/baseline: {problem}; {remedy}"


def test_an_onnx_file_of_another_task_is_refused(tmp_path):
    prepared, folds = make_data()
    paths = make_models(tmp_path, BINARY, prepared, folds)
    stranger = replace(sign(BINARY, WIDTH, ABOUT), embedder="esm2")
    network = FeedForward(Shape(WIDTH, (), 1, 0.0, "relu", "none"))
    export_onnx(network, stranger, paths["pruned"])
    with pytest.raises(ModelError) as error:
        evaluate(prepared, folds, AUDIT, BINARY, tmp_path / "baseline", paths, PARAMS, 0.01)
    assert str(error.value) == (
        f"{tmp_path}/pruned.onnx: was made for embedder 'esm2', but the data has 'kmer'; "
        "train on this data with `dvc repro`"
    )


def test_folds_of_other_proteins_are_refused(case, tmp_path):
    task, prepared, folds, paths, _ = case
    fewer = prepared.select(np.arange(400) < 399)
    baseline = paths["network"].parent / "baseline"
    with pytest.raises(DataError, match=r"^data set 'toy': the folds are of 400 other proteins"):
        evaluate(fewer, folds, AUDIT, task, baseline, paths, PARAMS, 0.01)
