"""`POST /v1/predict`: a few proteins, answered at once."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from arginator import __version__
from arginator.embeddings import Embeddings
from arginator.errors import DataError
from arginator.prediction_inputs import Query
from arginator.prediction_outputs import as_rows
from arginator.service.problems import problem_responses
from arginator.service.state import State, state_of

EXAMPLE_SEQUENCE = (
    "MSIQHFRVALIPFFAAFCLPVFAHPETLVKVKDAEDQLGARVGYIELDLNSGKILESFRPEERFPMMSTFKVLLCGAVLSRVDAGQEQLGRRI"
    "HYSQNDLVEYSPVTEKHLTDGMTVRELCSAAITMSDNTAANLLLTTIGGPKELTAFLHNMGDHVTRLDRWEPELNEAIPNDERDTTMPAAMAT"
    "TLRKLLTGELLTLASRQQLIDWMEADKVAGPLLRSALPAGWFIADKSGAGERGSRGIIAALGPDGKPSRIVVIYTTGSQATMDERNRQIAEIG"
    "ASLIKHW"
)
"""TEM-1, NCBI WP_000027057.1."""

router = APIRouter(tags=["v1"])
Id = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\s\x00-\x1f\x7f-\x9f]+$")]
Residues = Annotated[str, Field(min_length=1, max_length=100_000, pattern=r"^[A-Za-z*.\-]+$")]
Number = Annotated[float, Field(allow_inf_nan=False)]
MOST_PROTEINS = 100  # that are answered at once; more have to be a job
NEIGHBOURS = Field(True, description="whether to look for the nearest training proteins")


class _Body(BaseModel):
    """A part of a request: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid")


class SequenceIn(_Body):
    """A protein by its residues."""

    id: Id = Field(examples=["TEM-1"])
    sequence: Residues = Field(examples=[EXAMPLE_SEQUENCE])


class VectorIn(_Body):
    """A protein by its vector, made by the models' embedder."""

    id: Id
    vector: Annotated[list[Number], Field(min_length=1, max_length=100_000, fail_fast=True)]


class SequencesIn(_Body):
    """Proteins to score, by their residues."""

    sequences: Annotated[list[SequenceIn], Field(min_length=1, max_length=MOST_PROTEINS)]
    neighbours: StrictBool = NEIGHBOURS


class VectorsIn(_Body):
    """Proteins to score, by their vectors."""

    vectors: Annotated[list[VectorIn], Field(min_length=1, max_length=MOST_PROTEINS)]
    neighbours: StrictBool = NEIGHBOURS


class PredictOut(BaseModel):
    """A row a protein, in the order of the request; columns as those of `arginator predict`."""

    bundle: str
    simulated: bool = Field(description="whether the models were trained on simulated proteins")
    rows: list[dict[str, Any]]


class VersionOut(BaseModel):
    """What answers."""

    arginator: str
    bundle: str
    tasks: list[str]
    embedder: str
    width: int
    source: str
    simulated: bool


@router.get("/version", tags=["service"])
async def version(request: Request) -> VersionOut:
    """Tell what answers: release, bundle, and what its vectors are made by."""
    predictor = state_of(request).predictor
    return VersionOut(
        arginator=__version__,
        bundle=predictor.id,
        tasks=[bundle.task for bundle in predictor.bundles],
        embedder=predictor.embedder,
        width=predictor.width,
        source=predictor.source,
        simulated=predictor.simulated,
    )


@router.post("/v1/predict", responses=problem_responses(400, 401, 408, 413, 422, 429, 501))
async def predict(request: Request, body: SequencesIn | VectorsIn) -> PredictOut:
    """Score up to a hundred proteins; more are a job."""
    state = state_of(request)
    query = await _read(state, body)
    rows = await state.predict(query, neighbours=body.neighbours)
    predictor = state.predictor
    return PredictOut(bundle=predictor.id, simulated=predictor.simulated, rows=as_rows(rows))


async def _read(state: State, body: SequencesIn | VectorsIn) -> Query:
    """Return the proteins of a request as vectors."""
    if isinstance(body, SequencesIn):
        return await state.embed([(one.id, one.sequence) for one in body.sequences])
    query = Query(_join([one.id for one in body.vectors], [one.vector for one in body.vectors]))
    state.check(query)
    return query


def _join(ids: list[str], vectors: list[list[float]]) -> Embeddings:
    """Return vectors as a matrix."""
    if len(set(ids)) < len(ids):
        twice = next(name for place, name in enumerate(ids) if name in ids[:place])
        raise DataError(f"vectors (id {twice!r})", "the id stands twice", "give each its own")
    if len({len(vector) for vector in vectors}) > 1:
        raise DataError("vectors", "are of several widths", "embed all in one way")
    with np.errstate(over="ignore"):
        matrix = np.array(vectors, np.float32)
    if not np.isfinite(matrix).all():
        first = ids[int(np.flatnonzero(~np.isfinite(matrix).all(axis=1))[0])]
        raise DataError(f"vectors (id {first!r})", "holds numbers too large for 32 bits", "")
    return Embeddings(tuple(ids), matrix)
