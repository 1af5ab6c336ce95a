"""Compression: the same answers from ONNX as from torch, and fewer neurons and bytes."""

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arginator.classifiers import OnnxClassifier
from arginator.compression import (
    compress_network,
    count_parameters,
    export_onnx,
    prune_network,
    quantize_onnx,
)
from arginator.embeddings import Embeddings
from arginator.errors import ModelError
from arginator.ffnn import ACTIVATIONS, NORMALISATIONS, FeedForward, Shape
from arginator.params import CompressParams, TrainParams
from arginator.prepared import Prepared, Provenance
from arginator.tasks import Signature, Task, class_probability
from arginator.training import fine_tune

WIDTH = 24
CLASSES = ("A", "B", "C", "D", "non")
SIGNATURE = Signature("multiclass", "multiclass", CLASSES, None, WIDTH, "kmer", "toy", True)


def make_network(hidden=(16, 12), activation="relu", normalisation="batch", outputs=5, seed=0):
    """Return a network whose every weight, statistic and deviation differs from its default."""
    torch.manual_seed(seed)
    shape = Shape(WIDTH, tuple(hidden), outputs, 0.3, activation, normalisation)
    network = FeedForward(shape).eval()
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.dtype.is_floating_point:
                value.add_(0.1 * torch.randn(value.shape))
            if name.endswith(("deviation", "running_var")):
                value.copy_(torch.rand(value.shape) + 0.5)
    return network


def make_vectors(n, seed=0, width=WIDTH):
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


SAMPLE = torch.from_numpy(make_vectors(500, seed=7))


def torch_probability(network, vectors):
    with torch.no_grad():
        return class_probability(network(torch.from_numpy(vectors)).numpy())


def onnx_logit(path, vectors):
    return OnnxClassifier(path)._logit(vectors, 0)


