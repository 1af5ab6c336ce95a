"""Runners: what does the work on many files, in processes or on a Dask cluster."""

from __future__ import annotations

import multiprocessing
import signal
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from arginator.console import die_with_parent, fix_threads
from arginator.errors import ModelError
from arginator.files import remove_abandoned

DIED = "the process that scored it died"
RETRIES = 3  # of a file whose process died


@dataclass(frozen=True)
class Outcome:
    """What became of a file.

    Attributes:
        source: The input.
        rows: Proteins in its output; None if it failed.
        skipped: Whether it was done before.
        problem: Why it failed.
    """

    source: Path
    rows: int | None
    skipped: bool = False
    problem: str = ""


Pair = tuple[Path, Path]  # an input and its output
Work = Sequence[Pair]
Score = Callable[[Path, Path], Outcome]
Runner = Callable[[Score, Work], Iterable[Outcome]]


def through_processes(number: int) -> Runner:
    """Return what does work in processes of this machine; with one, in this process itself.

    Files at which a process died are tried again when all others are done, each alone, so that one
    of them costs no other its result.
    """

    def run(score: Score, work: Work) -> Iterator[Outcome]:
        if number == 1:
            yield from (score(*one) for one in work)
            return
        waiting, suspects, deaths = deque(work), deque[Pair](), Counter[Pair]()
        while waiting:
            suspects += yield from _run_pool(score, waiting, number)
        while suspects:
            alone = suspects.popleft()
            for one in (yield from _run_pool(score, deque([alone]), 1)):
                deaths[one] += 1
                if deaths[one] < RETRIES:
                    suspects.append(one)
                else:
                    yield Outcome(one[0], None, problem=DIED)

    return run


def _run_pool(
    score: Score, waiting: deque[Pair], number: int
) -> Generator[Outcome, None, list[Pair]]:
    """Do work until all is done or a process dies; return what was in the works when it did."""
    pool = ProcessPoolExecutor(number, multiprocessing.get_context("spawn"), _begin)
    at: dict[Future[Outcome], Pair] = {}
    try:
        while waiting or at:
            while waiting and len(at) < number:
                at[pool.submit(score, *waiting[0])] = waiting[0]
                waiting.popleft()
            for future in wait(at, return_when=FIRST_COMPLETED).done:
                yield future.result()
                del at[future]
    except BrokenProcessPool:
        done = [future for future in wait(at).done if future.exception() is None]
        yield from (future.result() for future in done)
        return [one for future, one in at.items() if future not in done]
    except BaseException:  # told to stop
        for process in multiprocessing.active_children():
            process.terminate()
            process.join()
        for _, output in at.values():
            remove_abandoned(output, after_s=0)
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    return []


def _begin() -> None:
    """Prepare a process of the pool; the one that started it hears of Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent(signal.SIGTERM)
    fix_threads(1)


def through_dask(address: str) -> Runner:
    """Return what does work on a Dask cluster whose workers see the same files.

    Raises:
        ModelError: Dask is not installed.
    """
    try:
        from distributed import Client
        from distributed import as_completed as completed
    except ImportError:
        raise ModelError("--dask", "needs distributed", "install the extra 'cluster'") from None

    def run(score: Score, work: Work) -> Iterator[Outcome]:
        with Client(address, set_as_default=False) as client:
            futures = {
                client.submit(score, *one, retries=RETRIES, pure=False): one[0] for one in work
            }
            for future in completed(futures, loop=client.loop):
                if future.status == "finished":
                    yield future.result()
                else:
                    problem = f"{DIED} ({future.exception()})"
                    yield Outcome(futures[future], None, problem=problem)

    return run
