"""The command `arginator serve`."""

from __future__ import annotations

import argparse
import fcntl
import gc
import os
import resource
import shutil
import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from arginator.console import fix_threads
from arginator.errors import DataError, ModelError
from arginator.service.job_table import TABLE
from arginator.service.settings import MIB, Settings

TOKEN_VARIABLE = "ARGINATOR_TOKEN"
BACKLOG = 2048
LOCK, PASSING = "lock", "passing"
NO_MATTER = {LOCK, PASSING, "lost+found"}


def serve(args: argparse.Namespace) -> None:
    """Answer requests until stopped.

    Raises:
        DataError: The folder for jobs is in use, or holds other things.
        ModelError: There is no sound bundle, or packages are missing.
    """
    try:
        import uvicorn

        from arginator.service.app import create_app
        from arginator.service.connections import Connection
    except ImportError as error:
        problem = f"needs packages that are not installed ({error.name})"
        raise ModelError("arginator serve", problem, "install the extra 'service'") from None
    with ExitStack() as stack:
        data: Path = args.data or Path(stack.enter_context(_new_folder()))
        data.mkdir(parents=True, exist_ok=True)
        _refuse_others(data)
        _hold(data, stack.enter_context((data / LOCK).open("w")))
        passing = data / PASSING
        shutil.rmtree(passing, ignore_errors=True)
        passing.mkdir()
        tempfile.tempdir = str(passing.resolve())  # for what requests send, until it is read
        settings = _read_settings(args, data)
        fix_threads(1)  # idle threads of matrix products would wait for more by spinning
        app = create_app(settings)
        gc.collect()
        gc.freeze()  # what lives as long as the service need not be looked at again and again
        signal.signal(signal.SIGTERM, lambda *_: None)  # the server has its own way to stop
        most_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        uvicorn.run(
            app,
            host=args.host,
            port=args.port,
            log_level="warning",
            server_header=False,
            http=Connection,
            limit_concurrency=most_files // 2,
            timeout_keep_alive=settings.client_seconds,
            timeout_graceful_shutdown=settings.grace_seconds,
            backlog=BACKLOG,
        )


def _new_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder that goes with the process."""
    return tempfile.TemporaryDirectory(prefix="arginator-jobs-", ignore_cleanup_errors=True)


def _refuse_others(data: Path) -> None:
    """Raise a DataError if a folder holds what no service put there and might lose."""
    if not (data / TABLE).exists() and {path.name for path in data.iterdir()} - NO_MATTER:
        problem = "holds files, and no jobs of a service"
        raise DataError(data, problem, "name an empty or a new folder with --data")


def _hold(data: Path, lock: TextIO) -> None:
    """Raise a DataError if another service uses a folder; keep others from it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        problem = "is in use by another service"
        raise DataError(data, problem, "name another folder with --data") from None


def _read_settings(args: argparse.Namespace, data: Path) -> Settings:
    """Return what the command line says."""
    return Settings(
        models=args.bundle,
        data=data,
        workers=args.workers,
        token=os.environ.get(TOKEN_VARIABLE) or None,
        max_body_bytes=args.max_body * MIB,
        keep_hours=args.keep_hours,
        job_memory_bytes=args.job_memory * MIB,
        jobs_a_minute=args.jobs_a_minute,
        max_waiting=args.max_waiting,
        client_seconds=args.client_timeout,
    )
