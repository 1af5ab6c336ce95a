"""Jobs: a table of them, and a folder of files for each, that outlast every process.

Each state is one row written in one transaction, so that a process killed at any time leaves a job
waiting, running (and then waiting again), or ended, but never lost and never twice.
"""

from __future__ import annotations

import re
import secrets
import shutil
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from arginator.service.job_table import connect, hold_table

State = Literal["queued", "running", "succeeded", "failed", "cancelled", "expired", "removed"]
WAITING: State = "queued"
ENDED: tuple[State, ...] = ("succeeded", "failed", "cancelled")
STATES: tuple[State, ...] = ("queued", "running", *ENDED, "expired", "removed")
ID_BYTES = 16  # 128 random bits
MOST_ATTEMPTS = 5
REMEMBERED = 10  # times as long as files are kept
RESULT, PLOT = "result.parquet", "plot.svg"
GAVE_UP = f"the process that worked on it died {MOST_ATTEMPTS} times"
SUFFIX = re.compile(r"\.[a-z0-9]{1,10}")
COLUMNS = "id, name, state, created, started, ended, done, total, problem"


@dataclass(frozen=True)
class Job:
    """A job as its table knows it.

    Attributes:
        id: 128 random bits; who knows them may see it.
        name: What the client calls its file.
        state: How far it is.
        created: When it came, seconds since 1970; likewise `started` and `ended`.
        done: Proteins scored.
        total: Proteins in all, if known.
        problem: Why it failed.
    """

    id: str
    name: str
    state: State
    created: float
    started: float | None
    ended: float | None
    done: int
    total: int | None
    problem: str | None


