"""Outputs that are whole or absent: written beside the target, synced, then renamed."""

from __future__ import annotations

import fcntl
import glob
import hashlib
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from arginator.errors import DataError

SUFFIX = ".tmp"
MASKING = threading.Lock()
ABANDONED_AFTER_S = 5  # a new temporary is not locked yet for a moment


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary file that becomes `path` when the block ends without an error.

    The temporary file stands in the same folder under a unique name, is synced before the rename,
    and is removed after an error. Those that a killed process left for this path are removed too.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(path)
    descriptor, name = tempfile.mkstemp(SUFFIX, f".{path.name}.", path.parent)
    temporary = Path(name)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield temporary
        _sync(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(descriptor)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path` when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(path)
    temporary = Path(tempfile.mkdtemp(SUFFIX, f".{path.name}.", path.parent))
    descriptor = os.open(temporary, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield temporary
        for path_within in [temporary, *temporary.rglob("*")]:
            path_within.chmod((0o777 if path_within.is_dir() else 0o666) & ~_umask())
            _sync(path_within)
        _swap(temporary, path)
        _sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        os.close(descriptor)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object that a stage wrote.

    Raises:
        DataError: The file is missing, damaged or holds no object.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DataError(path, "no such file", "run `dvc repro`") from None
    except ValueError as error:
        raise DataError(path, f"damaged or no JSON ({error})", "run `dvc repro`") from None
    if not isinstance(content, dict):
        raise DataError(path, "holds no JSON object", "run `dvc repro`")
    return content


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """Write `content` as JSON with a fixed layout.

    Raises:
        ValueError: A number is not finite.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_text(text, path)


def write_text(text: str, path: Path) -> None:
    """Write `text` as UTF-8 with its line ends as they are."""
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def _swap(temporary: Path, path: Path) -> None:
    """Put `temporary` in the place of `path`, which leaves under `temporary`'s name."""
    if not path.exists():
        temporary.rename(path)
        return
    old = Path(tempfile.mkdtemp(SUFFIX, f".{path.name}.", path.parent))
    path.replace(old)
    temporary.replace(path)
    shutil.rmtree(old)


def _sync(path: Path) -> None:
    """Force a file or folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_abandoned(path: Path, after_s: float = ABANDONED_AFTER_S) -> None:
    """Remove temporaries for `path` of some age that no living process holds locked."""
    for temporary in path.parent.glob(f".{glob.escape(path.name)}.*{SUFFIX}"):
        with suppress(OSError):
            if time.time() - temporary.stat().st_mtime < after_s:
                continue
            descriptor = os.open(temporary, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(temporary) if temporary.is_dir() else temporary.unlink()
            finally:
                os.close(descriptor)


def _umask() -> int:
    """Return the process's file mode mask, which can only be read by setting another."""
    with MASKING:  # or two threads could leave the other one behind
        mask = os.umask(0)
        os.umask(mask)
    return mask
