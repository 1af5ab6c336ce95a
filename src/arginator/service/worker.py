"""A process that works on jobs, one after another, within limits of its own.

Files of strangers are read here and nowhere else. If one of them kills the process, the service
lives on and starts another.
"""

from __future__ import annotations

import argparse
import errno
import os
import resource
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import cached_property
from pathlib import Path

from arginator.console import fix_threads, run
from arginator.errors import ArginatorError
from arginator.files import replacing, write_json
from arginator.loaded_bundles import load_bundles
from arginator.prediction import Predictor
from arginator.prediction_inputs import InputReader, Query
from arginator.prediction_outputs import ParquetWriter
from arginator.query_sequences import FastaOptions
from arginator.service.job_results import MADE_BY, describe_models
from arginator.service.jobs import PLOT, RESULT, Job, Jobs
from arginator.service.plots import TrainingMap
from arginator.vector_files import vector_format

IDLE_S = 0.05
FULL_DISK_S = 1.0  # between two tries
GZIP = b"\x1f\x8b"
BATCH = 1024  # proteins between two looks at whether a job is still wanted
MAX_FILE_BYTES = 8 * 2**30
FULL = "the service's disk is full; try again later"


class Cancelled(Exception):
    """The client no longer wants the job."""


def main() -> None:
    """Work until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--memory-bytes", type=int, required=True)
    parser.add_argument("--service", type=int, required=True, help="process that started it")
    args = parser.parse_args()
    if os.getppid() != args.service:
        return  # it died before this process could ask to be told
    resource.setrlimit(resource.RLIMIT_AS, (args.memory_bytes, args.memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    fix_threads(1)
    Worker(Jobs(args.data), Predictor(load_bundles(args.models, threads=1))).work()


class Worker:
    """Does jobs.

    Args:
        jobs: Where they stand.
        predictor: What scores their proteins.
    """

    def __init__(self, jobs: Jobs, predictor: Predictor) -> None:
        self._jobs, self._predictor = jobs, predictor

    def work(self) -> None:
        """Claim jobs and do them, for ever; one that is stopped in the midst waits again."""
        own = os.getpid()
        try:
            while True:
                try:
                    self._do_next(own)
                except OSError:
                    self._wait_for_room(own)
        except (SystemExit, KeyboardInterrupt):
            # Told to stop. After any other end the service counts a death.
            self._jobs.release(own)
            raise

    def _do_next(self, own: int) -> None:
        """Do a job if one waits.

        Raises:
            OSError: The table of jobs cannot be written, the disk being full.
        """
        job = self._jobs.claim(own)
        if job is None:
            time.sleep(IDLE_S)
        elif job.state == "running" and not self._do(job, own):
            now = self._jobs.find(job.id)
            if now is None or now.state == "removed":  # while its files were being written
                shutil.rmtree(self._jobs.files(job.id), ignore_errors=True)

    def _wait_for_room(self, own: int) -> None:
        """Let the job that this process has wait again, as soon as the disk takes it."""
        while True:
            time.sleep(FULL_DISK_S)
            with suppress(OSError):
                self._jobs.release(own)
                return

    def _do(self, job: Job, own: int) -> bool:
        """Score the proteins of a job and end it; return whether it was wanted to the end."""
        path = self._jobs.input(job.id, job.name)
        try:
            self._score(job, path, own)
        except Cancelled:
            return self._jobs.end(job.id, own, "cancelled")
        except ArginatorError as error:
            where = error.where.replace(str(path), job.name)
            problem = str(type(error)(where, error.problem, error.remedy))
            return self._jobs.end(job.id, own, "failed", problem)
        except MemoryError:
            problem = f"{job.name}: needs more memory than a job may have"
            return self._jobs.end(job.id, own, "failed", problem)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            problem = FULL if full else f"{job.name}: {error.strerror}"
            return self._jobs.end(job.id, own, "failed", problem)
        return self._jobs.end(job.id, own, "succeeded")

    def _score(self, job: Job, path: Path, own: int) -> None:
        """Write the rows, then the plot; look between batches whether they are still wanted."""
        predictor = self._predictor
        reader = InputReader(predictor.embedder, predictor.width, FastaOptions(on_invalid="skip"))
        done, total, sample = 0, _count(path), None
        with (
            replacing(path.with_name(RESULT)) as temporary,
            temporary.open("wb") as file,
            closing(ParquetWriter(file, predictor.schema)) as writer,
        ):
            for query in _batches(reader.read(path)):
                rows = predictor.predict(query.embeddings, query.statuses)
                writer.write(rows)
                done += len(rows)
                sample = sample or (query.embeddings, rows)
                if not self._jobs.progress(job.id, own, done, total):
                    raise Cancelled
        write_json(describe_models(predictor).model_dump(mode="json"), path.with_name(MADE_BY))
        if not self._jobs.progress(job.id, own, done, done):
            raise Cancelled
        if sample is not None:
            self._map.draw(*sample, done, path.with_name(PLOT))

    @cached_property
    def _map(self) -> TrainingMap:
        """The training proteins as a map."""
        return TrainingMap(self._predictor.reference, self._predictor.source)


def _batches(queries: Iterator[Query]) -> Iterator[Query]:
    """Yield proteins, at most so many at a time."""
    for query in queries:
        yield from query.parts(BATCH)


def _count(path: Path) -> int | None:
    """Return how many proteins a plain FASTA file has; None for other files."""
    if not path.stat().st_size or vector_format(path) is not None:
        return None
    with path.open("rb") as file:
        if file.read(2) == GZIP:
            return None
        file.seek(0)
        return sum(line.startswith(b">") for line in file)


if __name__ == "__main__":
    run(main)
