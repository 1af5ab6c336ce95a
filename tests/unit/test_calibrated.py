"""Calibrated models: learned from files and a fold, stored, and read again."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from arginator.agreement import judge_agreement
from arginator.baselines import fit_baselines, save_baselines
from arginator.calibrated import CalibratedModel
from arginator.calibration_files import read_calibration, read_repeats
from arginator.calibration_fold import calibrate_models, training_prior, write_lessons
from arginator.calls import possible_calls
from arginator.candidates import Candidate, candidate_path, write_candidates
from arginator.conformal import fit_conformal
from arginator.embeddings import Embeddings
from arginator.errors import DataError, ModelError, ParamsError
from arginator.ffnn import FeedForward, Shape
from arginator.files import replacing_folder, write_json
from arginator.folds import FOLDS, Folds
from arginator.novelty import doubt, fit_novelty
from arginator.onnx_export import export_onnx
from arginator.params import BaselineParams, BinaryTask, EvaluateParams, MulticlassTask
from arginator.prepared import Prepared, Provenance
from arginator.repeats import write_index
from arginator.reports import BASELINES
from arginator.stored_models import load_calibrated, load_calibrated_repeats, load_novelty
from arginator.tasks import define_task, sign

WIDTH = 12
LABELS = ("A", "B", "non")
ABOUT = Provenance("toy", "Toy", True, "", "", "", "kmer", {name: name for name in LABELS})
PARAMS = EvaluateParams(
    curve_points=50,
    seeds=1,
    seeds_at_once=1,
    resamples=100,
    bins=5,
    alpha=0.1,
    novelty_neighbours=3,
    novelty_alpha=0.05,
)
TASKS = {
    "group": BinaryTask(
        kind="binary", positive=("A", "B"), positive_name="hit", negative_name="other"
    ),
    "classes": MulticlassTask(kind="multiclass"),
}
AUDIT = {"source": "toy (simulated)", "claims": False}

CANDIDATES = ("network", "small")
MODELS = (*BASELINES, *CANDIDATES)
REPEAT = Path("repeats/1/model.onnx")
SMALL = Candidate(
    name="small", method="training", hidden=(), parameters=1, nonzero=1, multiply_adds=1
)


def make_data(n=600):
    """Return proteins around one centre a label, in clusters of three, and their folds."""
    rng = np.random.default_rng(5)
    target = np.repeat(rng.choice(3, n // 3, p=[0.2, 0.2, 0.6]), 3)
    centres = 1.5 * rng.normal(size=(3, WIDTH))
    matrix = (centres[target] + 1.5 * rng.normal(size=(n, WIDTH))).astype(np.float32)
    ids, nothing = tuple(f"protein {row:04}" for row in range(n)), (None,) * n
    labels, cluster = tuple(LABELS[index] for index in target), np.arange(n) // 3
    prepared = Prepared(Embeddings(ids, matrix), labels, nothing, nothing, nothing, nothing, ABOUT)
    fold = tuple(FOLDS[index % 4] for index in cluster)
    return prepared, Folds(ids, cluster, fold, np.zeros(n, np.float32))


def make_models(folder, name, prepared, folds):
    """Write baselines and networks that are the logistic regression, too sure; a repeat more so."""
    task = define_task(name, TASKS[name], ABOUT)
    train, validation = folds.select(prepared, "train"), folds.select(prepared, "validation")
    signature = sign(task, WIDTH, ABOUT)
    (folder / "baseline").mkdir(parents=True)
    params = BaselineParams(inverse_regularisation=(0.1,), iterations=1000)
    baselines = fit_baselines(train, validation, task, params, seed=0)
    save_baselines(baselines, signature, folder / "baseline")
    regression = baselines["logistic_regression"]
    places = {name: candidate_path(folder, name) for name in CANDIDATES}
    write_candidates(
        [SMALL.model_copy(update={"name": name}) for name in CANDIDATES], folder / "onnx"
    )
    for path, times in ((places["network"], 4), (places["small"], 4), (REPEAT, 12)):
        network = FeedForward(Shape(WIDTH, (), task.outputs, 0.0, "relu", "none")).eval()
        with torch.no_grad():
            network.output.weight.copy_(torch.from_numpy(times * regression.weight).float())
            network.output.bias.copy_(torch.from_numpy(times * regression.bias).float())
        export_onnx(network, signature, folder / path)
    write_index([1], folder / "repeats")
    return task


def calibrate(folder, task, prepared, folds, imbalance="class_weights"):
    learned = calibrate_models(prepared, folds, task, folder, imbalance, PARAMS)
    with replacing_folder(folder / "calibration") as temporary:
        write_lessons(learned, temporary)


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    """Give a folder with both tasks' models, calibrated."""
    folder, (prepared, folds) = tmp_path_factory.mktemp("models"), make_data()
    for name in TASKS:
        task = make_models(folder / name, name, prepared, folds)
        calibrate(folder / name, task, prepared, folds)
    return folder