class Jobs:
    """The jobs of a folder; any number of processes may use it at once.

    Args:
        folder: Where table and files stand; made if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._held = hold_table(folder)

    def files(self, job_id: str) -> Path:
        """Return the folder of a job's files."""
        return self.folder / "files" / job_id

    def input(self, job_id: str, name: str) -> Path:
        """Return where a job's input stands, with the suffix that the client's name for it has."""
        suffix = Path(name).suffix.lower()
        return self.files(job_id) / f"input{suffix if SUFFIX.fullmatch(suffix) else ''}"

    def new_files(self) -> Path:
        """Return a new folder for the input of a job to be; its name will be the job's id."""
        path = self.files(secrets.token_urlsafe(ID_BYTES))
        path.mkdir(parents=True)
        return path

    def add(self, job_id: str, name: str, most_waiting: int) -> Job | None:
        """Let a job wait whose input stands in its folder; None if too many wait."""
        with connect(self.folder) as table:
            table.execute("BEGIN IMMEDIATE")
            (waiting,) = table.execute(
                "SELECT count(*) FROM jobs WHERE state = ?", (WAITING,)
            ).fetchone()
            if waiting >= most_waiting:
                return None
            table.execute(
                "INSERT INTO jobs (id, name, state, created) VALUES (?, ?, ?, ?)",
                (job_id, name, WAITING, time.time()),
            )
        return self.find(job_id)

    def find(self, job_id: str) -> Job | None:
        """Return a job; None if there never was one of that id, or it is long gone."""
        with connect(self.folder) as table:
            row = table.execute(f"SELECT {COLUMNS} FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return Job(*row) if row else None

    def count(self) -> dict[State, int]:
        """Return how many jobs are in each state."""
        with connect(self.folder) as table:
            found = dict(table.execute("SELECT state, count(*) FROM jobs GROUP BY state"))
        return {state: found.get(state, 0) for state in STATES}

    def claim(self, worker: int) -> Job | None:
        """Give the job that waits longest to a worker; None if none waits.

        One whose worker died too often fails instead.
        """
        first = "SELECT id, attempts FROM jobs WHERE state = 'queued' ORDER BY number LIMIT 1"
        with connect(self.folder) as table:
            if table.execute(first).fetchone() is None:
                return None  # without a lock, since workers look all the time
            table.execute("BEGIN IMMEDIATE")
            row = table.execute(first).fetchone()
            if row is None:
                return None
            if row[1] >= MOST_ATTEMPTS:
                table.execute(
                    "UPDATE jobs SET state = 'failed', ended = ?, problem = ? WHERE id = ?",
                    (time.time(), GAVE_UP, row[0]),
                )
            else:
                table.execute(
                    "UPDATE jobs SET state = 'running', worker = ?, attempts = attempts + 1, "
                    "started = ?, done = 0 WHERE id = ?",
                    (worker, time.time(), row[0]),
                )
        return self.find(row[0])

    def progress(self, job_id: str, worker: int, done: int, total: int | None) -> bool:
        """Write down how far a worker is; return whether its job is still wanted."""
        with connect(self.folder) as table:
            changed = table.execute(
                "UPDATE jobs SET done = ?, total = ? "
                "WHERE id = ? AND worker = ? AND state = 'running'",
                (done, total, job_id, worker),
            )
            return changed.rowcount == 1

    def end(self, job_id: str, worker: int, state: State, problem: str | None = None) -> bool:
        """Let a worker end its job; return whether it still was its own and wanted."""
        with connect(self.folder) as table:
            ended = table.execute(
                "UPDATE jobs SET state = ?, ended = ?, problem = ?, worker = NULL "
                "WHERE id = ? AND worker = ? AND state = 'running'",
                (state, time.time(), problem, job_id, worker),
            ).rowcount
            _leave(table, worker, job_id)
            return bool(ended)

    def cancel(self, job_id: str) -> None:
        """Cancel a job that has not ended."""
        with connect(self.folder) as table:
            table.execute(
                "UPDATE jobs SET state = 'cancelled', ended = ? "
                "WHERE id = ? AND state IN ('queued', 'running')",
                (time.time(), job_id),
            )

    def release(self, worker: int | None = None, *, died: bool = False) -> int:
        """Let the jobs of a worker that is gone, or of all workers, wait again; return how many.

        Args:
            worker: Its process id; None for all workers.
            died: Whether it died at its work, which the job may have caused and which is counted.
        """
        with connect(self.folder) as table:
            released = table.execute(
                "UPDATE jobs SET state = 'queued', worker = NULL, started = NULL, done = 0, "
                "attempts = attempts - ?2 WHERE state = 'running' AND (worker = ?1 OR ?1 IS NULL)",
                (worker, int(not died)),
            ).rowcount
            _leave(table, worker)
            return released

    def overdue(self, seconds: float, patience_s: float) -> list[tuple[str, int]]:
        """Return jobs that keep a worker too long, and the workers.

        Args:
            seconds: How long a job may run.
            patience_s: How long a worker may be at one that is no longer wanted.
        """
        now = time.time()
        with connect(self.folder) as table:
            return table.execute(
                "SELECT id, worker FROM jobs WHERE worker IS NOT NULL AND "
                "(started < ? OR (state != 'running' AND ended < ?))",
                (now - seconds, now - patience_s),
            ).fetchall()

    def forget(self, hours: float, most: int) -> int:
        """Remove the files of jobs that ended long ago, or beyond `most`; return how many.

        Their rows stay ten times as long, and until the next call, to tell what is gone from what
        never was.
        """
        with connect(self.folder) as table:
            table.execute(
                "DELETE FROM jobs WHERE state IN ('expired', 'removed') AND ended < ?",
                (time.time() - REMEMBERED * 3600 * hours,),
            )
            limit = time.time() - 3600 * hours
            rows = table.execute(
                "SELECT id FROM jobs WHERE state IN ('succeeded', 'failed', 'cancelled') AND "
                "(ended < ? OR number <= (SELECT max(number) FROM jobs) - ?)",
                (limit, most),
            ).fetchall()
            for (job_id,) in rows:
                table.execute("UPDATE jobs SET state = 'expired' WHERE id = ?", (job_id,))
        for (job_id,) in rows:
            shutil.rmtree(self.files(job_id), ignore_errors=True)
        return len(rows)

    def remove(self, job_id: str) -> None:
        """Remove a job that has ended, with its files."""
        with connect(self.folder) as table:
            table.execute("UPDATE jobs SET state = 'removed' WHERE id = ?", (job_id,))
        shutil.rmtree(self.files(job_id), ignore_errors=True)

    def sweep(self) -> None:
        """Remove folders of jobs that are gone or never were, as a killed process leaves them."""
        kept = "SELECT id FROM jobs WHERE state NOT IN ('expired', 'removed')"
        with connect(self.folder) as table:
            known = {job_id for (job_id,) in table.execute(kept)}
        for path in (self.folder / "files").glob("*"):
            if path.name not in known:
                shutil.rmtree(path, ignore_errors=True)


def _leave(table: sqlite3.Connection, worker: int | None, job_id: str | None = None) -> None:
    """Note that a worker is no longer at a job, or any, that nobody wants; None for all workers."""
    table.execute(
        "UPDATE jobs SET worker = NULL WHERE state != 'running' "
        "AND (worker = ?1 OR ?1 IS NULL) AND (id = ?2 OR ?2 IS NULL)",
        (worker, job_id),
    )
