"""Work side by side in processes of its own: answers and errors come back as what they are."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Generic, TypeVar

from arginator.console import die_with_parent, fix_threads
from arginator.errors import ArginatorError

FAREWELL_S = 10  # for a process that has nothing left to do
Item = TypeVar("Item")
Answer = TypeVar("Answer")


def side_by_side(
    work: Callable[[Item], Answer], items: Sequence[Item], at_once: int
) -> Iterator[tuple[int, Answer]]:
    """Yield the place of each item and what `work` makes of it, as they are done.

    Up to `at_once` processes start afresh, take one item after another, and have one thread for
    matrix products each: so the bytes of an answer do not hang on how many there are, and
    neighbours do not wait for each other's threads. None outlives the loop or this process.

    Args:
        work: A function of a module, or a `functools.partial` of one, with all that it needs.
        items: What is dealt out, in order.
        at_once: Most processes.

    Raises:
        ArginatorError: As `work` raised it, the first of several; or a process was killed.
        OSError: Likewise.
        MemoryError: Likewise.
        RuntimeError: `work` has a bug; the traceback is on standard error.
    """
    packed = pickle.dumps(work)  # not by torch, which would put tensors into /dev/shm
    helpers: dict[Connection, _Helper[Item, Answer]] = {}
    waiting = iter(enumerate(items))
    try:
        for place, item in islice(waiting, at_once):
            helper: _Helper[Item, Answer] = _Helper(packed)
            helpers[helper.connection] = helper
            helper.give(place, item)
        busy = list(helpers)
        while busy:
            for connection in wait(busy):
                helper = helpers[connection]  # type: ignore[index]
                place, answer = helper.place, helper.answer()
                following = next(waiting, None)
                if following is None:
                    busy.remove(helper.connection)
                else:
                    helper.give(*following)
                yield place, answer
    finally:
        for helper in helpers.values():
            helper.end()


class _Helper(Generic[Item, Answer]):
    """A process, and the place of the item that it is at work on."""

    def __init__(self, packed: bytes) -> None:
        spawning = multiprocessing.get_context("spawn")
        self.connection, theirs = spawning.Pipe()
        self.place, self._busy = 0, False
        self.process: SpawnProcess = spawning.Process(
            target=_serve, args=(theirs, packed), daemon=True
        )
        self.process.start()
        theirs.close()

    def give(self, place: int, item: Item) -> None:
        """Hand over an item."""
        self.place, self._busy = place, True
        with suppress(BrokenPipeError):  # that it is gone shows when it should answer
            self.connection.send_bytes(pickle.dumps(item))

    def answer(self) -> Answer:
        """Return the answer, or raise the error that came instead of it."""
        try:
            content = self.connection.recv_bytes()
        except EOFError:
            raise self._gone() from None
        self._busy = False
        done, answer = pickle.loads(content)  # noqa: S301 - from a process started here
        if not done:
            raise answer
        received: Answer = answer
        return received

    def end(self) -> None:
        """Stop the process; at once if it is busy."""
        answered = not self._busy or self.connection.poll()
        self.connection.close()
        self.process.join(FAREWELL_S if answered else 0)
        self.process.kill()
        self.process.join()

    def _gone(self) -> Exception:
        """Return what to raise for a process that ended without an answer."""
        self.process.join()
        status = self.process.exitcode or 0
        if status >= 0:
            return RuntimeError(f"a helper process ended with status {status}")
        return ArginatorError(
            "helper process",
            f"ended by {signal.Signals(-status).name}, expected an answer",
            "give it more memory or run fewer at once",
        )


def _serve(connection: Connection, packed: bytes) -> None:
    """Answer items until the one who asks is gone."""
    die_with_parent(signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends this one
    work = pickle.loads(packed)  # noqa: S301 - from the process that started this one
    fix_threads(1)
    while True:
        try:
            item = pickle.loads(connection.recv_bytes())  # noqa: S301
        except EOFError:
            return
        try:
            answer = True, work(item)
        except (ArginatorError, OSError, MemoryError) as error:
            answer = False, error
        connection.send_bytes(pickle.dumps(answer))
