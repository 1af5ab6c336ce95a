"""What turns sequences into vectors: k-mers, or a language model of proteins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from arginator.errors import ModelError
from arginator.kmers import KmerEmbedder

KMER, PROTT5 = "kmer", "prott5"
KMER_LENGTHS, KMER_WIDTH = (2, 3), 1024
SEQUENCES_AT_ONCE = 1024


@dataclass(frozen=True)
class Failure:
    """A sequence without a vector.

    Attributes:
        index: Its place among the sequences.
        reason: Why it has none.
    """

    index: int
    reason: str


@dataclass(frozen=True)
class Embedded:
    """What became of some sequences.

    Attributes:
        index: Places of those with a vector among the sequences, n of them.
        matrix: Their vectors, a row each.
        failures: The others.
    """

    index: tuple[int, ...]
    matrix: Float[np.ndarray, "n d"]
    failures: tuple[Failure, ...] = ()


@runtime_checkable
class Embedder(Protocol):
    """What turns sequences into vectors.

    Attributes:
        width: Numbers in a vector, d.
        facts: What it is, by name: `embedder` and what else makes its vectors.
    """

    width: int
    facts: dict[str, str]

    def embed(self, sequences: Sequence[str]) -> Iterator[Embedded]:
        """Yield what became of the sequences, each of them once."""


class Kmers:
    """Counts of k-mers."""

    def __init__(self, lengths: tuple[int, ...] = KMER_LENGTHS, width: int = KMER_WIDTH) -> None:
        self.width = width
        self.facts = {"embedder": "-".join([KMER, *map(str, lengths)])}
        self._kmers = KmerEmbedder(lengths, width)

    def embed(self, sequences: Sequence[str]) -> Iterator[Embedded]:
        """Yield what became of the sequences, in their order."""
        for start in range(0, len(sequences), SEQUENCES_AT_ONCE):
            part = sequences[start : start + SEQUENCES_AT_ONCE]
            yield Embedded(tuple(range(start, start + len(part))), self._kmers.embed(part))


def embedder_of_models(
    name: str, width: int, model: str | None = None, device: str = "auto"
) -> Embedder:
    """Return the embedder whose vectors models read.

    Args:
        name: Its name, as in the models' signature: `prott5`, or `kmer` and lengths.
        width: Numbers in a vector, d.
        model: Local folder or name on the hub of ProtT5's weights; None for those of its authors.
        device: "auto" for a GPU where there is one, or "cpu".

    Raises:
        ModelError: It is unknown, cannot be loaded, makes vectors of another width, or takes no
            `model`.
    """
    kind, *lengths = name.split("-")
    if name == PROTT5:
        embedder = open_embedder(model or PROTT5, device=device, alone=True)
    elif model is not None:
        raise ModelError("--model", f"is for {PROTT5!r}, but the models read {name!r}", "drop it")
    elif kind == KMER and lengths:
        embedder = Kmers(tuple(map(int, lengths)), width)
    else:
        problem = "is no embedder that comes with arginator"
        raise ModelError(f"embedder {name!r}", problem, "embed the proteins first, pass vectors")
    if embedder.width != width:
        problem = f"makes vectors of width {embedder.width:,}, the models read {width:,}"
        raise ModelError(model or name, problem, "name the weights that training used")
    return embedder


def open_embedder(
    model: str, revision: str | None = None, device: str = "auto", *, alone: bool = False
) -> Embedder:
    """Return the embedder of a name.

    Args:
        model: `kmer`, `prott5`, or a local folder or name on the hub of a model like ProtT5.
        revision: Commit, branch or tag on the hub; None for its newest.
        device: "auto" for a GPU where there is one, or "cpu".
        alone: Whether each sequence goes through a language model alone, so that no last digit of
            its vector hangs on the others.

    Raises:
        ModelError: It cannot be loaded.
    """
    if model == KMER:
        return Kmers()
    try:
        from arginator.prott5 import HUB_NAME, RESIDUES_AT_ONCE, ProtT5
    except ImportError as error:
        problem = f"needs packages that are not installed ({error.name})"
        raise ModelError("ProtT5", problem, "install the extra 'prott5'") from None
    residues = 1 if alone else RESIDUES_AT_ONCE
    return ProtT5(HUB_NAME if model == PROTT5 else model, revision, device, residues)
