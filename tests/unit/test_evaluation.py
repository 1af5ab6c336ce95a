"""Evaluation: every model judged by the file that ships, calibrated as it ships."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from arginator.answers import hold_out
from arginator.baselines import fit_baselines, save_baselines
from arginator.calibration_fold import calibrate_models, write_lessons
from arginator.calibration_reports import score_probabilities
from arginator.candidates import candidate_path, write_candidates
from arginator.compression import describe
from arginator.embeddings import Embeddings
from arginator.errors import DataError, ModelError
from arginator.evaluation import evaluate, write_metrics
from arginator.ffnn import FeedForward, Shape
from arginator.folds import FOLDS, Folds
from arginator.onnx_export import export_onnx
from arginator.params import Bands, BaselineParams, EvaluateParams
from arginator.plot_data import write_tables
from arginator.prepared import Prepared, Provenance
from arginator.pruning import prune_network
from arginator.quantization import quantize_by_vector
from arginator.repeats import repeat_path, write_index
from arginator.reports import BASELINES, MODELS, read_report
from arginator.stored_models import load_calibrated, load_calibrated_repeats, load_novelty
from arginator.task_models import load_models, ship
from arginator.tasks import Task, sign
from arginator.verdict import judge

WIDTH = 64
PARAMS = EvaluateParams(
    curve_points=50,
    seeds=2,
    seeds_at_once=1,
    resamples=100,
    bins=5,
    alpha=0.1,
    novelty_neighbours=3,
    novelty_alpha=0.05,
)
BANDS = Bands(near=0.6, far=0.3)
LABELS = ("A", "B", "non")
MULTICLASS = Task("multiclass", "multiclass", LABELS, {name: name for name in LABELS})
BINARY = Task("binary", "binary", ("other", "hit"), {"A": "hit", "B": "hit", "non": "other"})
AUDIT = {"source": "toy (simulated)", "claims": False, "method": "random"}
ABOUT = Provenance("toy", "Toy", True, "", "", "", "kmer", {name: name for name in LABELS})
HEAD = {"source": "toy (simulated)", "claims": False, "fold": "test", "proteins": 100}
CANDIDATES = ("network", "half", "whole_int8")
DETAILS = [
    "choice",
    "compression",
    "verdict",
    "calibration",
    "coverage",
    "categories",
    "bands",
    "novelty",
]
TABLES = [
    "roc",
    "precision_recall",
    "roc_band",
    "precision_recall_band",
    "predictions",
    "reliability",
]


def make_data(n=400):
    """Return proteins around one centre a label, in clusters of two, and their folds."""
    rng = np.random.default_rng(5)
    target = rng.choice(3, n, p=[0.2, 0.1, 0.7])
    centres = rng.normal(size=(3, WIDTH))
    matrix = (centres[target] + 2.5 * rng.normal(size=(n, WIDTH))).astype(np.float32)
    ids = tuple(f"protein {row:04}" for row in range(n))
    labels, nothing = tuple(LABELS[index] for index in target), (None,) * n
    kinds = tuple(f"kind {row % 3}" if row % 3 else None for row in range(n))
    prepared = Prepared(Embeddings(ids, matrix), labels, nothing, kinds, nothing, nothing, ABOUT)
    fold = tuple(FOLDS[row // 2 % 4] for row in range(n))
    similarity = np.where(np.array(fold) == "train", np.nan, rng.random(n)).astype(np.float32)
    return prepared, Folds(ids, np.arange(n) // 2, fold, similarity)


def make_models(folder, task, prepared, folds):
    """Write baselines, three files of a network that is the regression, a repeat, calibrations."""
    train, validation = folds.select(prepared, "train"), folds.select(prepared, "validation")
    signature = sign(task, WIDTH, ABOUT)
    for name in ("baseline", "onnx", "repeats/1", "calibration"):
        (folder / name).mkdir(parents=True)
    params = BaselineParams(inverse_regularisation=(0.1,), iterations=1000)
    baselines = fit_baselines(train, validation, task, params, seed=0)
    save_baselines(baselines, signature, folder / "baseline")
    network = make_network(baselines["logistic_regression"], task)
    paths = {name: candidate_path(folder, name) for name in CANDIDATES}
    vectors = torch.from_numpy(train.embeddings.matrix)
    half, most = (prune_network(network, ratio, "random", vectors, 0) for ratio in (0.5, 0.2))
    export_onnx(network, signature, paths["network"])
    export_onnx(half, signature, paths["half"])
    quantize_by_vector(paths["network"], paths["whole_int8"])
    export_onnx(most, signature, repeat_path(folder / "repeats", 1))
    made = {"network": network, "half": half, "whole_int8": network}
    index = [describe(name, "training", made[name]) for name in CANDIDATES]
    write_candidates(index, folder / "onnx")
    write_index([1], folder / "repeats")
    lessons = calibrate_models(prepared, folds, task, folder, "class_weights", PARAMS)
    write_lessons(lessons, folder / "calibration")


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


def judge_all(prepared, folds, task, folder):
    return evaluate(prepared, folds, AUDIT, task, folder, PARAMS, BANDS, max_mcc_drop=0.05, seed=4)


@pytest.fixture(scope="module", params=[BINARY, MULTICLASS], ids=lambda task: task.name)
def case(request, tmp_path_factory):
    """Give a task, its data, the folder of its models and their evaluation."""
    task, folder = request.param, tmp_path_factory.mktemp("models")
    prepared, folds = make_data()
    make_models(folder, task, prepared, folds)
    return task, prepared, folds, folder, judge_all(prepared, folds, task, folder)


def calibrated(case, fold="test"):
    """Return what each model says about a fold, asked without the evaluation."""
    _, prepared, folds, folder, _ = case
    matrix = folds.select(prepared, fold).embeddings.matrix
    said = {
        name: model.predict_probability(matrix) for name, model in load_calibrated(folder).items()
    }
    return ship(said, CANDIDATES, "whole_int8")


def test_every_model_is_reported_beside_the_others_with_what_may_be_claimed(case):
    *_, evaluation = case
    for fold, report in {"test": evaluation.test, "validation": evaluation.validation}.items():
        assert list(report) == [*HEAD, *MODELS]
        assert {name: report[name] for name in HEAD} == HEAD | {"fold": fold}


def test_numbers_are_those_of_the_file_that_ships_as_it_is_calibrated(case):
    task, prepared, folds, _, evaluation = case
    for fold, report in {"test": evaluation.test, "validation": evaluation.validation}.items():
        target = task.encode(folds.select(prepared, fold).labels)
        for name, probability in calibrated(case, fold).items():
            assert report[name] == score_probabilities(target, probability, task, PARAMS.bins)


def test_two_models_that_say_the_same_score_the_same(case):
    *_, evaluation = case
    scores = evaluation.test
    assert scores["network"].keys() == scores["logistic_regression"].keys()
    for name in ("mcc", "auprc", "log_loss", "ece"):
        assert scores["network"][name] == pytest.approx(
            scores["logistic_regression"][name], abs=1e-3
        )
    assert scores["network"]["mcc"] > 0.5 > scores["majority"]["mcc"] == 0


def test_the_choice_says_what_and_why(case):
    _, _, _, folder, evaluation = case
    choice = evaluation.details["choice"]
    assert choice["source"] == "toy (simulated)"
    assert choice["model"] == "whole_int8"
    paths = {"network": "network", "shipped": "whole_int8"}
    assert choice["bytes"] == {
        name: candidate_path(folder, file).stat().st_size for name, file in paths.items()
    }
    assert list(choice["refused"]) == ["half"]
    assert choice["refused"]["half"] > 0.05


def test_candidates_are_judged_on_both_folds_by_the_fold_that_chooses(case):
    task, prepared, folds, folder, evaluation = case
    compression = evaluation.details["compression"]
    assert compression["model"] == "whole_int8"
    assert list(compression["candidates"]) == list(CANDIDATES)
    for name, row in compression["candidates"].items():
        assert row["bytes"] == candidate_path(folder, name).stat().st_size
        assert row["refused"] == (name == "half")
        model = load_calibrated(folder)[name]
        for fold in ("validation", "test"):
            proteins = folds.select(prepared, fold)
            target = task.encode(proteins.labels)
            raw = model.raw(proteins.embeddings.matrix)
            scores = score_probabilities(target, model.calibrate(raw), task, PARAMS.bins)
            found = row[fold]
            assert [found[key] for key in ("mcc", "macro_f1", "ece")] == [
                scores[key] for key in ("mcc", "macro_f1", "ece")
            ]
            held = model.sets(raw)[np.arange(len(target)), target]
            assert found["coverage"] == round(held.mean(), 4)
            network = compression["candidates"]["network"][fold]["mcc"]
            assert found["mcc_loss"]["value"] == pytest.approx(network - scores["mcc"], abs=1e-4)
            for loss in (found["mcc_loss"], found["expected_mcc_loss"]):
                assert loss["low"] <= loss["value"] <= loss["high"]


def test_the_loss_of_the_network_itself_is_nothing(case):
    *_, evaluation = case
    network = evaluation.details["compression"]["candidates"]["network"]
    for fold in ("validation", "test"):
        for loss in ("mcc_loss", "expected_mcc_loss"):
            assert network[fold][loss] == {"value": 0.0, "low": 0.0, "high": 0.0}
        assert network[fold]["agreement"] == 1.0


def test_there_is_every_report_and_each_says_what_it_is_about(case):
    *_, evaluation = case
    assert list(evaluation.details) == DETAILS
    assert list(evaluation.tables) == TABLES
    for name in DETAILS[2:]:
        report = evaluation.details[name]
        assert {key: report[key] for key in HEAD} == HEAD, name
    for name in ("coverage", "categories", "novelty"):
        assert evaluation.details[name]["model"] == "shipped"


def test_the_verdict_is_over_clusters_and_over_networks_each_with_its_calibration(case):
    task, prepared, folds, folder, evaluation = case
    test = hold_out(prepared, folds, "test", task, AUDIT, BANDS)
    (repeat,) = load_calibrated_repeats(folder)
    expected = judge(
        test.target,
        test.cluster,
        calibrated(case),
        [repeat.predict_probability(test.proteins.embeddings.matrix)],
        task.classes,
        task.kind == "binary",
        PARAMS.resamples,
        4,
        source="toy (simulated)",
        claims=False,
    )
    assert evaluation.details["verdict"] == expected
    assert expected["seeds"] == 2


def test_the_groups_of_a_report_add_up_to_the_fold(case):
    *_, evaluation = case
    coverage, bands = evaluation.details["coverage"], evaluation.details["bands"]["bands"]
    for groups in (coverage["per_class"], coverage["per_band"]):
        assert sum(group["proteins"] for group in groups.values()) == HEAD["proteins"]
    assert sum(bands[name]["proteins"] for name in ("near", "middle", "far")) == HEAD["proteins"]
    for name, scores in bands["all"]["models"].items():
        assert scores["mcc"] == evaluation.test[name]["mcc"]
        assert scores["mcc"] == evaluation.details["calibration"]["models"][name]["after"]["mcc"]


def test_predictions_are_those_of_the_chosen_model(case):
    task, prepared, folds, folder, evaluation = case
    test = folds.select(prepared, "test")
    probability = calibrated(case)["shipped"]
    novelty = load_novelty(folder)
    table = evaluation.tables["predictions"]
    rows = [dict(zip(table.header, row, strict=True)) for row in table.rows]
    assert [row["id"] for row in rows] == list(test.embeddings.ids)
    assert [row["actual"] for row in rows] == [task.class_of[label] for label in test.labels]
    assert [row["predicted"] for row in rows] == [task.classes[i] for i in probability.argmax(1)]
    assert [row["confidence"] for row in rows] == [f"{sure:.4f}" for sure in probability.max(1)]
    flagged = novelty.flag(novelty.score(test.embeddings.matrix))
    assert [row["flagged"] == "true" for row in rows] == flagged.tolist()
    coverage = np.mean([row["actual"] in row["set"].split("|") for row in rows])
    assert round(coverage, 4) == evaluation.details["coverage"]["overall"]["coverage"]


def test_bands_of_curves_are_of_the_network_and_the_best_baseline(case):
    *_, evaluation = case
    best = evaluation.details["verdict"]["differences"]["network"]["auprc"]["against"]
    for name in ("roc_band", "precision_recall_band"):
        assert {row[0] for row in evaluation.tables[name].rows} == {"network", best}
    for name in ("roc", "precision_recall"):
        assert {row[0] for row in evaluation.tables[name].rows} == set(MODELS)


def test_the_order_of_the_proteins_changes_no_number(case):
    task, prepared, folds, folder, evaluation = case
    order = np.random.default_rng(0).permutation(400)

    def shuffle(values):
        return tuple(values[row] for row in order)

    ids = shuffle(folds.ids)
    shuffled = replace(
        prepared,
        embeddings=Embeddings(ids, prepared.embeddings.matrix[order]),
        labels=shuffle(prepared.labels),
        categories=shuffle(prepared.categories),
    )
    other = Folds(ids, folds.cluster[order], shuffle(folds.fold), folds.similarity_to_train[order])
    found = judge_all(shuffled, other, task, folder)
    assert found.test == evaluation.test
    assert found.validation == evaluation.validation
    for name, report in evaluation.details.items():
        assert found.details[name] == report, name
    for name, table in evaluation.tables.items():
        assert sorted(found.tables[name].rows) == sorted(table.rows), name


def test_what_is_written_can_be_read_back_and_is_the_same_each_time(case, tmp_path):
    *_, evaluation = case
    for folder in (tmp_path / "1", tmp_path / "2"):
        write_metrics(evaluation, folder)
        write_tables(evaluation.tables, folder)
    content = {path.name: path.read_bytes() for path in sorted((tmp_path / "1").iterdir())}
    assert content == {path.name: path.read_bytes() for path in sorted((tmp_path / "2").iterdir())}
    assert read_report(tmp_path / "1", "test") == evaluation.test
    assert read_report(tmp_path / "1", "validation") == evaluation.validation
    for name, report in evaluation.details.items():
        assert json.loads(content[f"{name}.json"]) == report
    for name, table in evaluation.tables.items():
        header, *rows = csv.reader(content[f"{name}.csv"].decode().splitlines())
        assert (tuple(header), [tuple(row) for row in rows]) == table


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"embedder": "prott5"}, "was made for embedder 'kmer', but the data has 'prott5'"),
        ({"width": 5}, "was made for width 64, but the data has 5"),
        (
            {"classes": ("hit", "other")},
            "was made for classes ('other', 'hit'), but the data has ('hit', 'other')",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_model_of_other_vectors_or_classes_is_refused(binary_case, change, problem):
    prepared, folds, folder = binary_case
    task = replace(BINARY, classes=change.get("classes", BINARY.classes))
    embeddings = prepared.embeddings
    other = replace(
        prepared,
        about=replace(ABOUT, embedder=change.get("embedder", "kmer")),
        embeddings=Embeddings(embeddings.ids, embeddings.matrix[:, : change.get("width", WIDTH)]),
    )
    with pytest.raises(ModelError) as error:
        judge_all(other, folds, task, folder)
    remedy = "train on this data with `dvc repro`"
    assert str(error.value) == f"{folder}/baseline: {problem}; {remedy}"


@pytest.fixture
def binary_case(tmp_path):
    prepared, folds = make_data()
    make_models(tmp_path, BINARY, prepared, folds)
    return prepared, folds, tmp_path


@pytest.mark.parametrize("place", ["onnx/half.onnx", "repeats/1/model.onnx"])
def test_an_onnx_file_of_another_task_is_refused(binary_case, place):
    prepared, folds, folder = binary_case
    stranger = replace(sign(BINARY, WIDTH, ABOUT), embedder="esm2")
    network = FeedForward(Shape(WIDTH, (), 1, 0.0, "relu", "none"))
    export_onnx(network, stranger, folder / place)
    with pytest.raises(ModelError) as error:
        judge_all(prepared, folds, BINARY, folder)
    assert str(error.value) == (
        f"{folder}/{place}: was made for embedder 'esm2', but the data has 'kmer'; "
        "train on this data with `dvc repro`"
    )


def test_models_are_read_in_one_order(binary_case):
    *_, folder = binary_case
    models = load_models(folder)
    assert tuple(models.calibrated) == (*BASELINES, *CANDIDATES)
    assert tuple(models.candidates) == CANDIDATES
    assert len(models.repeats) == 1


def test_folds_of_other_proteins_are_refused(case):
    task, prepared, folds, folder, _ = case
    fewer = prepared.select(np.arange(400) < 399)
    with pytest.raises(DataError, match=r"^data set 'toy': the folds are of 400 other proteins"):
        judge_all(fewer, folds, task, folder)
