"""`/metrics` in Prometheus' text format: requests by route, jobs by state, proteins scored."""

from __future__ import annotations

import time
from collections.abc import Iterator

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Histogram,
    Info,
    generate_latest,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from arginator import __version__
from arginator.service.jobs import Jobs

router = APIRouter(tags=["service"])
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
NO_ROUTE, OTHER = "none", "other"
METHODS = ("GET", "HEAD", "POST", "DELETE")  # clients may make up any others


class Monitor:
    """Counts what the service does.

    Args:
        jobs: The jobs.
        bundle: Ids of the bundles that answer.
    """

    def __init__(self, jobs: Jobs, bundle: str) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "arginator_request_seconds",
            "Time from a request to the end of its answer",
            ["method", "route", "status", "bundle"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.bundle = bundle
        facts = {"version": __version__, "bundle": bundle}
        Info("arginator", "What answers", registry=self.registry).info(facts)
        ProcessCollector(registry=self.registry)
        self.registry.register(_JobCounts(jobs))


class _JobCounts(Collector):
    """Counts jobs by state when asked."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def collect(self) -> Iterator[Metric]:
        """Yield the counts."""
        family = GaugeMetricFamily("arginator_jobs", "Jobs by state", labels=["state"])
        for state, number in self._jobs.count().items():
            family.add_metric([state], number)
        yield family


class Meter:
    """Middleware that measures every request by the template of its route.

    Args:
        app: What to measure.
        monitor: Where to count.
    """

    def __init__(self, app: ASGIApp, monitor: Monitor) -> None:
        self._app, self._monitor = app, monitor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and measure it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", NO_ROUTE)
            method = scope["method"] if scope["method"] in METHODS else OTHER
            labels = (method, route, str(status), self._monitor.bundle)
            self._monitor.requests.labels(*labels).observe(time.perf_counter() - start)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(request: Request) -> Response:
    """Tell what Prometheus asks for."""
    monitor: Monitor = request.app.state.monitor
    return Response(generate_latest(monitor.registry), media_type=CONTENT_TYPE_LATEST)
