"""Compression: fewer neurons, smaller numbers, and one ONNX file that runs without torch."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import onnx
import torch
from jaxtyping import Float, Int
from onnx import numpy_helper
from onnx.helper import get_attribute_value
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

from arginator.classifiers import METADATA_KEY, PARAMETERS_KEY, OnnxClassifier
from arginator.ffnn import FeedForward
from arginator.onnx_graphs import INPUT, Graph
from arginator.params import CompressParams, TrainParams
from arginator.prepared import Prepared
from arginator.tasks import Signature, Task
from arginator.training import fine_tune

SAMPLE_ROWS = 8192  # vectors that neurons are judged on
ONE_NODE = {"relu": "Relu", "gelu": "Gelu", "tanh": "Tanh"}


def compress_network(
    network: FeedForward,
    train: Prepared,
    validation: Prepared,
    task: Task,
    compress: CompressParams,
    params: TrainParams,
    seed: int,
) -> FeedForward:
    """Take neurons out of `network` and let those that stay learn to do without them.

    Raises:
        DataError: A class is missing from a fold.
        ModelError: A loss is not finite.
    """
    return fine_tune(
        prune_network(network, compress.prune_ratio, torch.from_numpy(train.embeddings.matrix)),
        train,
        validation,
        task,
        params,
        compress.finetune_epochs,
        compress.finetune_learning_rate,
        seed,
    ).network


def prune_network(network: FeedForward, ratio: float, vectors: Float[Tensor, "n d"]) -> FeedForward:
    """Return a copy without the share `ratio` of the neurons of each hidden layer.

    The neurons that contribute least to the next layer's differences between `vectors` go:
    deviation of the activation times norm of the weights out, of equals the later ones. The next
    layer's bias takes over what they contribute on average. Their number is rounded, and one
    always stays. Those that stay keep their weights and their order.

    References:
        Molchanov et al. 2017, ICLR (neurons by contribution); the mean in the bias after
        Ye et al. 2018, doi:10.48550/arXiv.1802.00124.
    """
    network = copy.deepcopy(network).eval()
    kept = []
    for layer, (deviation, mean) in enumerate(_activation_statistics(network, vectors)):
        following = _raw_linear(network, layer + 1)
        weight = following.weight.detach()
        stays = _strongest(deviation * weight.norm(dim=0), ratio)
        gone = torch.ones(len(mean), dtype=torch.bool)
        gone[stays] = False
        following.bias.data += weight[:, gone] @ mean[gone]
        kept.append(stays)
    pruned = FeedForward(replace(network.shape, hidden=tuple(len(rows) for rows in kept)))
    pruned.load_state_dict(_without_neurons(network, kept))
    return pruned.eval()


def count_parameters(network: nn.Module) -> int:
    """Count the numbers that a network has learned; the standardisation's are not among them."""
    return sum(parameter.numel() for parameter in network.parameters())


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
    for layer in range(_depth(network)):
        vectors = _add_block(graph, network, layer, vectors)
    _add_linear(graph, "output", _linear(network, _depth(network)), vectors)
    metadata = {METADATA_KEY: signature.to_json(), PARAMETERS_KEY: f"{count_parameters(network)}"}
    graph.write(path, network.shape.width, network.shape.outputs, metadata)


def quantize_onnx(source: Path, target: Path) -> None:
    """Write what `export_onnx` wrote again, with 8-bit weights and products of whole numbers.

    Weights are scaled by neuron, vectors one by one: no answer depends on what else is asked in
    the same call. The signature stays. The same model always gives the same bytes.

    Raises:
        ModelError: `source` is missing or damaged.
    """
    signature = OnnxClassifier(source).signature
    model = onnx.load_model_from_string(source.read_bytes())
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    graph = Graph()
    result_of: dict[str, str] = {}
    for node in model.graph.node:
        inputs = [result_of.get(name, name) for name in node.input]
        if node.op_type == "MatMul":
            result = graph.add_integer_product(inputs[0], inputs[1], arrays[inputs[1]])
        else:
            for name in inputs:
                if name in arrays:
                    graph.constant(name, arrays[name])
            attributes = {item.name: get_attribute_value(item) for item in node.attribute}
            result = graph.add(node.op_type, *inputs, **attributes)
        result_of[node.output[0]] = result
    metadata = {item.key: item.value for item in model.metadata_props}
    outputs = model.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    graph.write(target, signature.width, outputs, metadata)


def _depth(network: FeedForward) -> int:
    """Return the number of hidden layers."""
    return len(network.shape.hidden)


def _raw_linear(network: FeedForward, layer: int) -> nn.Linear:
    """Return the linear part of a layer, counted from 0; the last one is the output."""
    name = "output" if layer == _depth(network) else f"block_{layer}.linear"
    return cast(nn.Linear, network.get_submodule(name))


def _linear(network: FeedForward, layer: int) -> nn.Linear:
    """Return the linear part of a layer with batch normalisation, which is linear too, in it."""
    linear = _raw_linear(network, layer)
    if layer == _depth(network):
        return linear
    normalisation = network.get_submodule(f"block_{layer}.normalisation")
    if isinstance(normalisation, nn.BatchNorm1d):
        return fuse_linear_bn_eval(linear, normalisation)
    return linear


@torch.no_grad()
def _activation_statistics(
    network: FeedForward, vectors: Float[Tensor, "n d"]
) -> list[tuple[Tensor, Tensor]]:
    """Return deviation and mean of each neuron of each hidden layer over a sample of `vectors`."""
    step = -(-len(vectors) // SAMPLE_ROWS)
    values = network.standardise(vectors[::step].float())
    statistics = []
    for layer in range(_depth(network)):
        values = network.get_submodule(f"block_{layer}")(values)
        statistics.append(torch.std_mean(values, dim=0, correction=0))
    return statistics


def _without_neurons(network: FeedForward, kept: Sequence[Tensor]) -> dict[str, Tensor]:
    """Return the weights of `network` with only the neurons `kept` of each hidden layer."""
    rows_of = {f"block_{layer}": rows for layer, rows in enumerate(kept)}
    columns_of = dict(zip([*list(rows_of)[1:], "output"], kept, strict=False))
    state = {}
    for name, value in network.state_dict().items():
        child = name.partition(".")[0]
        if child in rows_of and value.ndim > 0:
            value = value[rows_of[child]]
        if child in columns_of and value.ndim > 1:
            value = value[:, columns_of[child]]
        state[name] = value
    return state


def _strongest(importance: Float[Tensor, " neurons"], ratio: float) -> Int[Tensor, " kept"]:
    """Return the indices of the neurons that stay, in order."""
    stay = max(1, len(importance) - round(ratio * len(importance)))
    ranked = torch.argsort(importance, descending=True, stable=True)
    return ranked[:stay].sort().values


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
