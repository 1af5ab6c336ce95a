"""What stands before every route: limits of size, time and rate, the token, security headers."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from arginator.service.problems import answer_problem
from arginator.service.settings import Settings

OPEN_TO_ALL = ("/v2/health/live", "/v2/health/ready", "/")  # even where there is a token
PAGE = "/page/"
JOBS = "/v1/jobs"
MOST_JSON_BYTES = 32 * 2**20  # which are read in memory, unlike those of a job
LEAST_BYTES_A_SECOND = 1024  # after a while, on average
MOST_CLIENTS = 10_000  # whose rates are kept in mind
SECURITY = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Gate:
    """Middleware that lets in what is within the limits, and marks every answer.

    Args:
        app: What to guard.
        settings: What the service was told.
        headers: That every answer has.
    """

    def __init__(self, app: ASGIApp, settings: Settings, headers: Mapping[str, str]) -> None:
        self._app, self._settings, self._headers = app, settings, headers
        self._rates = Rates(settings.requests_a_minute)
        self._job_rates = Rates(settings.jobs_a_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refused = self._refuse(scope)
        if refused is not None:
            await refused(scope, receive, marked)
            return
        most = self._most_bytes(scope["path"])
        await self._app(scope, self._measured(receive, most), marked)

    def _refuse(self, scope: Scope) -> ASGIApp | None:
        """Return the answer to a request that may not come in."""
        path, headers = scope["path"], Headers(scope=scope)
        settings = self._settings
        starts_job = scope["method"] == "POST" and path == JOBS
        client = (scope.get("client") or ("",))[0]
        wait_s = (self._job_rates if starts_job else self._rates).wait(client)
        if wait_s:
            later = {"retry-after": str(int(wait_s) + 1)}
            return answer_problem(429, "too many requests; come again later", path, later)
        open_to_all = path in OPEN_TO_ALL or path.startswith(PAGE)
        if settings.token and not open_to_all and not _presents(headers, settings.token):
            wanted = {"www-authenticate": "Bearer"}
            return answer_problem(401, "present the service's token as a bearer", path, wanted)
        length, most = headers.get("content-length", "0"), self._most_bytes(path)
        if not length.isdecimal() or int(length) > most:
            return answer_problem(413, _too_large(most), path, {"connection": "close"})
        return None

    def _most_bytes(self, path: str) -> int:
        """Return how large the body of a request may be."""
        most = self._settings.max_body_bytes
        return most if path == JOBS else min(most, MOST_JSON_BYTES)

    def _measured(self, receive: Receive, most: int) -> Receive:
        """Return what receives a body up to a limit, from a client that keeps on sending."""
        silent_s, got, whole = self._settings.client_seconds, 0, False
        begun = time.monotonic()

        async def measured() -> Message:
            nonlocal got, whole
            if whole:
                return await receive()
            try:
                async with asyncio.timeout(silent_s):
                    message = await receive()
            except TimeoutError:
                problem = f"nothing came for {silent_s} s"
                raise HTTPException(408, problem, {"connection": "close"}) from None
            if time.monotonic() - begun > silent_s + got / LEAST_BYTES_A_SECOND:
                raise HTTPException(408, "the body comes too slowly", {"connection": "close"})
            got += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if got > most:
                raise HTTPException(413, _too_large(most), {"connection": "close"})
            return message

        return measured


class Rates:
    """Counts what each client asks for: a bucket of tokens that fills up within a minute.

    Args:
        a_minute: Most that one client may have in a minute.
    """

    def __init__(self, a_minute: int) -> None:
        self._a_minute = a_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Count one more; return how many seconds it comes too early, 0 if it does not."""
        now = time.monotonic()
        left, last = self._buckets.pop(client, (float(self._a_minute), now))
        left = min(self._a_minute, left + (now - last) * self._a_minute / 60)
        enough = left >= 1
        self._buckets[client] = (left - enough, now)
        while len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return 0.0 if enough else (1 - left) * 60 / self._a_minute


def _too_large(most: int) -> str:
    """Say what the limit is."""
    return f"more than {most / 2**20:g} MiB; send fewer proteins at a time, or a job"


def _presents(headers: Headers, token: str) -> bool:
    """Tell whether a request presents the token."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    words: Sequence[bytes] = (given.strip().encode(), token.encode())
    return scheme.lower() == "bearer" and hmac.compare_digest(*words)
