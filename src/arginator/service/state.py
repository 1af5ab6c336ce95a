"""What the routes share: the models, ready to answer, and the jobs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from anyio import CapacityLimiter
from fastapi import Request
from starlette.concurrency import run_in_threadpool

from arginator.errors import DataError, ModelError
from arginator.loaded_bundles import find_bundles, load_bundles
from arginator.prediction import Predictor
from arginator.prediction_inputs import InputReader, Query, check_lengths
from arginator.query_sequences import FastaOptions
from arginator.service.jobs import Jobs
from arginator.service.settings import Settings

AT_ONCE = 4  # proteins that are answered in the event loop itself, which is quicker than a thread
SNAPSHOT = "serving"


class State:
    """The models and the jobs of a running service.

    The bundles are copied when the service starts, so that those on disk may be replaced while it
    runs: it answers with the ones it was started with until it is started again.

    Args:
        settings: What the service was told.

    Raises:
        ModelError: There is no sound bundle.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.jobs = Jobs(settings.data)
        self.models = _snapshot(settings.models, settings.data / SNAPSHOT)
        bundles = load_bundles(self.models, threads=1)
        self.predictor = Predictor(bundles)
        self.predictor.warm_up()
        self._quick = Predictor(bundles, neighbours=False)
        self._reader = InputReader(
            self.predictor.embedder, self.predictor.width, FastaOptions(on_invalid="skip")
        )
        self.conversions = CapacityLimiter(1)
        self.ready = False

    async def predict(self, query: Query, *, neighbours: bool) -> pa.RecordBatch:
        """Return a row a protein."""
        predictor = self.predictor if neighbours else self._quick
        if len(query.embeddings.ids) <= AT_ONCE:
            return predictor.predict(query.embeddings, query.statuses)
        return await run_in_threadpool(predictor.predict, query.embeddings, query.statuses)

    async def embed(self, sequences: Sequence[tuple[str, str]]) -> Query:
        """Return the vectors of ids and sequences, checked as those of a FASTA file are.

        Raises:
            DataError: Something in them is faulty.
        """
        return await run_in_threadpool(self._embed, sequences)

    def check(self, query: Query) -> None:
        """Refuse vectors that the embedder of the models cannot have made."""
        if query.embeddings.width != self.predictor.width:
            problem = f"have width {query.embeddings.width:,}, expected {self.predictor.width:,}"
            raise DataError("vectors", problem, f"made by {self.predictor.embedder!r}")
        check_lengths(query.embeddings, self.predictor.embedder, "vectors")

    def _embed(self, sequences: Sequence[tuple[str, str]]) -> Query:
        """Write the sequences as FASTA and read them back."""
        with tempfile.NamedTemporaryFile("w", suffix=".fasta") as file:
            file.writelines(f">{name}\n{residues}\n" for name, residues in sequences)
            file.flush()
            try:
                (query,) = self._reader.read(Path(file.name))
            except DataError as error:
                where = error.where.replace(file.name, "sequences")
                raise DataError(where, error.problem, error.remedy) from None
            return query


def state_of(request: Request) -> State:
    """Return what the service of a request shares."""
    state: State = request.app.state.service
    return state


def _snapshot(models: Path, folder: Path) -> Path:
    """Copy the bundles, in place of those of an earlier start."""
    if folder.resolve() in (models.resolve(), *models.resolve().parents):
        raise ModelError(models, "is the service's own copy", "name the models it was made from")
    found = find_bundles(models)
    shutil.rmtree(folder, ignore_errors=True)
    for place, bundle in enumerate(found):
        shutil.copytree(bundle, folder / str(place) / "bundle")
    return folder
