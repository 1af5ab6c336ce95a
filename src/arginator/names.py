"""Names that become parts of paths and commands: of sources and of tasks."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

TAKEN = {"data": "the data set's figures", "figures": "all figures", "studies": "the studies"}


def _check_name(name: str) -> str:
    """Refuse a name that cannot be part of a path and of a command."""
    if re.fullmatch("[A-Za-z0-9][A-Za-z0-9_-]*", name) is None:
        expected = "letters, digits, '_' and '-', the first a letter or digit"
        raise PydanticCustomError("fault", f"is {name!r}, expected {expected}")
    return name


def _check_free(name: str) -> str:
    """Refuse a name for a task by which folders of other results go."""
    if name in TAKEN:
        raise PydanticCustomError("fault", f"is {name!r}, as the folder of {TAKEN[name]} is called")
    return name


PathName = Annotated[str, AfterValidator(_check_name)]
TaskName = Annotated[PathName, AfterValidator(_check_free)]