@pytest.fixture(scope="module")
def quantized(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quantized")
    export_onnx(make_network(), SIGNATURE, folder / "model.onnx")
    quantize_onnx(folder / "model.onnx", folder / "small.onnx")
    return OnnxClassifier(folder / "small.onnx")


@pytest.mark.parametrize("hidden", [(), (16,), (16, 12, 7)], ids=len)
@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_an_export_answers_like_torch(tmp_path, activation, normalisation, hidden):
    network = make_network(hidden, activation, normalisation)
    export_onnx(network, SIGNATURE, tmp_path / "model.onnx")
    vectors = make_vectors(50)
    with torch.no_grad():
        expected = network(torch.from_numpy(vectors)).numpy()
    np.testing.assert_allclose(onnx_logit(tmp_path / "model.onnx", vectors), expected, atol=1e-5)


def test_an_export_of_a_network_in_training_is_the_one_for_use(tmp_path):
    network = make_network()
    export_onnx(network, SIGNATURE, tmp_path / "use.onnx")
    export_onnx(network.train(), SIGNATURE, tmp_path / "training.onnx")
    assert network.training
    assert (tmp_path / "use.onnx").read_bytes() == (tmp_path / "training.onnx").read_bytes()


def test_models_say_who_they_are_and_nothing_of_the_machine(tmp_path):
    export_onnx(make_network(), SIGNATURE, tmp_path / "model.onnx")
    quantize_onnx(tmp_path / "model.onnx", tmp_path / "small.onnx")
    for name in ("model.onnx", "small.onnx"):
        model = onnx.load(tmp_path / name)
        onnx.checker.check_model(model, full_check=True)
        metadata = {item.key: item.value for item in model.metadata_props}
        assert metadata == {"arginator": SIGNATURE.to_json(), "arginator.parameters": "725"}
        for node in model.graph.node:
            assert (node.doc_string, list(node.metadata_props)) == ("", [])
        for tensor in model.graph.initializer:
            tensor.ClearField("raw_data")
        text = str(model)
        assert not any(word in text for word in ("/", ".py", "torch", "File"))


def test_the_same_network_always_gives_the_same_bytes(tmp_path):
    for turn in ("1", "2"):
        export_onnx(make_network(), SIGNATURE, tmp_path / f"{turn}.onnx")
        quantize_onnx(tmp_path / f"{turn}.onnx", tmp_path / f"{turn}.small.onnx")
    assert (tmp_path / "1.onnx").read_bytes() == (tmp_path / "2.onnx").read_bytes()
    assert (tmp_path / "1.small.onnx").read_bytes() == (tmp_path / "2.small.onnx").read_bytes()


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_quantized_model_answers_nearly_like_the_whole_one(tmp_path, activation, normalisation):
    network = make_network((64, 64), activation, normalisation)
    export_onnx(network, SIGNATURE, tmp_path / "model.onnx")
    quantize_onnx(tmp_path / "model.onnx", tmp_path / "small.onnx")
    vectors = make_vectors(2000)
    expected = torch_probability(network, vectors)
    found = OnnxClassifier(tmp_path / "small.onnx").predict_probability(vectors)
    assert np.abs(found - expected).max() < 0.05
    sure = np.sort(expected)[:, -1] - np.sort(expected)[:, -2] > 0.05
    assert (found.argmax(axis=1) == expected.argmax(axis=1))[sure].all()


def test_a_quantized_product_is_the_one_worked_by_hand(tmp_path):
    network = make_network((), outputs=5)
    with torch.no_grad():
        network.standardise.mean.zero_()
        network.standardise.deviation.fill_(1)
    export_onnx(network, SIGNATURE, tmp_path / "model.onnx")
    quantize_onnx(tmp_path / "model.onnx", tmp_path / "small.onnx")
    vectors = make_vectors(9)
    vector_step = np.abs(vectors).max(axis=1, keepdims=True) / 127
    weight = network.output.weight.detach().numpy().T
    weight_step = np.abs(weight).max(axis=0) / 63
    product = np.rint(vectors / vector_step) @ np.rint(weight / weight_step)
    expected = product * vector_step * weight_step + network.output.bias.detach().numpy()
    np.testing.assert_allclose(
        onnx_logit(tmp_path / "small.onnx", vectors), expected, atol=1e-5, rtol=1e-5
    )


@given(st.integers(1, 40), st.integers(0, 1000), st.floats(1e-3, 1e6))
@settings(max_examples=30, deadline=None)
def test_a_quantized_answer_never_depends_on_the_others_in_the_call(quantized, n, seed, factor):
    vectors = make_vectors(n, seed)
    alone = quantized.predict_probability(vectors[:1])
    crowd = np.vstack([make_vectors(3, seed + 1) * np.float32(factor), vectors])
    assert (quantized.predict_probability(crowd)[3] == alone[0]).all()


def test_vectors_of_zeros_get_a_finite_answer_from_a_quantized_model(quantized):
    mean = make_network().standardise.mean.numpy()
    assert np.isfinite(quantized.predict_probability(mean[None])).all()


def test_a_quantized_model_is_about_a_quarter_of_the_size(tmp_path):
    export_onnx(make_network((512, 512)), SIGNATURE, tmp_path / "model.onnx")
    quantize_onnx(tmp_path / "model.onnx", tmp_path / "small.onnx")
    ratio = (tmp_path / "small.onnx").stat().st_size / (tmp_path / "model.onnx").stat().st_size
    assert 0.25 <= ratio < 0.3


def test_a_neuron_without_weights_is_quantized_without_a_division_by_zero(tmp_path):
    network = make_network((8,), normalisation="none")
    with torch.no_grad():
        network.block_0.linear.weight[3] = 0
    export_onnx(network, SIGNATURE, tmp_path / "model.onnx")
    quantize_onnx(tmp_path / "model.onnx", tmp_path / "small.onnx")
    assert np.isfinite(onnx_logit(tmp_path / "small.onnx", make_vectors(4))).all()


def test_a_missing_model_cannot_be_quantized(tmp_path):
    with pytest.raises(ModelError) as error:
        quantize_onnx(tmp_path / "model.onnx", tmp_path / "small.onnx")
    assert str(error.value) == f"{tmp_path}/model.onnx: no such file; run `dvc repro compress`"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("ratio", "hidden"), [(0.0, (16, 12)), (0.5, (8, 6)), (0.29, (11, 9)), (0.95, (1, 1))]
)
@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_pruning_really_removes_the_share_of_neurons(normalisation, ratio, hidden):
    pruned = prune_network(make_network(normalisation=normalisation), ratio, SAMPLE)
    assert pruned.shape.hidden == hidden
    assert pruned.block_0.linear.weight.shape == (hidden[0], WIDTH)
    assert pruned.block_1.linear.weight.shape == (hidden[1], hidden[0])
    assert pruned.output.weight.shape == (5, hidden[1])


def test_pruning_a_network_without_hidden_layers_copies_it():
    network = make_network(())
    pruned = prune_network(network, 0.5, SAMPLE)
    assert pruned is not network
    assert torch.equal(pruned.output.weight, network.output.weight)


