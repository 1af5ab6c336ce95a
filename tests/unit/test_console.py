"""Entry points: one line on stderr, the exit status that fits, nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from arginator.console import parse_paths
from arginator.errors import DataError

SCRIPT = '''
"""A stage."""
import os, sys, time
from pathlib import Path
import numpy
from threadpoolctl import threadpool_info
from arginator.console import parse_paths, run
from arginator.errors import DataError, ModelError
from arginator.files import replacing

def wait(path):
    with replacing(path) as temporary:
        temporary.write_text("half")
        print("writing", flush=True)
        time.sleep(60)

def main():
    args = parse_paths(None, words=["act"], outputs=["out"])
    {
        "data": lambda: (_ for _ in ()).throw(DataError("x.h5", "is\\nempty", "give another")),
        "model": lambda: (_ for _ in ()).throw(ModelError("m.onnx", "is gone")),
        "full": lambda: Path("/dev/full").write_text("x" * 100_000),
        "left": lambda: print("x"),
        "memory": lambda: numpy.zeros(1 << 50),
        "bug": lambda: 1 / 0,
        "pipe": lambda: [print("x" * 1000) for _ in range(10_000)],
        "threads": lambda: print({pool["num_threads"] for pool in threadpool_info()}),
        "wait": lambda: wait(args.out),
    }[args.act]()

run(main)
'''


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "stage.py"
    path.write_text(SCRIPT)
    return path


def call(script: Path, act: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(script), "--act", act, "--out", str(script.parent / "out" / "file")],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=False,
    )


@pytest.mark.parametrize(
    ("act", "status", "message"),
    [
        ("data", 2, "arginator: x.h5: is empty; give another\n"),
        ("model", 1, "arginator: m.onnx: is gone\n"),
        ("full", 1, "arginator: No space left on device\n"),
    ],
)
def test_an_error_is_one_line_and_a_status(
    script: Path, act: str, status: int, message: str
) -> None:
    result = call(script, act)
    assert (result.returncode, result.stdout, result.stderr) == (status, "", message)


def test_output_that_cannot_be_written_at_the_end_is_one_line(script: Path) -> None:
    command = f"{sys.executable} {script} --act left --out {script.parent}/x > /dev/full"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (1, "arginator: No space left on device\n")


def test_running_out_of_memory_is_one_line(script: Path) -> None:
    result = call(script, "memory")
    assert result.returncode == 1
    assert result.stderr.startswith("arginator: out of memory")
    assert result.stderr.count("\n") == 1


def test_a_bug_keeps_its_traceback(script: Path) -> None:
    result = call(script, "bug")
    assert result.returncode == 1
    assert "ZeroDivisionError" in result.stderr
    assert "Traceback" in result.stderr


def test_a_closed_pipe_ends_quietly(script: Path) -> None:
    command = f"{sys.executable} {script} --act pipe --out {script.parent}/x | head -c 10"
    result = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False
    )
    assert (result.stdout, result.stderr) == ("x" * 10, "")


@pytest.mark.parametrize("threads", ["1", "2", "7"])
def test_threads_do_not_depend_on_the_environment(script: Path, threads: str) -> None:
    result = call(script, "threads", OMP_NUM_THREADS=threads, OPENBLAS_NUM_THREADS=threads)
    assert result.stdout == "{2}\n"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_removes_temporaries_within_seconds(
    script: Path, number: signal.Signals, status: int
) -> None:
    out = script.parent / "out" / "file"
    with subprocess.Popen(
        [sys.executable, str(script), "--act", "wait", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        started = time.monotonic()
        process.send_signal(number)
        _, complaint = process.communicate(timeout=20)
        assert time.monotonic() - started < 5
    assert (process.returncode, complaint) == (status, b"")
    assert list(out.parent.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="parents are watched on Linux only")
def test_a_stage_dies_with_the_process_that_started_it(script: Path) -> None:
    out = script.parent / "out" / "file"
    starter = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen([sys.executable, {str(script)!r}, '--act', 'wait', '--out', "
        f"{str(out)!r}], stdout=subprocess.PIPE)\n"
        "p.stdout.readline(); print(p.pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        if "State:\tZ" in Path(f"/proc/{child}/status").read_text():
            break
        time.sleep(0.05)
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize("kind", ["file in the way", "folder in the way", "file for a folder"])
def test_an_output_that_cannot_be_written_is_refused_before_anything_is_read(
    tmp_path: Path, kind: str
) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "folder").mkdir()
    command, message = {
        "file in the way": (
            {"outputs": ["out"], "argv": ["--out", str(tmp_path / "file" / "new")]},
            "cannot be written",
        ),
        "folder in the way": (
            {"outputs": ["out"], "argv": ["--out", str(tmp_path / "folder")]},
            "is a folder, expected to write a file",
        ),
        "file for a folder": (
            {"folders": ["out"], "argv": ["--out", str(tmp_path / "file")]},
            "is a file, expected to write a folder",
        ),
    }[kind]
    with pytest.raises(DataError, match=message):
        parse_paths(**command)
    assert (tmp_path / "file").read_text() == "old"


def test_a_missing_argument_is_status_2(script: Path) -> None:
    result = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "--act" in result.stderr
    assert "--out" in result.stderr
