"""`/v1/jobs`: whole files, scored by workers; come back for the result."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from arginator.hamronized import GROUP
from arginator.service.job_results import (
    MEDIA_TYPES,
    ResultFormat,
    convert,
    list_rejected,
    read_models,
)
from arginator.service.jobs import ENDED, PLOT, RESULT, Job, Jobs, State
from arginator.service.problems import problem_responses
from arginator.service.state import state_of
from arginator.service.uploads import FORM, has_room, plain_name, receive

router = APIRouter(prefix="/v1/jobs", tags=["v1"])
SOON, LATER = {"retry-after": "1"}, {"retry-after": "10"}
TOO_MANY = "too many jobs wait; come again later"
UPLOADED = "uploaded"
COMMON = (401, 404, 410, 429, 503)
BINARY = {"schema": {"type": "string", "format": "binary", "minLength": 1}}
FASTA = {
    "schema": {"type": "string", "pattern": "^>", "examples": [">TEM-1\nMSIQHFRVALIPFFAAFCL\n"]}
}
BODY: dict[str, Any] = {
    "required": True,
    "description": "FASTA (plain or gzip), HDF5, Parquet, npz or CSV; as it is, or as a form",
    "content": {
        "text/x-fasta": FASTA,
        "application/octet-stream": BINARY,
        FORM: {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": BINARY["schema"]},
            }
        },
    },
}


class JobOut(BaseModel):
    """A job: what became of it, and where its result is."""

    id: str
    name: str = Field(description="what the client calls its file")
    state: State
    done: int = Field(description="proteins scored")
    total: int | None = Field(description="proteins in all, if known")
    problem: str | None = Field(description="why it failed")
    created: float = Field(description="seconds since 1970; likewise started and ended")
    started: float | None
    ended: float | None
    links: dict[str, str]


def describe(job: Job) -> JobOut:
    """Return a job as clients see it."""
    own = f"/v1/jobs/{job.id}"
    links = {"self": own}
    if job.state == "succeeded":
        links |= {name: f"{own}/{name}" for name in ("result", "rejected", "plot.svg")}
    return JobOut(**vars(job), links=links)


@router.post(
    "",
    status_code=202,
    response_model=JobOut,
    responses=problem_responses(400, 401, 408, 413, 415, 422, 429, 503, 507),
    openapi_extra={"requestBody": BODY},
)
async def start(
    request: Request,
    name: Annotated[str, Query(max_length=1000, description="what to call the file")] = "upload",
) -> Response:
    """Start a job with a file of proteins."""
    jobs, most = state_of(request).jobs, state_of(request).settings.max_waiting
    if (await run_in_threadpool(jobs.count))["queued"] >= most:
        raise HTTPException(429, TOO_MANY, LATER | {"connection": "close"})
    if not await run_in_threadpool(has_room, jobs.folder):
        problem = "the disk of the service is nearly full; come again"
        raise HTTPException(507, problem, {"connection": "close"})
    folder = await run_in_threadpool(jobs.new_files)
    try:
        name = plain_name(await receive(request, folder / UPLOADED) or name)
        if not (folder / UPLOADED).stat().st_size:
            raise HTTPException(422, "the file is empty")
        (folder / UPLOADED).replace(jobs.input(folder.name, name))
        job = await run_in_threadpool(jobs.add, folder.name, name, most)
        if job is None:
            raise HTTPException(429, TOO_MANY, LATER)
    except BaseException:
        await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)
        raise
    headers = {"location": f"/v1/jobs/{job.id}", **SOON}
    return JSONResponse(describe(job).model_dump(), 202, headers)


@router.get("/{job_id}", response_model=JobOut, responses=problem_responses(*COMMON))
def look(request: Request, job_id: str) -> Response:
    """Tell how far a job is."""
    job = _find(request, job_id)
    return JSONResponse(describe(job).model_dump(), headers={} if job.state in ENDED else SOON)


@router.post("/{job_id}/cancel", response_model=JobOut, responses=problem_responses(*COMMON))
def cancel(request: Request, job_id: str) -> Response:
    """Cancel a job unless it has ended; what was sent stays until it is removed."""
    jobs, job = state_of(request).jobs, _find(request, job_id)
    jobs.cancel(job.id)
    return JSONResponse(describe(_find(request, job_id)).model_dump())


@router.delete("/{job_id}", status_code=204, responses=problem_responses(*COMMON))
def delete(request: Request, job_id: str) -> Response:
    """Remove a job and all its files; cancel it first if it has not ended."""
    jobs, job = state_of(request).jobs, _find(request, job_id)
    jobs.cancel(job.id)
    jobs.remove(job.id)
    return Response(status_code=204)


@router.get(
    "/{job_id}/result",
    response_class=FileResponse,
    responses={
        200: {"content": {kind.partition(";")[0]: BINARY for kind in MEDIA_TYPES.values()}},
        **problem_responses(*COMMON, 409, 422),
    },
)
async def result(
    request: Request, job_id: str, format: Annotated[ResultFormat, Query()] = "tsv"
) -> Response:
    """Fetch the rows."""
    job, folder = await run_in_threadpool(_ended, request, job_id)
    path, models = folder / RESULT, read_models(folder)
    if format == "hamronized" and models.looks_for != GROUP:
        raise HTTPException(422, f"hAMRonization reports each {GROUP}; these models do not")
    if format != "parquet":
        path = folder / f"result.{format}"
        await _convert(request, convert, folder / RESULT, path, format, job.name, models)
    stem = Path(job.name).stem or "result"
    filename = f"{stem}.{'hamronized.tsv' if format == 'hamronized' else format}"
    headers = {"x-arginator-bundle": models.bundle}
    return FileResponse(path, 200, headers, media_type=MEDIA_TYPES[format], filename=filename)


@router.get(
    "/{job_id}/rejected",
    response_class=FileResponse,
    responses={
        200: {"content": {"text/tab-separated-values": BINARY}},
        **problem_responses(*COMMON, 409),
    },
)
async def rejected(request: Request, job_id: str) -> Response:
    """Fetch the ids that were not scored, and why."""
    job, folder = await run_in_threadpool(_ended, request, job_id)
    path = folder / "rejected.tsv"
    await _convert(request, list_rejected, folder / RESULT, path)
    filename = f"{Path(job.name).stem or 'result'}.rejected.tsv"
    return FileResponse(path, media_type=MEDIA_TYPES["tsv"], filename=filename)


@router.get(
    "/{job_id}/plot.svg",
    response_class=FileResponse,
    responses={200: {"content": {"image/svg+xml": BINARY}}, **problem_responses(*COMMON, 409)},
)
def plot(request: Request, job_id: str) -> Response:
    """Fetch the map of the proteins among those of training."""
    _, folder = _ended(request, job_id)
    if not (folder / PLOT).exists():
        raise HTTPException(404, "the job has no protein to show on the map")
    return FileResponse(folder / PLOT, media_type="image/svg+xml", filename="plot.svg")


async def _convert(request: Request, work: Callable[..., None], *args: object) -> None:
    """Write a file from a result, one at a time, so that threads are left for others."""
    limiter = state_of(request).conversions
    await to_thread.run_sync(work, *args, limiter=limiter)


def _find(request: Request, job_id: str) -> Job:
    """Return a job that is known and not gone."""
    job = state_of(request).jobs.find(job_id)
    if job is None or job.state == "removed":
        raise HTTPException(404, "there is no such job")
    if job.state == "expired":
        raise HTTPException(410, "the job is too old; its files are gone")
    return job


def _ended(request: Request, job_id: str) -> tuple[Job, Path]:
    """Return a job that has a result, and the folder of its files."""
    job, jobs = _find(request, job_id), _jobs(request)
    if job.state not in ENDED:
        raise HTTPException(409, f"the job is {job.state}; come again later", SOON)
    if job.state != "succeeded":
        raise HTTPException(409, f"the job has no result, it is {job.state}")
    return job, jobs.files(job.id)


def _jobs(request: Request) -> Jobs:
    """Return the service's jobs."""
    return state_of(request).jobs
