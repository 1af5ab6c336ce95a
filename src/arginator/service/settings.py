"""What the service is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MIB = 2**20


@dataclass(frozen=True)
class Settings:
    """What the service may use and how much of it.

    Attributes:
        models: A bundle, or a folder of `<task>/bundle`.
        data: Folder of its own for jobs; one service at a time.
        workers: Processes that work on jobs.
        token: What a client has to present as a bearer; None lets everyone in.
        max_body_bytes: Most bytes that a request may have.
        max_waiting: Most jobs that may wait.
        max_kept: Most jobs that are kept, the ended ones included.
        requests_a_minute: Most that one client may ask for, without and with jobs.
        jobs_a_minute: Most jobs that one client may start.
        keep_hours: How long an ended job is kept.
        job_seconds: How long one may take.
        job_memory_bytes: Address space of a worker.
        client_seconds: How long a client may keep silent, before a request or in its midst.
        grace_seconds: How long requests may take to end when the service is stopped.
    """

    models: Path
    data: Path
    workers: int = 1
    token: str | None = None
    max_body_bytes: int = 256 * MIB
    max_waiting: int = 100
    max_kept: int = 10_000
    requests_a_minute: int = 60_000
    jobs_a_minute: int = 600
    keep_hours: float = 24.0
    job_seconds: float = 3600.0
    job_memory_bytes: int = 4096 * MIB
    client_seconds: int = 30
    grace_seconds: int = 20
