"""Errors as clients get them: RFC 9457's problem+json, or the shape of the inference protocol."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from arginator.errors import ArginatorError, DataError, ParamsError

MEDIA_TYPE = "application/problem+json"
JOBS = "/v1/jobs/"
INFERENCE = "/v2"  # routes whose errors have the shape that their protocol says
FULL = (errno.ENOSPC, errno.EDQUOT)
LONGEST = 500  # characters of a detail


class Problem(BaseModel):
    """What went wrong.

    Attributes:
        title: The kind of problem.
        status: The HTTP status.
        detail: What is wrong and what to do.
    """

    title: str
    status: int
    detail: str


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how a route's documentation describes its errors."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "model": Problem,
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }


def answer_problem(
    status: int, detail: str, path: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """Return an error as a response.

    Args:
        status: The HTTP status.
        detail: What is wrong and what to do.
        path: Of the request, which decides about the shape.
        headers: To send along.
    """
    detail = detail if len(detail) <= LONGEST else f"{detail[:LONGEST]}…"
    if path.startswith(INFERENCE):
        return JSONResponse({"error": detail}, status, headers)
    content = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return JSONResponse(content.model_dump(), status, headers, media_type=MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Make every error of the routes a problem."""
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(ArginatorError, _answer_own)
    app.add_exception_handler(OSError, _answer_system)
    app.add_exception_handler(sqlite3.OperationalError, _answer_busy)
    app.add_exception_handler(ClientDisconnect, _answer_nobody)
    app.add_exception_handler(Exception, _answer_bug)


async def _answer_http(request: Request, error: Exception) -> Response:
    """Answer what a route or the framework raised on purpose."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods(request)) or headers["Allow"]
    return answer_problem(error.status_code, str(error.detail), request.url.path, headers)


def _methods(request: Request) -> list[str]:
    """Return what may be asked of a path, by all of its routes."""
    template = getattr(request.scope.get("route"), "path", "")
    return sorted(method.upper() for method in request.app.openapi()["paths"].get(template, {}))


async def _answer_invalid(request: Request, error: Exception) -> Response:
    """Answer a request that is not what the documentation says; say where, not what was sent."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    more = f" (and {len(error.errors()) - 1} more)" if len(error.errors()) > 1 else ""
    return answer_problem(422, f"{where}: {first['msg']}{more}", request.url.path)


async def _answer_own(request: Request, error: Exception) -> Response:
    """Answer what the library says about an input, or about what the service lacks."""
    status = 422 if isinstance(error, DataError | ParamsError) else 501
    return answer_problem(status, str(error), request.url.path)


async def _answer_system(request: Request, error: Exception) -> Response:
    """Answer that the disk is full; any other fault of the system is the service's own."""
    assert isinstance(error, OSError)
    if isinstance(error, FileNotFoundError) and request.url.path.startswith(JOBS):
        return answer_problem(410, "the job and its files are gone", request.url.path)
    if error.errno not in FULL:
        raise error
    return answer_problem(507, "the disk of the service is full; come again", request.url.path)


async def _answer_busy(request: Request, _error: Exception) -> Response:
    """Answer that the table of jobs cannot be had now."""
    later = {"retry-after": "10"}
    return answer_problem(503, "the service is too busy; come again", request.url.path, later)


async def _answer_nobody(request: Request, _error: Exception) -> Response:
    """Answer a client that is gone."""
    return answer_problem(400, "the request ended before its end", request.url.path)


async def _answer_bug(request: Request, _error: Exception) -> Response:
    """Answer for a bug without showing it; the log has it.

    Middleware never sees this answer, so that it gets its headers here.
    """
    headers = request.app.state.headers
    problem = "the service failed; its log says why"
    return answer_problem(500, problem, request.url.path, headers)
