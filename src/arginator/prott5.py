"""ProtT5: a language model of proteins that turns each sequence into one vector.

A vector is the mean over a protein's residues of the encoder's last layer, in 16 bits as UniProt
has them; neither the padding of a batch nor the token that ends a sequence counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float16
from safetensors import SafetensorError
from torch import Tensor

from arginator.embedders import PROTT5, Embedded, Failure
from arginator.errors import ModelError
from arginator.sequences import STANDARD_RESIDUES

HUB_NAME = "Rostlab/prot_t5_xl_half_uniref50-enc"
"""The encoder of ProtT5-XL-UniRef50 (Elnaggar et al. 2021, doi:10.1109/TPAMI.2021.3095381)."""

RESIDUES_AT_ONCE = 4_000
UNKNOWN_RESIDUES = re.compile(f"[^{STANDARD_RESIDUES}]")  # X to the model, as in its training
OUT_OF_MEMORY = re.compile(
    "can't allocate memory|not enough memory|out of memory|alloc_failed", re.IGNORECASE
)


class ProtT5:
    """The model, ready to embed.

    Half precision on a GPU, float32 on a CPU.

    Args:
        name: Name on the Hugging Face hub, or a local folder with the model and its tokenizer.
        revision: Commit, branch or tag on the hub; None for its newest.
        device: "auto" for a GPU where there is one, or "cpu".
        residues: Most residues in a batch, padding included; a longer sequence goes alone.

    Attributes:
        width: Numbers in a vector, d.
        facts: `embedder`, the `model`, the `revision` that the hub gave (empty for a local folder)
            and how residues are pooled.

    Raises:
        ModelError: The packages for it are not installed, or the model cannot be loaded.
    """

    def __init__(
        self,
        name: str = HUB_NAME,
        revision: str | None = None,
        device: str = "auto",
        residues: int = RESIDUES_AT_ONCE,
    ) -> None:
        self._residues = residues
        self._tokenizer, encoder = _load(name, revision)
        on_gpu = device == "auto" and torch.cuda.is_available()
        self._device = torch.device("cuda" if on_gpu else "cpu")
        self._encoder = encoder.eval().to(self._device, torch.float16 if on_gpu else torch.float32)
        self.width = int(encoder.config.d_model)
        self.facts = {
            "embedder": PROTT5,
            "model": name,
            "revision": getattr(encoder.config, "_commit_hash", None) or "",
            "pooling": "mean over residues",
        }

    def embed(self, sequences: Sequence[str], residues: int | None = None) -> Iterator[Embedded]:
        """Yield the vectors of the sequences in batches, the longest first.

        A batch that does not fit into memory is halved, down to one sequence, which is tried on the
        CPU; what does not fit there either is a failure. Later batches have at most as many
        residues as the last one that did fit.

        Args:
            sequences: Upper-case residues; what is none of the standard 20 is unknown (X).
            residues: Most residues in a batch; None for what was said before.
        """
        residues = residues or self._residues
        lengths = [len(sequence) for sequence in sequences]
        waiting = sorted(range(len(sequences)), key=lambda index: -lengths[index])
        while waiting:
            number = max(1, min(len(waiting), residues // max(lengths[waiting[0]], 1)))
            batch = waiting[:number]
            done = self._embed_or_none([sequences[index] for index in batch], self._device)
            if done is None and number > 1:
                residues = number // 2 * lengths[batch[0]]
                continue
            waiting = waiting[number:]
            if done is None and self._device.type != "cpu":
                done = self._embed_or_none([sequences[batch[0]]], torch.device("cpu"))
            if done is None:
                reason = f"{lengths[batch[0]]:,} residues do not fit into memory"
                nothing = np.empty((0, self.width), np.float16)
                yield Embedded((), nothing, (Failure(batch[0], reason),))
            else:
                yield _sort_out(batch, done)

    def _embed_or_none(
        self, sequences: Sequence[str], device: torch.device
    ) -> Float16[np.ndarray, "n d"] | None:
        """Return a vector a sequence; None if memory does not suffice."""
        try:
            return self._mean_over_residues(sequences, device)
        except (MemoryError, RuntimeError) as error:  # a CPU raises a plain RuntimeError
            if isinstance(error, RuntimeError) and OUT_OF_MEMORY.search(str(error)) is None:
                raise
        if device.type == "cuda":
            torch.cuda.empty_cache()
        return None

    @torch.inference_mode()
    def _mean_over_residues(
        self, sequences: Sequence[str], device: torch.device
    ) -> Float16[np.ndarray, "n d"]:
        """Return a vector a sequence."""
        spaced = [" ".join(UNKNOWN_RESIDUES.sub("X", sequence)) for sequence in sequences]
        tokens = self._tokenizer(spaced, padding=True, return_tensors="pt").to(device)
        encoder = self._encoder
        try:
            if device != self._device:
                encoder = encoder.to(device, torch.float32)
            hidden = encoder(tokens.input_ids, tokens.attention_mask).last_hidden_state.float()
        finally:
            if device != self._device:
                self._encoder.to(self._device, torch.float16)
        length = torch.tensor([len(sequence) for sequence in sequences], device=device)
        residue = torch.arange(hidden.shape[1], device=device) < length[:, None]
        mean: Tensor = (hidden * residue[:, :, None]).sum(dim=1) / length[:, None]
        vectors: Float16[np.ndarray, "n d"] = mean.half().cpu().numpy()
        return vectors


def _sort_out(batch: Sequence[int], matrix: Float16[np.ndarray, "n d"]) -> Embedded:
    """Tell vectors from what holds numbers that are not finite."""
    finite = np.isfinite(matrix).all(axis=1)
    bad = [index for index, good in zip(batch, finite, strict=True) if not good]
    return Embedded(
        tuple(index for index, good in zip(batch, finite, strict=True) if good),
        matrix[finite],
        tuple(Failure(index, "the model's answer is not finite in 16 bits") for index in bad),
    )


def _load(name: str, revision: str | None) -> tuple[Any, Any]:
    """Return the tokenizer and the encoder."""
    try:
        from transformers import AutoTokenizer, T5EncoderModel
        from transformers.utils import logging
    except ImportError:
        problem = "needs packages that are not installed"
        raise ModelError("ProtT5", problem, "install transformers, sentencepiece, torch") from None
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    options: dict[str, Any] = {} if revision is None else {"revision": revision}
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, **options)
        loaded: Any = T5EncoderModel.from_pretrained(name, output_loading_info=True, **options)
    except (OSError, ValueError, ImportError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        remedy = f"fetch it where there is a network (`hf download {name}`), or name a local folder"
        if Path(name).exists():
            remedy = "name a folder that holds a model like ProtT5 and its tokenizer"
        raise ModelError(name, f"cannot be loaded ({reason})", remedy) from None
    encoder, report = loaded
    if report["missing_keys"]:
        missing = sorted(report["missing_keys"])
        problem = f"is no such model: {len(missing)} of its weights are missing ({missing[0]})"
        raise ModelError(name, problem, "name an encoder such as ProtT5's")
    return tokenizer, encoder
