"""`/v2`: the Open Inference Protocol, so that what speaks to Triton or KServe can speak to this.

https://github.com/kserve/open-inference-protocol: each task is a model whose input `vectors` is
FP32 [n, d] and whose outputs are `probability`, FP64 [n, k], calibrated, and `label`, BYTES [n].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from jaxtyping import Float32
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from arginator import __version__
from arginator.embeddings import Embeddings
from arginator.errors import DataError
from arginator.loaded_bundles import Bundle
from arginator.prediction_inputs import Query
from arginator.service.state import State, state_of

router = APIRouter(prefix="/v2", tags=["v2"])
INPUT, PROBABILITY, LABEL = "vectors", "probability", "label"
Number = Annotated[float, Field(allow_inf_nan=False)]
Row = Annotated[list[Number], Field(fail_fast=True)]
Rows = Annotated[list[Row], Field(fail_fast=True)]


class Fault(BaseModel):
    """What went wrong, as the protocol has it."""

    error: str


class TensorIn(BaseModel):
    """Vectors, row after row, flat or nested."""

    name: Literal["vectors"]
    shape: Annotated[list[Annotated[int, Field(ge=0, le=2**31)]], Field(min_length=2, max_length=2)]
    datatype: Literal["FP32"]
    data: Row | Rows


class OutputIn(BaseModel):
    """An output that is wanted."""

    name: Literal["probability", "label"]


class InferIn(BaseModel):
    """A request for inference."""

    model_config = ConfigDict(protected_namespaces=())
    id: str | None = Field(None, max_length=1000)
    inputs: Annotated[list[TensorIn], Field(min_length=1, max_length=1)]
    outputs: list[OutputIn] = []


class TensorOut(BaseModel):
    """An output."""

    name: str
    shape: list[int]
    datatype: str
    data: list[float] | list[str]


class InferOut(BaseModel):
    """The answer to a request for inference."""

    model_config = ConfigDict(protected_namespaces=())
    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[TensorOut]


class TensorSpec(BaseModel):
    """What a tensor is like; -1 stands for any number."""

    name: str
    datatype: str
    shape: list[int]


class ModelOut(BaseModel):
    """What a model is."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    parameters: dict[str, Any]


class ServerOut(BaseModel):
    """What the server is."""

    name: str
    version: str
    extensions: list[str]


class Live(BaseModel):
    """Whether the server lives."""

    live: bool


class Ready(BaseModel):
    """Whether the server, or a model, is ready."""

    ready: bool


class ModelReady(BaseModel):
    """Whether a model is ready."""

    name: str
    ready: bool


def faults(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how a route's documentation describes its errors."""
    return {status: {"model": Fault} for status in statuses}


@router.get("", responses=faults(401, 429))
async def server() -> ServerOut:
    """Tell what the server is."""
    return ServerOut(name="arginator", version=__version__, extensions=[])


@router.get("/health/live")
async def live() -> Live:
    """Tell that the server lives."""
    return Live(live=True)


@router.get("/health/ready", responses={503: {"model": Ready}})
async def ready(request: Request) -> Response:
    """Tell whether the server takes requests; it does not once it has been told to stop."""
    is_ready = state_of(request).ready
    return JSONResponse({"ready": is_ready}, 200 if is_ready else 503)


@router.get("/models/{name}", responses=faults(401, 404, 429))
async def model(request: Request, name: str) -> ModelOut:
    """Tell what a model takes and gives."""
    bundle = _find(request, name)
    signature = bundle.manifest.signature
    width, classes = signature.width, list(signature.classes)
    return ModelOut(
        name=name,
        versions=[bundle.id],
        platform="onnxruntime_onnx",
        inputs=[TensorSpec(name=INPUT, datatype="FP32", shape=[-1, width])],
        outputs=[
            TensorSpec(name=PROBABILITY, datatype="FP64", shape=[-1, len(classes)]),
            TensorSpec(name=LABEL, datatype="BYTES", shape=[-1]),
        ],
        parameters={"classes": classes, "embedder": signature.embedder},
    )


@router.get("/models/{name}/ready", responses=faults(401, 404, 429))
async def model_ready(request: Request, name: str) -> ModelReady:
    """Tell that a model is ready."""
    _find(request, name)
    return ModelReady(name=name, ready=True)


@router.post("/models/{name}/infer", responses=faults(400, 401, 404, 408, 413, 422, 429))
async def infer(request: Request, name: str, body: InferIn) -> InferOut:
    """Return calibrated probabilities and the most probable class of each vector."""
    bundle, state = _find(request, name), state_of(request)
    matrix = await run_in_threadpool(_matrix, body.inputs[0], state)
    probability = await run_in_threadpool(bundle.model.predict_probability, matrix)
    classes = bundle.manifest.signature.classes
    named = [classes[place] for place in probability.argmax(axis=1)]
    n, k = probability.shape
    numbers = probability.ravel().tolist()
    outputs = [
        TensorOut(name=PROBABILITY, shape=[n, k], datatype="FP64", data=numbers),
        TensorOut(name=LABEL, shape=[n], datatype="BYTES", data=named),
    ]
    wanted: set[str] = {output.name for output in body.outputs} or {PROBABILITY, LABEL}
    return InferOut(
        model_name=name,
        model_version=bundle.id,
        id=body.id,
        outputs=[output for output in outputs if output.name in wanted],
    )


def _find(request: Request, name: str) -> Bundle:
    """Return the bundle of a task."""
    for bundle in state_of(request).predictor.bundles:
        if bundle.task == name:
            return bundle
    raise HTTPException(404, f"there is no model {name[:100]!r}")


def _matrix(tensor: TensorIn, state: State) -> Float32[np.ndarray, "n d"]:
    """Return the vectors of a request, checked."""
    n, width = tensor.shape
    if width != state.predictor.width:
        problem = f"have width {width:,}, expected {state.predictor.width:,}"
        raise DataError(INPUT, problem, f"made by {state.predictor.embedder!r}")
    flat = _flatten(tensor.data, width)
    if len(flat) != n * width:
        problem = f"has {len(flat):,} numbers, expected {n:,} × {width:,} as its shape says"
        raise DataError(INPUT, problem, "correct shape or data")
    with np.errstate(over="ignore"):
        matrix = np.array(flat, np.float32).reshape(n, width)
    if not np.isfinite(matrix).all():
        raise DataError(INPUT, "holds numbers too large for 32 bits", "")
    ids = tuple(f"row {row}" for row in range(n))
    state.check(Query(Embeddings(ids, matrix)))
    return matrix


def _flatten(data: Sequence[Any], width: int) -> list[float]:
    """Return numbers row after row."""
    if not data or not isinstance(data[0], list):
        return list(data)
    if any(len(row) != width for row in data):
        raise DataError(INPUT, f"has rows of other widths than {width:,}", "correct shape or data")
    return [number for row in data for number in row]
