"""Where a command may write: settled before anything is computed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from arginator.errors import DataError


def settle_output(path: Path, inputs: Iterable[Path], *, force: bool) -> Path:
    """Return the file to write, links followed.

    Args:
        path: Where the user wants it.
        inputs: Files that the command reads.
        force: Whether a file that exists may be replaced.

    Raises:
        DataError: It exists and `force` is off, is one of the inputs or no plain file, or its
            folder does not exist or cannot be written.
    """
    if path.exists():
        if not path.is_file():
            kind = "a folder" if path.is_dir() else "no plain file"
            raise DataError(path, f"is {kind}, expected a file to write", "name another file")
        if any(path.samefile(other) for other in inputs if other.exists()):
            raise DataError(path, "is one of the inputs too", "name another file")
        if not force:
            raise DataError(path, "exists already", "name another file or pass --force")
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise DataError(path, f"there is no folder {str(target.parent)!r}", "make it first")
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            return target
    except OSError as error:
        raise DataError(path, f"cannot be written ({error.strerror})", "choose another") from None


def refuse_to_replace(
    outputs: Iterable[Path], inputs: Sequence[Path], is_foreign: Callable[[Path], bool]
) -> None:
    """Raise unless each output is new, or an earlier one of its kind.

    Args:
        outputs: Files that a command may write.
        inputs: Files that it reads.
        is_foreign: What tells whether a file that exists is none of its kind.

    Raises:
        DataError: An output is an input too, or something else.
    """
    read = {(one.stat().st_dev, one.stat().st_ino) for one in inputs if one.exists()}
    for path in outputs:
        if not path.exists():
            continue
        if (path.stat().st_dev, path.stat().st_ino) in read:
            raise DataError(path, "is one of the inputs too", "name another folder")
        if is_foreign(path):
            problem = "exists already, and is no output of this command"
            raise DataError(path, problem, "name another folder or pass --force")