@pytest.fixture(scope="module", params=list(TASKS))
def case(request, models):
    """Give a task, its folder, its calibrated models and the proteins of two folds."""
    prepared, folds = make_data()
    task = define_task(request.param, TASKS[request.param], ABOUT)
    folder = models / request.param
    held_out = {fold: folds.select(prepared, fold) for fold in ("calibration", "test")}
    return task, folder, load_calibrated(folder), held_out


def test_every_model_is_there_in_the_order_of_the_reports(case):
    _, _, loaded, _ = case
    assert tuple(loaded) == MODELS
    assert all(isinstance(model, CalibratedModel) for model in loaded.values())


def test_majority_is_left_as_it_is(case):
    _, _, loaded, held_out = case
    matrix = held_out["test"].embeddings.matrix
    model = loaded["majority"]
    np.testing.assert_array_equal(model.predict_probability(matrix), model.raw(matrix))


def test_nearest_neighbour_keeps_every_answer(case):
    _, _, loaded, held_out = case
    matrix, model = held_out["test"].embeddings.matrix, loaded["nearest_neighbour"]
    raw, calibrated = model.raw(matrix), model.predict_probability(matrix)
    np.testing.assert_array_equal(calibrated.argmax(axis=1), raw.argmax(axis=1))
    assert calibrated.max() < raw.max() == 1
    assert model.calibration.method == "temperature"


def test_a_network_too_sure_of_itself_is_made_as_sure_as_the_one_it_exaggerates(case):
    _, _, loaded, held_out = case
    matrix = held_out["test"].embeddings.matrix
    models = loaded["network"], loaded["logistic_regression"]
    gap, raw_gap = (
        np.abs(ours - theirs).mean()
        for ours, theirs in (
            [model.predict_probability(matrix) for model in models],
            [model.raw(matrix) for model in models],
        )
    )
    assert gap < 0.015
    assert gap < raw_gap / 2


def test_a_repeat_is_made_as_sure_as_its_own_errors_warrant(case):
    task, folder, loaded, held_out = case
    matrix = held_out["test"].embeddings.matrix
    target = task.encode(held_out["test"].labels)
    (repeat,) = load_calibrated_repeats(folder)
    borrowed = loaded["network"].calibrate(repeat.raw(matrix))
    own = repeat.predict_probability(matrix)
    assert log_loss(target, own) < 0.95 * log_loss(target, borrowed)
    assert repeat.calibration != loaded["network"].calibration


@pytest.mark.parametrize(
    ("maps", "problem"),
    [
        (0, "is of 0 repeats, but there are 1; run `dvc repro calibrate`"),
        (2, "is of 2 repeats, but there are 1; run `dvc repro calibrate`"),
    ],
)
def test_calibrations_of_other_repeats_are_refused(models, maps, problem):
    path = models / "group" / "calibration" / "repeats.json"
    whole = read_repeats(path).to_dict()
    try:
        write_json(whole | {"repeats": whole["repeats"] * maps}, path)
        with pytest.raises(ModelError) as caught:
            load_calibrated_repeats(models / "group")
        assert str(caught.value) == f"{path}: {problem}"
    finally:
        write_json(whole, path)


