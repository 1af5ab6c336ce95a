"""The application: routes, what stands before them, and what starts and stops with them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

from arginator import __version__
from arginator.service import inference_routes, job_routes, monitoring, predict_routes
from arginator.service.limits import SECURITY, Gate
from arginator.service.monitoring import Meter, Monitor
from arginator.service.problems import add_handlers
from arginator.service.settings import Settings
from arginator.service.state import State
from arginator.service.supervisor import Supervisor

ABOUT = "Which proteins are beta-lactamases, of which Ambler class, how sure, and on what evidence."
PAGE = files("arginator.service") / "page"


def create_app(settings: Settings) -> FastAPI:
    """Return the service, its models loaded.

    Raises:
        ModelError: There is no sound bundle.
    """
    state = State(settings)
    app = FastAPI(
        title="arginator",
        version=__version__,
        description=ABOUT,
        docs_url=None,  # it would load scripts from elsewhere
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.service = state
    app.state.monitor = Monitor(state.jobs, state.predictor.id)
    for module in (predict_routes, job_routes, inference_routes, monitoring):
        app.include_router(module.router)
    app.add_api_route("/", _page, include_in_schema=False)
    app.mount("/page", StaticFiles(directory=str(PAGE)))
    add_handlers(app)
    app.state.headers = {**SECURITY, "x-arginator-bundle": state.predictor.id}
    app.add_middleware(Gate, settings=settings, headers=app.state.headers)
    app.add_middleware(Meter, monitor=app.state.monitor)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep workers alive from the first request to the last."""
    state: State = app.state.service
    supervisor = Supervisor(state.settings, state.models, state.jobs)
    supervisor.start()
    state.ready = True
    try:
        yield
    finally:
        state.ready = False
        await supervisor.stop()


async def _page() -> FileResponse:
    """Return the page for people."""
    return FileResponse(str(PAGE / "index.html"), headers={"cache-control": "no-cache"})
