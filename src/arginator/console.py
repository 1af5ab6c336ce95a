"""What every command and stage shares: its arguments, its exit status, its way to stop."""

from __future__ import annotations

import argparse
import ctypes
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from threadpoolctl import threadpool_limits

from arginator.errors import ArginatorError, DataError

THREADS = 2
"""Threads of matrix products in every stage: sums depend on how they are divided."""

PR_SET_PDEATHSIG = 1  # prctl(2)


def parse_paths(
    argv: Sequence[str] | None,
    *,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    folders: Sequence[str] = (),
    words: Sequence[str] = (),
) -> argparse.Namespace:
    """Read a stage's command line: one required `--name` for each name, and `--params`.

    Args:
        argv: The command line, by default the process's own.
        inputs: Names of files or folders to read.
        outputs: Names of files to write; proven writable here, before anything is computed.
        folders: Names of folders to write; likewise.
        words: Names of plain words, such as a task.

    Raises:
        DataError: An output cannot be written where it should go.
    """
    description = sys.modules["__main__"].__doc__
    parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    for name in words:
        parser.add_argument(_flag(name), required=True)
    for name in [*inputs, *outputs, *folders]:
        parser.add_argument(_flag(name), type=Path, required=True)
    args = parser.parse_args(argv)
    for name in [*outputs, *folders]:
        _check_writable(getattr(args, name), folder=name in folders)
    return args


def run(main: Callable[[], None], *, outlives_parent: bool = False) -> None:
    """Run an entry point and turn its errors into one line on stderr and an exit status.

    2: the command line or the input is at fault. 1: the run or its surroundings failed.
    130 and 143: stopped by Ctrl-C and SIGTERM, temporary files removed. Any other exception is a
    bug and keeps its traceback.

    Args:
        main: The entry point.
        outlives_parent: Whether it goes on when the process that started it dies.
    """
    logging.basicConfig(level=logging.WARNING, format="arginator: %(message)s", stream=sys.stderr)
    signal.signal(signal.SIGTERM, _stop)
    if not outlives_parent:
        die_with_parent(signal.SIGTERM)
    fix_threads(THREADS)
    try:
        main()
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        _drop_output()
    except ArginatorError as error:
        _fail(str(error), error.exit_status)
    except (OSError, MemoryError) as error:
        _drop_output()
        _fail(_describe(error), 1)


def die_with_parent(number: signal.Signals) -> None:
    """On Linux, send this process a signal when the one that started it dies, even by kill -9."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number)


def fix_threads(number: int) -> None:
    """Give every loaded matrix library so many threads, whatever the environment says."""
    threadpool_limits(number)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(number)


def _drop_output() -> None:
    """Let what is left for standard output go nowhere, so that it does not fail again at exit."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _flag(name: str) -> str:
    """Return the option that sets `name`."""
    return "--" + name.replace("_", "-")


def _check_writable(path: Path, *, folder: bool) -> None:
    """Raise unless `path` can be written."""
    if path.exists() and path.is_dir() != folder:
        kind = "a file" if folder else "a folder"
        raise DataError(path, f"is {kind}, expected to write a {'folder' if folder else 'file'}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise DataError(path, f"cannot be written ({error.strerror})", "choose another") from None


def _stop(_number: int, _frame: FrameType | None) -> None:
    """Leave on SIGTERM as an exit does, so that temporary files are removed."""
    sys.exit(143)


def _describe(error: OSError | MemoryError) -> str:
    """Return one line about a failure of the surroundings."""
    if isinstance(error, MemoryError):
        return f"out of memory ({error})" if str(error) else "out of memory"
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


def _fail(message: str, status: int) -> None:
    """Write one line to stderr and leave."""
    sys.stderr.write(f"arginator: {' '.join(message.split())}\n")
    sys.exit(status)
