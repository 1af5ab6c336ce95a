"""Uploads: a request's body, or the file in a form, as a file of its own."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import BinaryIO

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

FORM = "multipart/form-data"
CHUNK_BYTES = 2**20
NAME = re.compile(r"[^\w.()+ -]")
LONGEST_NAME = 100
LEAST_FREE_BYTES, LEAST_FREE_SHARE = 2**30, 0.05  # of a disk, whichever is less
MOST_FIELDS = 10  # of a form, beside its file


def has_room(folder: Path) -> bool:
    """Tell whether the disk of a folder has room for more than what is being written."""
    usage = shutil.disk_usage(folder)
    return usage.free > min(LEAST_FREE_BYTES, LEAST_FREE_SHARE * usage.total)


async def receive(request: Request, path: Path) -> str | None:
    """Write the body, or the file in a form, to disk; return the file's name if it says one."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == FORM:
        try:
            async with request.form(max_files=1, max_fields=MOST_FIELDS) as form:
                file = form.get("file")
                if not isinstance(file, UploadFile):
                    raise HTTPException(422, "the form has no file called 'file'")
                await run_in_threadpool(_copy, file, path)
                return file.filename
        except UnicodeError:
            raise HTTPException(400, "the form is in no known encoding") from None
    if kind == "application/json":
        raise HTTPException(415, f"{kind}: send the file itself, or a form with a file")
    with path.open("wb") as out:
        async for chunk in request.stream():
            await run_in_threadpool(out.write, chunk)
        await run_in_threadpool(_sync, out)
    return None


def _copy(file: UploadFile, path: Path) -> None:
    """Copy an upload from where the form put it."""
    with path.open("wb") as out:
        shutil.copyfileobj(file.file, out, CHUNK_BYTES)
        _sync(out)


def _sync(file: BinaryIO) -> None:
    """Make sure that what was written outlasts the machine, as the job's row does."""
    file.flush()
    os.fsync(file.fileno())


def plain_name(name: str) -> str:
    """Return a name of a file without anything that could be more than a name.

    >>> plain_name("../../etc/passwd"), plain_name("a<b>.fasta")
    ('passwd', 'a_b_.fasta')
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    return NAME.sub("_", last)[:LONGEST_NAME].strip(". ") or "upload"
