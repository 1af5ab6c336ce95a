"""Compression: every network that the parameters ask for, each as it says it is."""

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from arginator.candidates import read_candidates
from arginator.classifiers import OnnxClassifier
from arginator.compression import Compression, describe
from arginator.pruning import prune_network
from arginator.training import fine_tune

NAMES = [
    "network",
    "network_int8_dynamic",
    "network_int8_static",
    "contribution_50",
    "contribution_50_int8_dynamic",
    "contribution_50_int8_static",
    "contribution_75",
    "contribution_75_int8_dynamic",
    "contribution_75_int8_static",
    "random_50",
    "random_75",
    "masked_50",
    "distilled_6",
    "distilled_6_int8_dynamic",
    "distilled_6_int8_static",
]


@pytest.fixture(scope="module")
def network(make_network, folds, task, train_params):
    return fine_tune(make_network((32, 32)), *folds, task, train_params, 15, 0.01, 3).network


@pytest.fixture(scope="module")
def folder(network, folds, task, compress_params, train_params, signature, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    (folder / "onnx").mkdir()
    compression = Compression(network, *folds, task, compress_params, train_params, 3)
    compression.write(signature, folder / "onnx")
    return folder


def test_every_combination_is_written(folder):
    assert list(read_candidates(folder)) == NAMES
    files = {path.name for path in (folder / "onnx").iterdir()}
    assert files == {"candidates.json", *(f"{name}.onnx" for name in NAMES)}


@pytest.mark.parametrize("name", NAMES)
def test_each_candidate_is_what_its_file_holds(folder, name):
    candidate = read_candidates(folder)[name]
    path = folder / "onnx" / f"{name}.onnx"
    graph = onnx.load(path).graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    products = [array for array in arrays.values() if array.ndim == 2]
    assert OnnxClassifier(path).parameters == candidate.parameters
    assert [weight.shape[1] for weight in products] == [*candidate.hidden, 5]
    assert sum(weight.size for weight in products) == candidate.multiply_adds
    *hidden, last = (weight.dtype == np.int8 for weight in products)
    assert set(hidden) == {candidate.quantization is not None}
    assert last == (candidate.quantization == "static")


def test_a_network_without_hidden_layers_has_no_smaller_form(
    make_network, folds, task, compress_params, train_params, signature, tmp_path
):
    network = make_network(())
    compression = Compression(network, *folds, task, compress_params, train_params, 3)
    compression.write(signature, tmp_path)
    assert [path.name for path in tmp_path.glob("*.onnx")] == ["network.onnx"]


def test_masked_weights_are_counted_as_zero(folder):
    candidates = read_candidates(folder)
    weights = 24 * 32 + 32 * 32 + 32 * 5
    assert candidates["masked_50"].parameters == candidates["network"].parameters
    lost = candidates["network"].nonzero - candidates["masked_50"].nonzero
    assert lost == pytest.approx(weights / 2, abs=2)


def test_pruned_networks_have_learned_to_do_without_the_others(
    folder, network, folds, task, sample
):
    vectors, target = folds[1].embeddings.matrix, task.encode(folds[1].labels)
    matrix = torch.from_numpy(folds[0].embeddings.matrix)
    raw = prune_network(network, 0.75, "contribution", matrix, 3)
    tuned = OnnxClassifier(folder / "onnx" / "contribution_75.onnx")
    with torch.no_grad():
        before = np.mean(raw(torch.from_numpy(vectors)).numpy().argmax(axis=1) == target)
    after = np.mean(tuned.predict_probability(vectors).argmax(axis=1) == target)
    assert after > before + 0.05


def test_the_same_network_gives_the_same_files(
    folder, network, folds, task, compress_params, train_params, signature, tmp_path
):
    Compression(network, *folds, task, compress_params, train_params, 3).write(signature, tmp_path)
    for path in (folder / "onnx").iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


def test_an_empty_grid_leaves_the_network_alone(
    network, folds, task, compress_params, train_params, signature, tmp_path
):
    nothing = dict.fromkeys(("prune_ratios", "mask_ratios", "distil_widths", "quantize"), ())
    params = compress_params.model_copy(update=nothing)
    (tmp_path / "onnx").mkdir()
    compression = Compression(network, *folds, task, params, train_params, 3)
    compression.write(signature, tmp_path / "onnx")
    assert list(read_candidates(tmp_path)) == ["network"]


def test_a_description_counts_weights_once(make_network):
    found = describe("network", "training", make_network((16, 12)))
    assert found.hidden == (16, 12)
    assert found.parameters == found.nonzero == 725
    assert found.multiply_adds == 24 * 16 + 16 * 12 + 12 * 5
