"""Export of networks to ONNX, as graphs written node by node."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import cast

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

from arginator.classifiers import METADATA_KEY, PARAMETERS_KEY
from arginator.ffnn import FeedForward
from arginator.onnx_graphs import INPUT, Graph
from arginator.tasks import Signature

ONE_NODE = {"relu": "Relu", "gelu": "Gelu", "tanh": "Tanh"}


def export_onnx(network: FeedForward, signature: Signature, path: Path) -> None:
    """Write `network` as an ONNX model: vectors (n, d) in, logits (n, outputs) out.

    The graph is written here rather than traced by torch, whose exporter puts paths and stack
    traces into the file. Batch normalisation is merged into the layer before it. The same
    network and signature always give the same bytes.
    """
    network = copy.deepcopy(network).cpu().eval()
    graph = Graph()
    vectors = INPUT
    for operator, name in (("Sub", "mean"), ("Div", "deviation")):
        value = getattr(network.standardise, name)
        vectors = graph.add(operator, vectors, _constant(graph, f"standardise.{name}", value))
    depth = len(network.shape.hidden)
    for layer in range(depth):
        vectors = _add_block(graph, network, layer, vectors)
    _add_linear(graph, "output", _linear(network, depth), vectors)
    metadata = {METADATA_KEY: signature.to_json(), PARAMETERS_KEY: f"{count_parameters(network)}"}
    graph.write(path, network.shape.width, network.shape.outputs, metadata)


def count_parameters(network: nn.Module) -> int:
    """Count the numbers that a network has learned; the standardisation's are not among them."""
    return sum(parameter.numel() for parameter in network.parameters())


def linear_part(network: FeedForward, layer: int) -> nn.Linear:
    """Return the linear part of a layer, counted from 0; the last one is the output."""
    name = "output" if layer == len(network.shape.hidden) else f"block_{layer}.linear"
    return cast(nn.Linear, network.get_submodule(name))


def _linear(network: FeedForward, layer: int) -> nn.Linear:
    """Return the linear part of a layer with batch normalisation, which is linear too, in it."""
    linear = linear_part(network, layer)
    if layer == len(network.shape.hidden):
        return linear
    normalisation = network.get_submodule(f"block_{layer}.normalisation")
    if isinstance(normalisation, nn.BatchNorm1d):
        return fuse_linear_bn_eval(linear, normalisation)
    return linear


def _add_block(graph: Graph, network: FeedForward, layer: int, vectors: str) -> str:
    """Append a hidden layer: linear with batch normalisation, layer normalisation, activation."""
    name = f"block_{layer}"
    normalisation = network.get_submodule(f"{name}.normalisation")
    result = _add_linear(graph, name, _linear(network, layer), vectors)
    if isinstance(normalisation, nn.LayerNorm):
        scale = _constant(graph, f"{name}.normalisation.weight", normalisation.weight)
        shift = _constant(graph, f"{name}.normalisation.bias", normalisation.bias)
        epsilon = normalisation.eps
        result = graph.add("LayerNormalization", result, scale, shift, epsilon=epsilon)
    if network.shape.activation == "silu":
        return graph.add("Mul", result, graph.add("Sigmoid", result))
    return graph.add(ONE_NODE[network.shape.activation], result)


def _add_linear(graph: Graph, name: str, linear: nn.Linear, vectors: str) -> str:
    """Append a product with the weights and a sum with the biases."""
    weight = _constant(graph, f"{name}.weight", linear.weight.T)
    product = graph.add("MatMul", vectors, weight)
    return graph.add("Add", product, _constant(graph, f"{name}.bias", linear.bias))


def _constant(graph: Graph, name: str, value: Tensor) -> str:
    """Store a tensor in the graph."""
    return graph.constant(name, value.detach().numpy())
