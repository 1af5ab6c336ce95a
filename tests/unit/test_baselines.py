"""Baselines: fitted by scikit-learn, predicted and stored without it."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression as SklearnLogisticRegression
from sklearn.metrics import f1_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from arginator.baseline_models import Majority, NearestNeighbour
from arginator.baselines import fit_baselines, load_baselines, save_baselines
from arginator.embeddings import Embeddings
from arginator.errors import DataError, ModelError
from arginator.params import BaselineParams, BinaryTask, MulticlassTask
from arginator.prepared import Prepared, Provenance
from arginator.tasks import Task, define_task, sign

LABELS = ("A", "B", "C", "D", "non")
NAMES = ["majority", "nearest_neighbour", "logistic_regression"]
PARAMS = BaselineParams(inverse_regularisation=(0.001, 0.1), iterations=1000)
ABOUT = Provenance("toy", "toy", True, "", "", "", "kmer", {label: label for label in LABELS})


def prepared(labels: tuple[str, ...], matrix: np.ndarray) -> Prepared:
    none = (None,) * len(labels)
    ids = tuple(f"P{row:04}" for row in range(len(labels)))
    return Prepared(Embeddings(ids, matrix), labels, none, none, none, none, ABOUT)


def fold(seed: int, n: int = 120, d: int = 12) -> Prepared:
    """Return proteins whose class shows in their vectors, with noise; 'non' is the commonest."""
    random = np.random.default_rng(seed)
    centre = np.random.default_rng(99).normal(size=(5, d))
    index = np.r_[np.arange(5), random.choice(5, n - 5, p=[0.15, 0.05, 0.15, 0.15, 0.5])]
    matrix = centre[index] + random.normal(size=(n, d))
    return prepared(tuple(LABELS[i] for i in index), matrix.astype(np.float32))


def task_of(kind: str) -> Task:
    binary = BinaryTask(
        kind="binary", positive=("A", "B", "C", "D"), positive_name="yes", negative_name="no"
    )
    return define_task(kind, binary if kind == "binary" else MulticlassTask(kind=kind), ABOUT)


def fitted(kind: str, params: BaselineParams = PARAMS, train: Prepared | None = None):
    return fit_baselines(train or fold(0), fold(1), task_of(kind), params, seed=3)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_every_baseline_gives_one_probability_a_class(kind):
    baselines = fitted(kind)
    assert list(baselines) == NAMES
    for baseline in baselines.values():
        probability = baseline.predict_probability(fold(2).embeddings.matrix)
        assert probability.dtype == np.float64
        assert probability.shape == (120, len(task_of(kind).classes))
        np.testing.assert_allclose(probability.sum(axis=1), 1)
        assert probability.min() >= 0


def test_majority_gives_the_class_frequencies_of_training():
    train = fold(0)
    expected = [train.labels.count(label) / 120 for label in LABELS]
    probability = fitted("multiclass")["majority"].predict_probability(np.ones((2, 12)))
    np.testing.assert_array_equal(probability, [expected, expected])


def test_nearest_neighbour_equals_scikit_learn_on_centred_vectors():
    train, query = fold(0), fold(2).embeddings.matrix
    mean = train.embeddings.matrix.mean(axis=0)
    oracle = KNeighborsClassifier(1, metric="cosine", algorithm="brute")
    oracle.fit(train.embeddings.matrix - mean, task_of("multiclass").encode(train.labels))
    probability = fitted("multiclass")["nearest_neighbour"].predict_probability(query)
    np.testing.assert_array_equal(probability, oracle.predict_proba(query - mean))


def test_the_first_of_equally_near_neighbours_counts():
    unit = np.array([[0, 1], [1, 0], [1, 0]], dtype=np.float16)
    baseline = NearestNeighbour(
        np.zeros(2, np.float32), unit, np.array([0, 2, 1]), np.ones(3) / 3, ("a", "b", "c")
    )
    np.testing.assert_array_equal(baseline.predict_probability(np.array([[5.0, 0.0]])), [[0, 0, 1]])


def test_a_vector_of_zeros_has_no_neighbour():
    baselines = fitted("multiclass")
    zeros = np.zeros((1, 12), np.float16)
    np.testing.assert_array_equal(
        baselines["nearest_neighbour"].predict_probability(zeros),
        baselines["majority"].predict_probability(zeros),
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_logistic_regression_equals_scikit_learn(kind, dtype):
    train, query = fold(0), fold(2).embeddings.matrix.astype(dtype)
    train = prepared(train.labels, train.embeddings.matrix.astype(dtype))
    params = PARAMS.model_copy(update={"inverse_regularisation": (0.01,)})
    oracle = make_pipeline(
        StandardScaler(), SklearnLogisticRegression(C=0.01, class_weight="balanced")
    )
    matrix = train.embeddings.matrix.astype(np.float32)
    oracle.fit(matrix, task_of(kind).encode(train.labels))
    probability = fitted(kind, params, train)["logistic_regression"].predict_probability(query)
    np.testing.assert_allclose(
        probability, oracle.predict_proba(query.astype(np.float32)), atol=1e-6
    )


def test_a_constant_feature_does_no_harm():
    train = fold(0)
    train.embeddings.matrix[:, 3] = 7
    probability = fitted("multiclass", train=train)["logistic_regression"].predict_probability(
        fold(2).embeddings.matrix
    )
    assert np.isfinite(probability).all()


@pytest.mark.parametrize("grid", [(1e-6, 0.1), (0.1, 1e-6), (1e-4, 1e-3, 1e-2, 1e-1, 1.0)])
def test_the_regularisation_with_the_best_macro_f1_on_validation_is_taken(grid):
    validation, task = fold(1), task_of("multiclass")

    def macro_f1(inverse_regularisation: float) -> float:
        params = BaselineParams(inverse_regularisation=(inverse_regularisation,), iterations=1000)
        fit = fitted("multiclass", params)["logistic_regression"]
        predicted = fit.predict_probability(validation.embeddings.matrix).argmax(axis=1)
        return f1_score(task.encode(validation.labels), predicted, average="macro")

    params = BaselineParams(inverse_regularisation=grid, iterations=1000)
    chosen = fitted("multiclass", params)["logistic_regression"]
    assert chosen.inverse_regularisation in grid
    assert macro_f1(chosen.inverse_regularisation) == max(map(macro_f1, grid))


def test_too_few_steps_are_one_warning_each(caplog):
    fitted("multiclass", BaselineParams(inverse_regularisation=(1.0, 0.5), iterations=10))
    messages = [record.getMessage() for record in caplog.records]
    assert [message.partition(" (")[0] for message in messages] == [
        "logistic regression did not converge within 10 steps at C = 0.5",
        "logistic regression did not converge within 10 steps at C = 1",
    ]
    assert all(message.endswith("raise 'baseline.iterations'") for message in messages)


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_what_is_stored_predicts_the_same_and_two_fits_have_equal_bytes(kind, tmp_path):
    signature, query = sign(task_of(kind), 12, ABOUT), fold(2).embeddings.matrix
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        save_baselines(fitted(kind), signature, tmp_path / name)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    assert sorted(digest(tmp_path / "one")) == ["model.json", "model.safetensors"]
    loaded, loaded_signature = load_baselines(tmp_path / "one")
    assert loaded_signature == signature
    assert list(loaded) == NAMES
    for name, baseline in fitted(kind).items():
        np.testing.assert_array_equal(
            loaded[name].predict_probability(query), baseline.predict_probability(query)
        )
    assert loaded["nearest_neighbour"].ids == fold(0).embeddings.ids


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_a_missing_file_is_named(name, tmp_path):
    save_baselines(fitted("binary"), sign(task_of("binary"), 12, ABOUT), tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ModelError) as caught:
        load_baselines(tmp_path)
    assert str(caught.value) == f"{tmp_path / name}: no such file; run `dvc repro train_baseline`"


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
@pytest.mark.parametrize("damage", ["truncated", "emptied", "replaced"])
def test_a_damaged_file_is_an_error(name, damage, tmp_path):
    save_baselines(fitted("binary"), sign(task_of("binary"), 12, ABOUT), tmp_path)
    content = (tmp_path / name).read_bytes()
    broken = {"truncated": content[: len(content) // 2], "emptied": b"", "replaced": b"[1]"}
    (tmp_path / name).write_bytes(broken[damage])
    with pytest.raises(ModelError, match=r"damaged or no baselines|carries no readable"):
        load_baselines(tmp_path)


def test_arrays_missing_from_a_baseline_are_an_error(tmp_path):
    save_baselines(
        {"majority": Majority(np.ones(2) / 2)}, sign(task_of("binary"), 2, ABOUT), tmp_path
    )
    text = (tmp_path / "model.json").read_text()
    (tmp_path / "model.json").write_text(text.replace('"majority"', '"nearest_neighbour"'))
    with pytest.raises(ModelError, match=r"damaged or no baselines .*missing"):
        load_baselines(tmp_path)


def test_a_class_without_training_proteins_is_an_error():
    train = fold(0)
    with pytest.raises(DataError) as caught:
        fitted("multiclass", train=train.select(np.array(train.labels) != "B"))
    assert str(caught.value) == (
        "training fold: 1 of 5 classes of task 'multiclass' have no protein (first: 'B'); "
        "split the data so that every fold has every class"
    )


def test_folds_of_two_widths_are_an_error():
    with pytest.raises(DataError) as caught:
        fit_baselines(fold(0, d=8), fold(1), task_of("binary"), PARAMS, 0)
    assert str(caught.value) == (
        "validation fold: vectors have width 12, expected 8 as in the training fold; "
        "take both folds from one data set"
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 40))
def test_a_training_protein_is_its_own_nearest_neighbour(seed, n):
    train = fold(seed)
    params = BaselineParams(inverse_regularisation=(1e-8,), iterations=1000)
    baseline = fitted("multiclass", params, train)["nearest_neighbour"]
    probability = baseline.predict_probability(train.embeddings.matrix[:n])
    expected = task_of("multiclass").encode(train.labels[:n])
    np.testing.assert_array_equal(probability.argmax(axis=1), expected)