@given(st.permutations(range(16)), st.sampled_from(sorted(NORMALISATIONS)))
@settings(max_examples=20, deadline=None)
def test_pruning_silent_neurons_never_changes_an_answer(order, normalisation):
    """Neurons that nobody listens to go first; layer normalisation listens to all of its own."""
    network = make_network((16, 12), normalisation=normalisation)
    silent = list(order[:8])
    with torch.no_grad():
        network.block_1.linear.weight[:, silent] = 0
        network.output.weight[:, 6:] = 0
    vectors = make_vectors(20)
    pruned = prune_network(network, 0.5, SAMPLE)
    loud = [row for row in range(16) if row not in silent]
    assert torch.equal(pruned.block_0.linear.weight, network.block_0.linear.weight[loud])
    if normalisation != "layer":
        np.testing.assert_allclose(
            torch_probability(pruned, vectors), torch_probability(network, vectors), atol=1e-6
        )


@pytest.mark.parametrize("normalisation", ["batch", "none"])
def test_neurons_that_never_change_leave_their_part_to_the_next_bias(normalisation):
    network = make_network((16, 12), normalisation=normalisation)
    with torch.no_grad():
        for block in (network.block_0, network.block_1):
            block.linear.weight[::2] = 0
            block.linear.bias[::2] = 3
    pruned = prune_network(network, 0.5, SAMPLE)
    vectors = make_vectors(20)
    np.testing.assert_allclose(
        torch_probability(pruned, vectors), torch_probability(network, vectors), atol=1e-5
    )


def test_neurons_are_judged_on_all_of_the_data_in_any_float():
    network, many = make_network(), torch.from_numpy(make_vectors(20_000)).half()
    pruned = prune_network(network, 0.5, many)
    spaced = prune_network(network, 0.5, many[::3].float())
    assert torch.equal(pruned.output.weight, spaced.output.weight)


def test_pruning_leaves_the_network_as_it_was():
    network = make_network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    prune_network(network, 0.5, SAMPLE)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_parameters_are_those_of_weights_biases_and_normalisation():
    assert count_parameters(make_network()) == (24 + 1 + 2) * 16 + (16 + 1 + 2) * 12 + 13 * 5


def make_fold(n, seed):
    """Return a fold of proteins around one centre for each class."""
    rng = np.random.default_rng(seed)
    target = np.arange(n) % len(CLASSES)
    centres = np.random.default_rng(99).normal(size=(len(CLASSES), WIDTH))
    matrix = (centres[target] + rng.normal(size=(n, WIDTH))).astype(np.float32)
    nothing = (None,) * n
    return Prepared(
        Embeddings(tuple(f"{seed}-{row}" for row in range(n)), matrix),
        tuple(CLASSES[index] for index in target),
        nothing,
        nothing,
        nothing,
        nothing,
        Provenance("toy", "Toy", True, "", "", "", "kmer", {name: name for name in CLASSES}),
    )


def test_a_pruned_network_recovers_by_fine_tuning():
    folds = make_fold(400, 1), make_fold(100, 2)
    task = Task("multiclass", "multiclass", CLASSES, {name: name for name in CLASSES})
    params = TrainParams(
        epochs=30,
        patience=30,
        monitor="val_loss",
        batch_size=64,
        optimiser="adamw",
        learning_rate=0.01,
        weight_decay=0.0,
        schedule="constant",
        imbalance="none",
        device="cpu",
        devices=1,
        precision=32,
        memory="held",
    )
    network = fine_tune(make_network((32, 32)), *folds, task, params, 15, 0.01, seed=3).network
    compress = CompressParams(
        prune_ratio=0.75, finetune_epochs=15, finetune_learning_rate=0.01, max_mcc_drop=0.01
    )
    raw = prune_network(network, compress.prune_ratio, torch.from_numpy(folds[0].embeddings.matrix))
    tuned = compress_network(network, *folds, task, compress, params, seed=3)
    vectors, target = folds[1].embeddings.matrix, task.encode(folds[1].labels)
    accuracy = {
        name: np.mean(torch_probability(model, vectors).argmax(axis=1) == target)
        for name, model in {"whole": network, "raw": raw, "tuned": tuned}.items()
    }
    assert tuned.shape.hidden == (8, 8)
    assert not tuned.training
    assert accuracy["raw"] < accuracy["tuned"] - 0.05
    assert accuracy["tuned"] > accuracy["whole"] - 0.05
