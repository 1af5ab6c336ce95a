"""Classifiers in ONNX files: what a bundle ships and what evaluation measures."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import onnxruntime as ort
from jaxtyping import Float, Float32, Float64
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from arginator.errors import DataError, ModelError
from arginator.tasks import Signature, class_probability

METADATA_KEY = "arginator"
PARAMETERS_KEY = "arginator.parameters"
BATCH_ROWS = 1024
FATAL = 4  # ONNX Runtime's own log; what it would say is in the errors it raises
UNREADABLE = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


@runtime_checkable
class Classifier(Protocol):
    """What says for each protein how probable each class is."""

    def predict_probability(self, matrix: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n k"]:
        """Return one probability a class."""


class OnnxClassifier:
    """A network in an ONNX file, run by ONNX Runtime on the CPU; needs neither torch nor onnx.

    Weights outside the file are refused.

    Args:
        path: The file, as `arginator.compression` writes it.
        threads: Threads that share the work; the number does not change the result.

    Attributes:
        signature: What the model says about itself.
        parameters: Learned numbers in the network it was made from.
        size_bytes: Size of the file.

    Raises:
        ModelError: The file is missing, damaged, no such model, or does what it does not say.
    """

    def __init__(self, path: Path, threads: int = 2) -> None:
        try:
            content = path.read_bytes()
        except OSError as error:
            reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
            raise ModelError(path, f"{reason}", "run `dvc repro compress`") from None
        self._session = _start(path, content, threads)
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.signature = Signature.from_json(metadata.get(METADATA_KEY, ""), path)
        self.parameters = _read_count(path, metadata.get(PARAMETERS_KEY, ""))
        self.size_bytes = len(content)
        _check_ends(path, self._session, self.signature)
        self._input = self._session.get_inputs()[0].name

    def predict_probability(self, matrix: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n k"]:
        """Return one probability a class, in the order of `signature.classes`.

        Raises:
            DataError: The vectors have another width than the model's, or a number in them or the
                model's answer to one is not finite.
        """
        if matrix.shape[1] != self.signature.width:
            raise DataError(
                "vectors",
                f"width {matrix.shape[1]:,}, expected {self.signature.width:,} as made by "
                f"{self.signature.embedder!r}",
                "embed the proteins with that",
            )
        if len(matrix) <= BATCH_ROWS:
            return class_probability(self._logit(matrix, 0))
        probability = np.empty((len(matrix), len(self.signature.classes)))
        for start in range(0, len(matrix), BATCH_ROWS):
            rows = slice(start, start + BATCH_ROWS)
            probability[rows] = class_probability(self._logit(matrix[rows], start))
        return probability

    def _logit(
        self, matrix: Float[np.ndarray, "n d"], start: int
    ) -> Float32[np.ndarray, "n outputs"]:
        """Run the network on the rows from `start` on."""
        vectors = np.ascontiguousarray(matrix, dtype=np.float32)
        logit: Float32[np.ndarray, "n outputs"]
        (logit,) = self._session.run(None, {self._input: vectors})
        if not (np.isfinite(logit).all() and np.isfinite(vectors).all()):
            finite = np.isfinite(vectors).all(axis=1) & np.isfinite(logit).all(axis=1)
            first = start + int(np.argmin(finite))
            raise DataError(
                "vectors",
                f"row {first:,} (from 0) holds or leads to a number that is not finite",
                "remove it or embed that protein again",
            )
        return logit


def _start(path: Path, content: bytes, threads: int) -> ort.InferenceSession:
    """Start a session on a model file's content."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = FATAL
    try:
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except UNREADABLE:
        raise ModelError(
            path, "damaged, or no ONNX model in one file", "run `dvc repro compress`"
        ) from None


def _read_count(path: Path, text: str) -> int:
    """Read the number of learned numbers from a model's metadata."""
    if not text.isdecimal():
        raise ModelError(path, "carries no number of parameters", "run `dvc repro compress`")
    return int(text)


def _check_ends(path: Path, session: ort.InferenceSession, signature: Signature) -> None:
    """Refuse a graph whose input and output are not those of its signature."""
    outputs = 1 if signature.kind == "binary" else len(signature.classes)
    ends = (*session.get_inputs(), *session.get_outputs())
    found = [(end.type, *end.shape[1:]) for end in ends]
    expected = [("tensor(float)", signature.width), ("tensor(float)", outputs)]
    if found != expected:
        raise ModelError(
            path,
            f"its graph goes from and to {found}, its signature says {expected}",
            "run `dvc repro compress`",
        )
