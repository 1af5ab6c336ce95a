"""Export: the same answers from ONNX as from torch."""

import numpy as np
import pytest
import torch

from arginator.ffnn import ACTIVATIONS, NORMALISATIONS
from arginator.onnx_export import count_parameters, export_onnx


@pytest.mark.parametrize("hidden", [(), (16,), (16, 12, 7)], ids=len)
@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_an_export_answers_like_torch(
    tmp_path, activation, normalisation, hidden, make_network, make_vectors, onnx_logit, signature
):
    network = make_network(hidden, activation, normalisation)
    export_onnx(network, signature, tmp_path / "model.onnx")
    vectors = make_vectors(50)
    with torch.no_grad():
        expected = network(torch.from_numpy(vectors)).numpy()
    np.testing.assert_allclose(onnx_logit(tmp_path / "model.onnx", vectors), expected, atol=1e-5)


def test_an_export_of_a_network_in_training_is_the_one_for_use(tmp_path, make_network, signature):
    network = make_network()
    export_onnx(network, signature, tmp_path / "use.onnx")
    export_onnx(network.train(), signature, tmp_path / "training.onnx")
    assert network.training
    assert (tmp_path / "use.onnx").read_bytes() == (tmp_path / "training.onnx").read_bytes()


def test_parameters_are_those_of_weights_biases_and_normalisation(make_network):
    assert count_parameters(make_network()) == (24 + 1 + 2) * 16 + (16 + 1 + 2) * 12 + 13 * 5
