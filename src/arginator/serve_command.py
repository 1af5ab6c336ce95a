"""The command `arginator serve`."""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import tempfile
from pathlib import Path

from arginator.errors import DataError, ModelError
from arginator.service.settings import MIB, Settings

TOKEN_VARIABLE = "ARGINATOR_TOKEN"
IDLE_S = 20
BACKLOG = 2048


def serve(args: argparse.Namespace) -> None:
    """Answer requests until stopped.

    Raises:
        DataError: The folder for jobs is in use.
        ModelError: There is no sound bundle, or packages are missing.
    """
    try:
        import uvicorn

        from arginator.service.app import create_app
    except ImportError as error:
        problem = f"needs packages that are not installed ({error.name})"
        raise ModelError("arginator serve", problem, "install the extra 'service'") from None
    data: Path = args.data or Path(tempfile.mkdtemp(prefix="arginator-jobs-"))
    data.mkdir(parents=True, exist_ok=True)
    settings = Settings(
        models=args.bundle,
        data=data,
        workers=args.workers,
        token=os.environ.get(TOKEN_VARIABLE) or None,
        max_body_bytes=args.max_body * MIB,
        keep_hours=args.keep_hours,
        job_memory_bytes=args.job_memory * MIB,
        jobs_a_minute=args.jobs_a_minute,
        max_waiting=args.max_waiting,
    )
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            problem = "is in use by another service"
            raise DataError(data, problem, "name another folder with --data") from None
        app = create_app(settings)
        signal.signal(signal.SIGTERM, lambda *_: None)  # the server has its own way to stop
        uvicorn.run(
            app,
            host=args.host,
            port=args.port,
            log_level="warning",
            server_header=False,
            timeout_keep_alive=IDLE_S,
            timeout_graceful_shutdown=settings.grace_seconds,
            backlog=BACKLOG,
        )
