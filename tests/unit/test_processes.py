"""Processes side by side: every item is answered once, faults come back, nobody is left behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from arginator.errors import ArginatorError, DataError
from arginator.processes import side_by_side


def add(more: int, item: int) -> int:
    return item + more


def identify(item: int) -> tuple[int, set[int]]:
    return os.getpid(), {pool["num_threads"] for pool in threadpool_info()}


def fail_at_two(item: int) -> int:
    if item == 2:
        raise DataError("x.h5", "is empty", "give another")
    time.sleep(60)
    return item


def lose_a_file(item: int) -> int:
    return len(Path("/nowhere/at/all").read_bytes())


def end_by_signal(item: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return item


def divide(item: int) -> float:
    return item / 0


@pytest.mark.parametrize("at_once", [1, 2, 9])
def test_every_item_is_answered_at_its_place(at_once):
    answers = dict(side_by_side(partial(add, 100), [5, 6, 7, 8], at_once))
    assert answers == {0: 105, 1: 106, 2: 107, 3: 108}
    assert multiprocessing.active_children() == []


def test_nothing_to_do_starts_nothing():
    assert list(side_by_side(identify, [], 3)) == []


def test_each_process_has_one_thread_and_there_are_no_more_than_asked_for(monkeypatch):
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(variable, "2")
    answers = [answer for _, answer in side_by_side(identify, range(5), 2)]
    assert np.eye(2).shape, "without numpy there would be no thread pool to count"
    assert {threads for _, pools in answers for threads in pools} == {1}
    assert len({process for process, _ in answers}) <= 2
    assert os.getpid() not in {process for process, _ in answers}


def test_an_error_comes_back_as_itself_and_ends_the_others():
    start = time.monotonic()
    with pytest.raises(DataError) as caught:
        list(side_by_side(fail_at_two, [1, 2, 3], 3))
    assert str(caught.value) == "x.h5: is empty; give another"
    assert caught.value.remedy == "give another"
    assert multiprocessing.active_children() == []
    assert time.monotonic() - start < 50


def test_a_failure_of_the_surroundings_comes_back_as_itself():
    with pytest.raises(FileNotFoundError) as caught:
        list(side_by_side(lose_a_file, [1], 1))
    assert caught.value.filename == "/nowhere/at/all"


def test_a_killed_process_is_one_error():
    with pytest.raises(ArginatorError) as caught:
        list(side_by_side(end_by_signal, [1, 2], 1))
    assert str(caught.value) == (
        "helper process: ended by SIGKILL, expected an answer; "
        "give it more memory or run fewer at once"
    )


def test_a_bug_shows_its_traceback(capfd):
    with pytest.raises(RuntimeError, match="a helper process ended with status 1"):
        list(side_by_side(divide, [1], 1))
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_a_loop_that_is_left_leaves_no_process():
    answers = side_by_side(partial(add, 1), [1, 2, 3, 4], 2)
    next(answers)
    answers.close()
    assert multiprocessing.active_children() == []


ENDLESS = """
import os, time
from arginator.processes import side_by_side

def wait(item):
    print(os.getpid(), flush=True)
    time.sleep(300)

if __name__ == "__main__":
    list(side_by_side(wait, [1, 2], 2))
"""


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a process of its parent's end"
)
def test_processes_die_with_a_parent_that_is_killed(tmp_path):
    script = tmp_path / "endless.py"
    script.write_text(ENDLESS)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        helpers = [int(run.stdout.readline()) for _ in range(2)]
        run.kill()
    deadline = time.monotonic() + 10
    while any(alive(number) for number in helpers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [number for number in helpers if alive(number)] == []


def alive(number: int) -> bool:
    """Tell whether a process is there and no mere entry of a finished one."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
