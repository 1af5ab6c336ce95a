"""Scoring of files: batches are read, scored side by side and given back in their order."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from arginator import __version__
from arginator.files import hash_file
from arginator.kept_rows import KeptRows
from arginator.loaded_bundles import load_bundles
from arginator.prediction import Predictor
from arginator.prediction_inputs import InputReader, Query
from arginator.query_sequences import FastaOptions

SIMULATED = "%s: trained on simulated proteins (%s); what it says of real ones means nothing"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scoring:
    """How files are scored.

    Attributes:
        bundle: A bundle, or a folder of `<task>/bundle`.
        task: The only task to ask; None for all.
        neighbours: Whether to look for the nearest training proteins.
        fasta: How to read sequences.
        model: Weights of the embedder, as `embedder_of_models` takes them.
        device: "auto" for a GPU where there is one, or "cpu".
        matrix: What holds vectors, as `read_vectors` takes it; likewise `names` and `ids`.
        threads: Batches that are scored side by side.
        batch_size: Most proteins at once.
    """

    bundle: Path
    task: str | None = None
    neighbours: bool = True
    fasta: FastaOptions = field(default_factory=FastaOptions)
    model: str | None = None
    device: str = "auto"
    matrix: str | None = None
    names: str | None = None
    ids: Path | None = None
    threads: int = 2
    batch_size: int = 4096


class Scorer:
    """Scores files.

    Args:
        scoring: How.

    Attributes:
        predictor: What scores them.

    Raises:
        ModelError: There is no sound bundle.
    """

    def __init__(self, scoring: Scoring) -> None:
        self._scoring = scoring
        bundles = load_bundles(scoring.bundle, scoring.task, threads=1)  # batches go side by side
        self.predictor = Predictor(bundles, neighbours=scoring.neighbours)
        arrays = {"matrix": scoring.matrix, "names": scoring.names, "ids": scoring.ids}
        self._reader = InputReader(
            self.predictor.embedder,
            self.predictor.width,
            scoring.fasta,
            arrays,
            scoring.model,
            scoring.device,
        )

    @property
    def facts(self) -> dict[str, Any]:
        """What rows depend on beside their input, as JSON has it."""
        scoring = self._scoring
        fasta = scoring.fasta
        options = [
            *(fasta.on_invalid, fasta.max_length_aa, fasta.force_protein),
            *(scoring.device, _describe_weights(scoring.model), scoring.matrix, scoring.names),
            *(scoring.ids and hash_file(scoring.ids), scoring.neighbours),
        ]
        return {"arginator": __version__, "bundles": self.predictor.id, "options": options}

    def score(
        self, files: Sequence[Path], kept: KeptRows | None = None
    ) -> Iterator[tuple[Path, pa.RecordBatch]]:
        """Yield the rows of each file, in order, while the next batches are read and scored.

        Args:
            files: The files; `-` is FASTA on standard input.
            kept: Rows of an earlier run that need not be scored again.

        Raises:
            DataError: A file is faulty, which may be found at its end.
        """
        scoring: deque[tuple[Path, Future[pa.RecordBatch]]] = deque()
        with ThreadPoolExecutor(self._scoring.threads) as pool:
            for path, query in self._queries(files, kept):
                if kept is not None and (rows := kept.take(query.embeddings.ids)) is not None:
                    yield path, rows
                    continue
                future = pool.submit(self.predictor.predict, query.embeddings, query.statuses)
                scoring.append((path, future))
                if len(scoring) > self._scoring.threads:
                    yield _first(scoring, kept)
            while scoring:
                yield _first(scoring, kept)

    def _queries(
        self, files: Sequence[Path], kept: KeptRows | None
    ) -> Iterator[tuple[Path, Query]]:
        """Yield the proteins of each file, at most so many at a time."""
        known = None if kept is None else kept.covers
        for path in files:
            for query in self._reader.read(path, known):
                for part in query.parts(self._scoring.batch_size):
                    yield path, part


def warn_of_simulated(predictor: Predictor, bundle: Path) -> None:
    """Say so if models were trained on simulated proteins."""
    if predictor.simulated:
        logger.warning(SIMULATED, bundle, predictor.source)


def _describe_weights(model: str | None) -> str | list[list[str | int]] | None:
    """Return what tells weights from others: a name, or the files of a folder."""
    if model is None or not Path(model).is_dir():
        return model
    files = sorted(path for path in Path(model).iterdir() if path.is_file())
    return [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]


def _first(
    scoring: deque[tuple[Path, Future[pa.RecordBatch]]], kept: KeptRows | None
) -> tuple[Path, pa.RecordBatch]:
    """Wait for the rows that were asked for first."""
    path, future = scoring.popleft()
    rows = future.result()
    if kept is not None:
        kept.add(rows)
    return path, rows
