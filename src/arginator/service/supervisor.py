"""Keeps the workers alive beside the web process, and the jobs' folder small."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import sys
import time
from asyncio.subprocess import Process
from contextlib import suppress
from pathlib import Path

from arginator.service.jobs import Jobs
from arginator.service.settings import Settings

LOOK_S, SWEEP_S = 0.5, 60.0
SHORT_S = 5.0  # a worker that dies sooner is started again with a delay
FIRST_DELAY_S, LONGEST_DELAY_S = 0.1, 5.0
STOP_S = 5.0
UNWANTED_S = 10.0  # how long a worker may be at a job that was cancelled
TROUBLE = (OSError, sqlite3.Error)  # a full disk, too many open files: it may pass

logger = logging.getLogger(__name__)


class Supervisor:
    """Starts workers, starts them again when they die, and ends jobs that take too long.

    Args:
        settings: What the service was told.
        models: Folder of the bundles that workers load.
        jobs: The jobs.
    """

    def __init__(self, settings: Settings, models: Path, jobs: Jobs) -> None:
        self._settings, self._models, self._jobs = settings, models, jobs
        self._processes: set[Process] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; jobs that a killed service left running wait again first."""
        self._jobs.release()
        self._jobs.sweep()
        self._tasks = [asyncio.create_task(self._keep()) for _ in range(self._settings.workers)]
        self._tasks.append(asyncio.create_task(self._watch()))

    async def stop(self) -> None:
        """Stop the workers; the jobs they are at wait for the next start."""
        for task in self._tasks:
            task.cancel()
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.terminate()
        waits = [asyncio.create_task(process.wait()) for process in self._processes]
        if waits:
            await asyncio.wait(waits, timeout=STOP_S)
        for process in self._processes:
            if process.returncode is None:
                process.kill()
        with suppress(*TROUBLE):  # the next start does it
            self._jobs.release()

    async def _keep(self) -> None:
        """Run one worker after another."""
        delay_s = FIRST_DELAY_S
        while True:
            born = time.monotonic()
            try:
                process = await self._spawn()
            except OSError as error:
                logger.warning("no worker can be started (%s); it is tried again", error)
                await asyncio.sleep(LONGEST_DELAY_S)
                continue
            self._processes.add(process)
            status = await process.wait()
            self._processes.discard(process)
            logger.warning("a worker ended with status %s; its job waits again", status)
            await self._give_up(process.pid)
            lived_long = time.monotonic() - born > SHORT_S
            delay_s = FIRST_DELAY_S if lived_long else min(2 * delay_s, LONGEST_DELAY_S)
            await asyncio.sleep(delay_s)

    async def _give_up(self, worker: int) -> None:
        """Let the job of a dead worker wait again, as soon as the disk takes it."""
        while True:
            try:
                await asyncio.to_thread(self._jobs.release, worker, died=True)
            except TROUBLE:
                await asyncio.sleep(LOOK_S)
            else:
                return

    async def _spawn(self) -> Process:
        """Start a worker."""
        settings = self._settings
        words = [sys.executable, "-m", "arginator.service.worker"]
        words += ["--models", str(self._models), "--data", str(settings.data)]
        words += ["--memory-bytes", str(settings.job_memory_bytes), "--service", str(os.getpid())]
        return await asyncio.create_subprocess_exec(*words, start_new_session=True)

    async def _watch(self) -> None:
        """End jobs that take too long; forget those that ended long ago."""
        swept = 0.0
        while True:
            await asyncio.sleep(LOOK_S)
            with suppress(*TROUBLE):  # the next look does it
                for worker in await asyncio.to_thread(self._end_overdue):
                    for process in self._processes:
                        if process.pid == worker:
                            process.kill()
                if time.monotonic() - swept > SWEEP_S:
                    swept = time.monotonic()
                    settings = self._settings
                    forget = self._jobs.forget
                    await asyncio.to_thread(forget, settings.keep_hours, settings.max_kept)

    def _end_overdue(self) -> list[int]:
        """End jobs that take too long; return the workers that are still at them."""
        limit_s, late = self._settings.job_seconds, []
        for job_id, worker in self._jobs.overdue(limit_s, UNWANTED_S):
            now = self._jobs.find(job_id)
            problem = f"took longer than {limit_s:,.0f} s"
            unwanted = now is None or now.state != "running"
            if unwanted or self._jobs.end(job_id, worker, "failed", problem):
                late.append(worker)
        return late
