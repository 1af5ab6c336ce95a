"""Compression: every smaller network that the parameters ask for, as ONNX files side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch

from arginator.candidates import Candidate, Method, write_candidates
from arginator.distillation import Teacher
from arginator.ffnn import FeedForward
from arginator.onnx_export import count_parameters, export_onnx, linear_part
from arginator.param_types import Criterion
from arginator.params import CompressParams, TrainParams
from arginator.prepared import Prepared
from arginator.pruning import mask_weights, prune_network, settle_weights
from arginator.quantization import quantize_by_range, quantize_by_vector
from arginator.reports import NETWORK
from arginator.tasks import Signature, Task
from arginator.training import distil, fine_tune


class Made(NamedTuple):
    """A network in 32 bits, what it is, and whether it is worth quantizing too."""

    candidate: Candidate
    network: FeedForward
    quantized: bool


class Compression:
    """Makes smaller networks from one, with the folds it was trained on.

    Args:
        network: The network that was trained.
        train: Its training fold.
        validation: The fold that chooses the best epoch of each further training.
        task: What it tells apart.
        compress: Which networks to make.
        params: How it was trained.
        seed: Where chance comes from.
    """

    def __init__(
        self,
        network: FeedForward,
        train: Prepared,
        validation: Prepared,
        task: Task,
        compress: CompressParams,
        params: TrainParams,
        seed: int,
    ) -> None:
        self._network, self._compress, self._params = network, compress, params
        self._train, self._validation, self._task, self._seed = train, validation, task, seed

    def make(self) -> Iterator[Made]:
        """Yield the network itself and every smaller one.

        Those pruned by the first criterion, and the distilled ones, are worth quantizing; the
        other criteria and weights set to zero are there to compare. A network without hidden
        layers has no smaller form.

        Raises:
            DataError: A class is missing from a fold.
            ModelError: A loss is not finite.
        """
        compress = self._compress
        yield Made(describe(NETWORK, "training", self._network), self._network, True)
        if not self._network.shape.hidden:
            return  # without neurons between, there is nothing to take out or to make narrower
        for criterion in compress.prune_criteria:
            for ratio in compress.prune_ratios:
                name = f"{criterion}_{100 * ratio:g}"
                made = self._prune(ratio, criterion)
                candidate = describe(name, "pruning", made, criterion=criterion, ratio=ratio)
                yield Made(candidate, made, criterion == compress.prune_criteria[0])
        for ratio in compress.mask_ratios:
            made = settle_weights(self._fine_tune(mask_weights(self._network, ratio)))
            yield Made(
                describe(f"masked_{100 * ratio:g}", "masking", made, ratio=ratio), made, False
            )
        for width in compress.distil_widths:
            made = self._distil(width)
            yield Made(describe(f"distilled_{width}", "distillation", made), made, True)

    def write(self, signature: Signature, folder: Path) -> None:
        """Write every network, its quantized forms and the index of all into `folder`.

        Args:
            signature: What each says about itself.
            folder: An empty folder.
        """
        matrix = self._train.embeddings.matrix
        candidates = []
        for candidate, network, quantized in self.make():
            source = folder / f"{candidate.name}.onnx"
            export_onnx(network, signature, source)
            candidates.append(candidate)
            for method in self._compress.quantize if quantized and network.shape.hidden else ():
                name = f"{candidate.name}_int8_{method}"
                if method == "dynamic":
                    quantize_by_vector(source, folder / f"{name}.onnx")
                else:
                    quantize_by_range(source, folder / f"{name}.onnx", matrix)
                changes = {"name": name, "quantization": method}
                candidates.append(candidate.model_copy(update=changes))
        write_candidates(candidates, folder)

    def _prune(self, ratio: float, criterion: Criterion) -> FeedForward:
        """Return a network with fewer neurons that has learned to do without the others."""
        vectors = torch.from_numpy(self._train.embeddings.matrix)
        return self._fine_tune(prune_network(self._network, ratio, criterion, vectors, self._seed))

    def _fine_tune(self, network: FeedForward) -> FeedForward:
        """Train a network further."""
        return fine_tune(
            network,
            self._train,
            self._validation,
            self._task,
            self._params,
            self._compress.finetune_epochs,
            self._compress.finetune_learning_rate,
            self._seed,
        ).network

    def _distil(self, width: int) -> FeedForward:
        """Return a narrower network that has learned from this one."""
        compress = self._compress
        teacher = Teacher(self._network, compress.distil_temperature, compress.distil_share)
        return distil(
            teacher,
            width,
            self._train,
            self._validation,
            self._task,
            self._params,
            self._seed,
        ).network


def describe(
    name: str,
    method: Method,
    network: FeedForward,
    *,
    criterion: Criterion | None = None,
    ratio: float | None = None,
) -> Candidate:
    """Return what a network in 32 bits is made of."""
    layers = [linear_part(network, layer) for layer in range(len(network.shape.hidden) + 1)]
    return Candidate(
        name=name,
        method=method,
        criterion=criterion,
        ratio=ratio,
        hidden=network.shape.hidden,
        parameters=count_parameters(network),
        nonzero=sum(int(torch.count_nonzero(values)) for values in network.parameters()),
        multiply_adds=sum(layer.weight.numel() for layer in layers),
    )
