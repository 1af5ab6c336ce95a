"""Atomic outputs: the whole new file, or the old one."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from arginator.errors import DataError
from arginator.files import read_json, replacing, replacing_folder, write_json, write_text

WRITER = """
import sys, time
from pathlib import Path
from arginator.files import replacing
with replacing(Path(sys.argv[1])) as temporary:
    with temporary.open("wb") as file:
        print("writing", flush=True)
        while True:
            file.write(b"half" * 4096)
            file.flush()
            time.sleep(0.001)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def grow_old(folder: Path) -> None:
    for path in folder.iterdir():
        os.utime(path, (time.time() - 3600,) * 2)


def test_the_file_appears_under_its_name_alone(tmp_path: Path) -> None:
    with replacing(tmp_path / "deep" / "a.txt") as temporary:
        temporary.write_text("new")
        assert names(tmp_path / "deep") == [temporary.name]
    assert names(tmp_path / "deep") == ["a.txt"]
    assert (tmp_path / "deep" / "a.txt").read_text() == "new"


def test_an_error_leaves_the_old_file_and_no_temporary(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with suppress(IsADirectoryError), replacing(path) as temporary:
        temporary.write_text("half")
        tmp_path.write_text("fails")
    assert names(tmp_path) == ["a.txt"]
    assert path.read_text() == "old"


@pytest.mark.parametrize("existing", [True, False])
def test_a_folder_is_replaced_whole(tmp_path: Path, existing: bool) -> None:
    path = tmp_path / "model"
    if existing:
        path.mkdir()
        (path / "stale").write_text("old")
    with replacing_folder(path) as folder:
        (folder / "weights").write_text("new")
        assert not (path / "weights").exists()
    assert names(tmp_path) == ["model"]
    assert names(path) == ["weights"]


def test_an_error_leaves_the_old_folder(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.mkdir()
    (path / "weights").write_text("old")
    with suppress(IsADirectoryError), replacing_folder(path) as folder:
        (folder / "weights").write_text("half")
        tmp_path.write_text("fails")
    assert names(tmp_path) == ["model"]
    assert (path / "weights").read_text() == "old"


def test_a_killed_writer_leaves_the_old_file_and_the_next_one_clears_up(tmp_path: Path) -> None:
    path = tmp_path / "a[1].txt"
    path.write_text("old")
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
    assert path.read_text() == "old"
    assert len(names(tmp_path)) == 2
    grow_old(tmp_path)
    write_text("new", path)
    assert names(tmp_path) == ["a[1].txt"]
    assert path.read_text() == "new"


def test_a_temporary_that_is_still_written_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with replacing(path) as other:
        other.write_text("slow")
        grow_old(tmp_path)
        write_text("quick", path)
        assert other.exists()
        with other.open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert path.read_text() == "slow"


def test_outputs_have_the_modes_of_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_text("x", tmp_path / "a")
        with replacing_folder(tmp_path / "b") as folder:
            (folder / "c").touch(0o600)
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "b" / "c").stat().st_mode & 0o777 == 0o640


def test_json_is_laid_out_the_same_and_refuses_what_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json({"b": 1, "ä": [0.5]}, path)
    assert path.read_bytes() == '{\n  "b": 1,\n  "ä": [\n    0.5\n  ]\n}\n'.encode()
    assert read_json(path) == {"b": 1, "ä": [0.5]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json({"b": float("nan")}, path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file"), (b"{", "damaged or no JSON"), (b"[]", "holds no JSON object")],
)
def test_json_that_cannot_be_used_is_one_error(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_json(path)