def test_sets_are_those_of_the_models_own_probabilities(case):
    task, _, loaded, held_out = case
    raw = {
        fold: loaded["network"].raw(proteins.embeddings.matrix)
        for fold, proteins in held_out.items()
    }
    target = task.encode(held_out["calibration"].labels)
    conformal = fit_conformal(raw["calibration"], target, task.classes, PARAMS.alpha)
    assert loaded["network"].conformal == conformal
    np.testing.assert_array_equal(loaded["network"].sets(raw["test"]), conformal.sets(raw["test"]))


def test_few_known_proteins_are_doubted_more_than_the_threshold(case):
    _, _, loaded, held_out = case
    matrix = held_out["calibration"].embeddings.matrix
    for model in loaded.values():
        share = np.mean(doubt(model.predict_probability(matrix)) > model.confidence_threshold)
        assert share <= PARAMS.novelty_alpha


def test_the_novelty_index_is_that_of_training(case):
    _, folder, _, held_out = case
    prepared, folds = make_data()
    expected = fit_novelty(folds.select(prepared, "train"), held_out["calibration"], 3, 0.05)
    index, query = load_novelty(folder), held_out["test"].embeddings.matrix
    np.testing.assert_array_equal(index.score(query), expected.score(query))
    assert index.threshold == expected.threshold
    file = read_calibration(folder / "calibration" / "calibration.json")
    assert (file.novelty.neighbours, file.novelty.threshold) == (3, expected.threshold)


def test_a_stated_prevalence_reaches_the_answers(case):
    task, _, loaded, held_out = case
    raw = loaded["network"].raw(held_out["test"].embeddings.matrix)
    rare = dict.fromkeys(task.classes, 0.001) | {
        task.classes[0]: 1 - 0.001 * (len(task.classes) - 1)
    }
    there = loaded["network"].calibrate(raw, rare)
    assert there[:, 0].mean() > loaded["network"].calibrate(raw)[:, 0].mean()


def test_the_file_says_what_was_learned(case):
    task, folder, _, _ = case
    content = json.loads((folder / "calibration" / "calibration.json").read_text())
    assert list(content) == [
        "format_version",
        "task",
        "classes",
        "alpha",
        "prevalence",
        "models",
        "novelty",
    ]
    assert (content["format_version"], content["task"], content["alpha"]) == (1, task.name, 0.1)
    assert tuple(content["models"]) == MODELS
    assert list(content["models"]["network"]) == [
        "calibration",
        "conformal",
        "confidence_threshold",
    ]
    prepared, folds = make_data()
    labels = folds.select(prepared, "calibration").labels
    share = np.bincount(task.encode(labels)) / len(labels)
    assert content["prevalence"] == dict(zip(task.classes, share.tolist(), strict=True))


