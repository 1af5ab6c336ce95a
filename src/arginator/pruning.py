"""Pruning: networks with fewer neurons, and networks with fewer weights that are not zero."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.utils import prune

from arginator.ffnn import FeedForward
from arginator.onnx_export import linear_part
from arginator.param_types import Criterion

SAMPLE_ROWS = 8192  # vectors that neurons are judged on


def prune_network(
    network: FeedForward,
    ratio: float,
    criterion: Criterion,
    vectors: Float[Tensor, "n d"],
    seed: int,
) -> FeedForward:
    """Return a copy without the share `ratio` of the neurons of each hidden layer.

    The next layer's bias takes over what the neurons that go contribute on average over `vectors`.
    Their number is rounded, and one always stays. Those that stay keep their weights and their
    order. Which go is a matter of `criterion`:

    - "contribution": those that contribute least to the next layer's differences between
      `vectors`, deviation of the activation times norm of the weights out;
    - "weight_norm": those whose weights in have the smallest norm;
    - "random": any, drawn from `seed`.

    References:
        Molchanov et al. 2017, ICLR (contribution); Li et al. 2017, ICLR (norm); the mean in the
        bias after Ye et al. 2018, doi:10.48550/arXiv.1802.00124.
    """
    network = copy.deepcopy(network).eval()
    kept = []
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        for layer, (deviation, mean) in enumerate(_activation_statistics(network, vectors)):
            following = linear_part(network, layer + 1)
            weight = following.weight.detach()
            scores = {
                "contribution": (deviation * weight.norm(dim=0))[:, None],
                "weight_norm": linear_part(network, layer).weight.detach(),
                "random": None,
            }
            stays = _choose(scores[criterion], len(mean), ratio)
            following.bias.data += weight[:, ~stays] @ mean[~stays]
            kept.append(stays.nonzero()[:, 0])
        pruned = FeedForward(replace(network.shape, hidden=tuple(len(rows) for rows in kept)))
    pruned.load_state_dict(_without_neurons(network, kept))
    return pruned.eval()


def mask_weights(network: FeedForward, ratio: float) -> FeedForward:
    """Return a copy in which the share `ratio` of all weights nearest to zero is held at zero.

    Further training leaves them there. `settle_weights` makes a plain network of it again.
    """
    network = copy.deepcopy(network)
    layers = [linear_part(network, layer) for layer in range(len(network.shape.hidden) + 1)]
    weights = [(layer, "weight") for layer in layers]
    with torch.no_grad():  # else the masked weights are no leaves, which cannot be copied
        prune.global_unstructured(weights, prune.L1Unstructured, amount=ratio)
    return network


def settle_weights(network: FeedForward) -> FeedForward:
    """Return a copy of what `mask_weights` made, with zeros in place of its masks."""
    with torch.random.fork_rng(devices=()):
        settled = FeedForward(network.shape)
    state = dict(network.state_dict())
    for name in [name for name in state if name.endswith(".weight_mask")]:
        weight = name.removesuffix("_mask")
        state[weight] = state.pop(f"{weight}_orig") * state.pop(name)
    settled.load_state_dict(state)
    return settled.eval()


@torch.no_grad()
def _activation_statistics(
    network: FeedForward, vectors: Float[Tensor, "n d"]
) -> list[tuple[Tensor, Tensor]]:
    """Return deviation and mean of each neuron of each hidden layer over a sample of `vectors`."""
    step = -(-len(vectors) // SAMPLE_ROWS)
    values = network.standardise(vectors[::step].float())
    statistics = []
    for layer in range(len(network.shape.hidden)):
        values = network.get_submodule(f"block_{layer}")(values)
        statistics.append(torch.std_mean(values, dim=0, correction=0))
    return statistics


def _choose(
    score: Float[Tensor, "neurons inputs"] | None, neurons: int, ratio: float
) -> Bool[Tensor, " neurons"]:
    """Tell which neurons stay: those whose scores have the largest norm, or any without scores."""
    gone = min(round(ratio * neurons), neurons - 1)
    method = prune.RandomStructured(gone, 0) if score is None else prune.LnStructured(gone, 2, 0)
    score = torch.ones(neurons, 1) if score is None else score
    mask: Tensor = method.compute_mask(  # type: ignore[no-untyped-call]
        score, torch.ones_like(score)
    )
    return mask[:, 0].bool()


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
