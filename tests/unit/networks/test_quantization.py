"""Quantization: nearly the same answers from a quarter of the bytes, whoever asks beside."""

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arginator.classifiers import OnnxClassifier
from arginator.errors import ModelError
from arginator.ffnn import ACTIVATIONS, NORMALISATIONS
from arginator.onnx_export import export_onnx
from arginator.quantization import quantize_by_range, quantize_by_vector

CALIBRATING = np.random.default_rng(3).normal(size=(2000, 24)).astype(np.float32)
METHODS = {
    "dynamic": quantize_by_vector,
    "static": lambda source, target: quantize_by_range(source, target, CALIBRATING),
}


@pytest.fixture(scope="module", params=METHODS)
def quantized(request, tmp_path_factory, make_network, signature):
    folder = tmp_path_factory.mktemp("quantized")
    export_onnx(make_network(), signature, folder / "model.onnx")
    METHODS[request.param](folder / "model.onnx", folder / "small.onnx")
    return OnnxClassifier(folder / "small.onnx")


@pytest.mark.parametrize("method", METHODS)
def test_models_say_who_they_are_and_nothing_of_the_machine(
    method, tmp_path, make_network, signature
):
    export_onnx(make_network(), signature, tmp_path / "model.onnx")
    METHODS[method](tmp_path / "model.onnx", tmp_path / "small.onnx")
    for name in ("model.onnx", "small.onnx"):
        model = onnx.load(tmp_path / name)
        onnx.checker.check_model(model, full_check=True)
        metadata = {item.key: item.value for item in model.metadata_props}
        assert metadata == {"arginator": signature.to_json(), "arginator.parameters": "725"}
        for node in model.graph.node:
            assert (node.doc_string, list(node.metadata_props)) == ("", [])
        for tensor in model.graph.initializer:
            tensor.ClearField("raw_data")
        text = str(model)
        assert not any(word in text for word in ("/", ".py", "torch", "File"))


@pytest.mark.parametrize("method", METHODS)
def test_the_same_network_always_gives_the_same_bytes(method, tmp_path, make_network, signature):
    for turn in ("1", "2"):
        export_onnx(make_network(), signature, tmp_path / f"{turn}.onnx")
        METHODS[method](tmp_path / f"{turn}.onnx", tmp_path / f"{turn}.small.onnx")
    assert (tmp_path / "1.onnx").read_bytes() == (tmp_path / "2.onnx").read_bytes()
    assert (tmp_path / "1.small.onnx").read_bytes() == (tmp_path / "2.small.onnx").read_bytes()


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_quantized_model_answers_nearly_like_the_whole_one(
    tmp_path, activation, normalisation, make_network, make_vectors, torch_probability, signature
):
    network = make_network((64, 64), activation, normalisation)
    export_onnx(network, signature, tmp_path / "model.onnx")
    quantize_by_vector(tmp_path / "model.onnx", tmp_path / "small.onnx")
    vectors = make_vectors(2000)
    expected = torch_probability(network, vectors)
    found = OnnxClassifier(tmp_path / "small.onnx").predict_probability(vectors)
    assert np.abs(found - expected).max() < 0.05
    sure = np.sort(expected)[:, -1] - np.sort(expected)[:, -2] > 0.05
    assert (found.argmax(axis=1) == expected.argmax(axis=1))[sure].all()


@given(st.integers(1, 40), st.integers(0, 1000), st.floats(1e-3, 1e6))
@settings(max_examples=30, deadline=None)
def test_a_quantized_answer_never_depends_on_the_others_in_the_call(
    quantized, make_vectors, n, seed, factor
):
    vectors = make_vectors(n, seed)
    alone = quantized.predict_probability(vectors[:1])
    crowd = np.vstack([make_vectors(3, seed + 1) * np.float32(factor), vectors])
    assert (quantized.predict_probability(crowd)[3] == alone[0]).all()


