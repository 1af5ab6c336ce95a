"""The feed-forward network: raw vectors in, one logit a class (or one for a binary task) out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from arginator.errors import ModelError
from arginator.params import ModelParams
from arginator.tasks import Signature

METADATA_KEY = "arginator"
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}
NORMALISATIONS: dict[str, type[nn.Module]] = {
    "batch": nn.BatchNorm1d,
    "layer": nn.LayerNorm,
    "none": nn.Identity,
}


class Standardise(nn.Module):
    """Subtract the training mean and divide by the training deviation, feature by feature."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))

    def fit(self, vectors: Float[Tensor, "n d"]) -> None:
        """Take mean and deviation from `vectors`; a constant feature is left unscaled."""
        deviation, mean = torch.std_mean(vectors.float(), dim=0, correction=0)
        self.mean.copy_(mean)
        self.deviation.copy_(torch.where(deviation > 0, deviation, torch.ones(())))

    def fit_blocks(self, blocks: Iterable[Float[Tensor, "_ d"]]) -> None:
        """Take mean and deviation from vectors that come in blocks, in one pass.

        References:
            Chan, Golub and LeVeque 1983, doi:10.1080/00031305.1983.10483115.
        """
        count, mean, spread = 0, torch.zeros(()).double(), torch.zeros(()).double()
        for block in blocks:
            variance, centre = torch.var_mean(block.double(), dim=0, correction=0)
            share = len(block) / (count + len(block))
            step = centre - mean
            mean = mean + share * step
            spread = spread + len(block) * variance + count * share * step**2
            count += len(block)
        deviation = (spread / count).sqrt().float()
        self.mean.copy_(mean)
        self.deviation.copy_(torch.where(deviation > 0, deviation, torch.ones(())))

    def forward(self, vectors: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Return the standardised vectors."""
        return (vectors - self.mean).div_(self.deviation)


class Dropout(nn.Module):
    """Silence a share of the values while learning, and scale up the others to the same mean.

    As `torch.nn.Dropout`, but with four values to a 64-bit random number. On a CPU torch draws one
    a value, in one thread, which takes a quarter of all training. The share is rounded to a
    65,536th.
    """

    LANES, STEPS = 4, 2**16  # 16-bit numbers in one of 64 bits, and their values

    def __init__(self, share: float) -> None:
        super().__init__()
        self.silenced = round(share * self.STEPS)

    def forward(self, values: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Return the values with some of them zero, or all as they are in evaluation mode."""
        if not self.training or self.silenced == 0:
            return values
        words = -(-values.numel() // self.LANES)
        drawn = torch.empty(words, dtype=torch.int64, device=values.device)
        drawn.random_(-(2**63), None)
        lanes = drawn.view(torch.int16)[: values.numel()].view_as(values)
        factor = (lanes >= self.silenced - self.STEPS // 2).to(values.dtype)
        return values * factor.mul_(self.STEPS / (self.STEPS - self.silenced))


@dataclass(frozen=True)
class Shape:
    """What is needed to build a network again.

    Attributes:
        width: Numbers in a vector, d.
        hidden: Neurons in each hidden layer.
        outputs: 1 for a binary task, else k.
        dropout: Share of neurons silenced in a training step.
        activation: Key of `ACTIVATIONS`.
        normalisation: Key of `NORMALISATIONS`.
    """

    width: int
    hidden: tuple[int, ...]
    outputs: int
    dropout: float
    activation: str
    normalisation: str


class FeedForward(nn.Sequential):
    """Standardise, hidden blocks (linear, normalisation, activation, dropout), linear output.

    Children are named `standardise`, `block_0` ... and `output`; a block's are named `linear`,
    `normalisation`, `activation` and `dropout`.
    """

    standardise: Standardise

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.add_module("standardise", Standardise(shape.width))
        width = shape.width
        for index, neurons in enumerate(shape.hidden):
            block = nn.Sequential()
            block.add_module("linear", nn.Linear(width, neurons))
            block.add_module("normalisation", NORMALISATIONS[shape.normalisation](neurons))
            block.add_module("activation", ACTIVATIONS[shape.activation]())
            block.add_module("dropout", Dropout(shape.dropout))
            self.add_module(f"block_{index}", block)
            width = neurons
        self.add_module("output", nn.Linear(width, shape.outputs))

    def forward(self, vectors: Float[Tensor, "n d"]) -> Float[Tensor, "n outputs"]:
        """Return the logits of raw vectors."""
        return self.answer(self.standardise(vectors))

    def answer(self, standardised: Float[Tensor, "n d"]) -> Float[Tensor, "n outputs"]:
        """Return the logits of vectors that are standardised already."""
        values = standardised
        for layer in islice(self, 1, None):
            values = layer(values)
        return values


def build_network(params: ModelParams, width: int, outputs: int) -> FeedForward:
    """Return a network with fresh weights; `width` is that of the vectors."""
    hidden = (params.width,) * params.depth
    return FeedForward(
        Shape(width, hidden, outputs, params.dropout, params.activation, params.normalisation)
    )


def save_network(network: FeedForward, signature: Signature, folder: Path) -> None:
    """Write `model.safetensors`, with shape and signature in its metadata, into `folder`.

    The metadata has one key: safetensors writes several in an order that changes from run to run.
    """
    facts = {"shape": network.shape.__dict__, "signature": signature.to_json()}
    metadata = {METADATA_KEY: json.dumps(facts, ensure_ascii=False)}
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata)


def load_network(folder: Path) -> tuple[FeedForward, Signature]:
    """Read what `save_network` wrote; the network is in evaluation mode.

    Raises:
        ModelError: The file is missing, damaged or holds another kind of model.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / "model.safetensors"
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        facts = json.loads(metadata[METADATA_KEY])
        shape = facts["shape"]
        network = FeedForward(Shape(**shape | {"hidden": tuple(shape["hidden"])}))
        network.load_state_dict(load_file(path))
        signature = Signature.from_json(facts["signature"], path)
    except FileNotFoundError:
        raise ModelError(path, "no such file", "run `dvc repro train_ffnn`") from None
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(path, f"damaged or no network ({reason})", "train it again") from None
    return network.eval(), signature