def test_two_calibrations_have_equal_bytes(models, tmp_path):
    prepared, folds = make_data()
    task = define_task("group", TASKS["group"], ABOUT)
    for name in ("one", "two"):
        learned = calibrate_models(prepared, folds, task, models / "group", "class_weights", PARAMS)
        (tmp_path / name).mkdir()
        write_lessons(learned, tmp_path / name)
    for name in ("calibration.json", "repeats.json", "novelty.safetensors"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize(
    ("name", "imbalance", "expected"),
    [
        ("network", "class_weights", {"A": 0.5, "non": 0.5}),
        ("contribution_50", "balanced_sampling", {"A": 0.5, "non": 0.5}),
        ("network_int8_static", "none", {"A": 0.1, "non": 0.9}),
        ("logistic_regression", "none", {"A": 0.5, "non": 0.5}),
        ("majority", "class_weights", {"A": 0.2, "non": 0.8}),
        ("nearest_neighbour", "class_weights", {"A": 0.2, "non": 0.8}),
    ],
)
def test_the_prior_is_that_which_training_taught(name, imbalance, expected):
    learned, prevalence = {"A": 0.1, "non": 0.9}, {"A": 0.2, "non": 0.8}
    assert training_prior(name, imbalance, learned, prevalence) == expected


def test_a_model_of_other_vectors_is_an_error(models):
    prepared, folds = make_data()
    task = define_task("group", TASKS["group"], ABOUT)
    other = replace(prepared, about=replace(ABOUT, embedder="prott5"))
    with pytest.raises(ModelError) as caught:
        calibrate_models(other, folds, task, models / "group", "none", PARAMS)
    assert str(caught.value) == (
        "model 'majority': was made for embedder 'kmer', but the data has 'prott5'; "
        "train on this data with `dvc repro`"
    )


def test_a_class_that_is_not_in_the_fold_is_an_error(models):
    prepared, folds = make_data()
    fold = tuple(
        "train" if (name, label) == ("calibration", "B") else name
        for name, label in zip(folds.fold, prepared.labels, strict=True)
    )
    task = define_task("classes", TASKS["classes"], ABOUT)
    with pytest.raises(DataError, match=r"1 of 3 classes have no protein \(first: 'B'\)"):
        calibrate_models(
            prepared, replace(folds, fold=fold), task, models / "classes", "none", PARAMS
        )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (None, "no such file"),
        ("{", "damaged or no JSON"),
        ("[1]", "damaged"),
        ({"format_version": 2}, "damaged (format_version: "),
        ({"models": {}}, "5 models are not calibrated (first: 'majority')"),
        ({"classes": ["a", "b"]}, "is of classes ['a', 'b'], the models of ['other', 'hit']"),
        ({"novelty": {"neighbours": 0, "threshold": 1.0}}, "damaged (novelty.neighbours: "),
    ],
)
def test_a_damaged_calibration_is_named(change, problem, models, tmp_path):
    for name in ("baseline", "onnx"):
        (tmp_path / name).symlink_to(models / "group" / name)
    path = tmp_path / "calibration" / "calibration.json"
    path.parent.mkdir()
    text = (models / "group" / "calibration" / "calibration.json").read_text()
    if change is not None:
        path.write_text(
            change if isinstance(change, str) else json.dumps(json.loads(text) | change)
        )
    with pytest.raises(ModelError) as caught:
        load_calibrated(tmp_path)
    assert str(caught.value).startswith(f"{path}: {problem}")
    assert str(caught.value).endswith("; run `dvc repro calibrate`")


def choose(folder, **models):
    for task, model in models.items():
        write_json({"model": model}, folder / task / "choice.json")


def test_agreement_counts_the_calls_of_the_models_that_ship(models, tmp_path):
    prepared, folds = make_data()
    choose(tmp_path, group="small", classes="network")
    report = judge_agreement(prepared, folds, AUDIT, TASKS, models, tmp_path)
    proteins = folds.select(prepared, "test")
    calls = report.pop("calls")
    assert 0.9 < report.pop("agree") <= 1
    assert report == {
        "source": "toy (simulated)",
        "claims": False,
        "fold": "test",
        "proteins": 150,
        "models": {"group": "small", "classes": "network"},
        "contradict": round(sum(list(calls.values())[-1].values()) / 150, 4),
    }
    assert list(calls) == [*possible_calls(("A", "B"), "hit")]
    for label in LABELS:
        counts = [count[label] for count in calls.values()]
        assert sum(counts) == proteins.labels.count(label)
    assert calls["A"]["A"] > calls["A"]["non"]
    assert calls["not a hit"]["non"] > calls["not a hit"]["A"]


def test_agreement_needs_a_task_of_either_kind(models, tmp_path):
    prepared, folds = make_data()
    with pytest.raises(ParamsError) as caught:
        judge_agreement(prepared, folds, AUDIT, {"group": TASKS["group"]}, models, tmp_path)
    assert str(caught.value) == (
        "params.yaml: tasks: has no multiclass task; add one of kind: multiclass"
    )