def test_quantized_products_are_those_worked_by_hand_and_the_last_is_whole(
    tmp_path, make_network, make_vectors, onnx_logit, signature
):
    network = make_network((8, 6), normalisation="none")
    export_onnx(network, signature, tmp_path / "model.onnx")
    quantize_by_vector(tmp_path / "model.onnx", tmp_path / "small.onnx")
    vectors = make_vectors(9)
    values = (vectors - network.standardise.mean.numpy()) / network.standardise.deviation.numpy()
    layers = ((network.block_0.linear, 127), (network.block_1.linear, 255))
    for linear, steps in layers:
        vector_step = np.abs(values).max(axis=1, keepdims=True) / np.float32(steps)
        weight = linear.weight.detach().numpy().T
        weight_step = np.abs(weight).max(axis=0) / np.float32(63)
        product = np.rint(values / vector_step) @ np.rint(weight / weight_step)
        values = product * vector_step * weight_step + linear.bias.detach().numpy()
        values = np.maximum(values, 0)
    weight, bias = (tensor.detach().numpy() for tensor in network.output.parameters())
    expected = values @ weight.T + bias
    np.testing.assert_allclose(onnx_logit(tmp_path / "small.onnx", vectors), expected, atol=1e-4)


def test_fixed_scales_clip_what_lies_beyond_them(tmp_path, make_network, onnx_logit, signature):
    network = make_network((), outputs=5)
    export_onnx(network, signature, tmp_path / "model.onnx")
    quantize_by_range(tmp_path / "model.onnx", tmp_path / "small.onnx", CALIBRATING)
    edge = (CALIBRATING - network.standardise.mean.numpy()) / network.standardise.deviation.numpy()
    beyond = network.standardise.mean + network.standardise.deviation * float(edge.max()) * 2
    further = network.standardise.mean + network.standardise.deviation * float(edge.max()) * 9
    answers = onnx_logit(tmp_path / "small.onnx", np.stack([beyond.numpy(), further.numpy()]))
    np.testing.assert_array_equal(answers[0], answers[1])


def test_quantizing_leaves_nothing_beside_the_model(tmp_path, make_network, signature):
    export_onnx(make_network(), signature, tmp_path / "model.onnx")
    quantize_by_range(tmp_path / "model.onnx", tmp_path / "small.onnx", CALIBRATING)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.onnx", "small.onnx"]


def test_vectors_of_zeros_get_a_finite_answer_from_a_quantized_model(quantized, make_network):
    mean = make_network().standardise.mean.numpy()
    assert np.isfinite(quantized.predict_probability(mean[None])).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_quantized_model_is_about_a_quarter_of_the_size(
    method, tmp_path, make_network, signature
):
    export_onnx(make_network((512, 512)), signature, tmp_path / "model.onnx")
    METHODS[method](tmp_path / "model.onnx", tmp_path / "small.onnx")
    ratio = (tmp_path / "small.onnx").stat().st_size / (tmp_path / "model.onnx").stat().st_size
    assert 0.25 <= ratio < 0.3


@pytest.mark.parametrize("method", METHODS)
def test_a_neuron_without_weights_is_quantized_without_a_division_by_zero(
    method, tmp_path, make_network, make_vectors, onnx_logit, signature
):
    network = make_network((8,), normalisation="none")
    with torch.no_grad():
        network.block_0.linear.weight[3] = 0
    export_onnx(network, signature, tmp_path / "model.onnx")
    METHODS[method](tmp_path / "model.onnx", tmp_path / "small.onnx")
    assert np.isfinite(onnx_logit(tmp_path / "small.onnx", make_vectors(4))).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_missing_model_cannot_be_quantized(method, tmp_path):
    with pytest.raises(ModelError) as error:
        METHODS[method](tmp_path / "model.onnx", tmp_path / "small.onnx")
    assert str(error.value) == f"{tmp_path}/model.onnx: no such file; run `dvc repro compress`"
    assert list(tmp_path.iterdir()) == []
