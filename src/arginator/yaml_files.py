"""YAML files read into a validated type, with one message for what is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from arginator.errors import ArginatorError

UNQUOTED = (bool, int, float, date)  # what YAML makes of some text without quotes
Model = TypeVar("Model", bound=BaseModel)


def load_yaml(
    path: Path,
    model: type[Model],
    error: type[ArginatorError],
    locate: Callable[[list[str]], list[str]] = list,
) -> Model:
    """Read and check a YAML 1.2 file (so that `1e-05` is a number).

    Args:
        path: The file.
        model: What it should hold.
        error: What is raised when it does not.
        locate: Turns pydantic's path to a fault into the one that stands in the file.

    Raises:
        error: The file is missing or unreadable, or a key is unknown, missing, of the wrong type
            or out of range; the message covers the first fault and counts the rest.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise error(path, "no such file", "run from the project's folder") from None
    except (YAMLError, UnicodeDecodeError) as fault:
        raise error(path, f"not readable as YAML ({' '.join(str(fault).split())})") from None
    try:
        return model.model_validate(content)
    except ValidationError as invalid:
        faults = _tell_apart(invalid.errors(include_url=False))
        faults.sort(key=lambda fault: fault["type"] != "extra_forbidden")  # a typo explains more
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        problem, remedy = _describe(faults[0], model, locate)
        raise error(path, problem + more, remedy) from None


def _tell_apart(faults: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out the lists that are too short only because an item is at fault."""
    outer = {fault["loc"][:-1] for fault in faults}
    return [fault for fault in faults if fault["type"] != "too_short" or fault["loc"] not in outer]


def _describe(
    fault: ErrorDetails, model: type[BaseModel], locate: Callable[[list[str]], list[str]]
) -> tuple[str, str]:
    """Return what is wrong and what to do about one of pydantic's faults."""
    location = locate([str(part) for part in fault["loc"]])
    name = ".".join(location)
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(location[-1], _known_keys(model, location[:-1]), n=1)
        return f"unknown key {name!r}", f"did you mean {near[0]!r}?" if near else "remove it"
    if fault["type"] == "missing":
        return f"missing key {name!r}", "add it"
    message = fault["msg"][0].lower() + fault["msg"][1:]
    if fault["type"] == "model_type" and not location:
        return "holds no keys and values", ""
    if not location:
        return message, ""
    subject = repr(name)
    if location[-1] == "[key]":  # so pydantic calls a key itself
        subject = f"a key of {'.'.join(location[:-2])!r}"
    if fault["type"] == "fault":
        return f"{subject} {message}", ""
    unquoted = fault["type"] == "string_type" and isinstance(fault["input"], UNQUOTED)
    problem = f"{subject} is {fault['input']!r}, but {message.removeprefix('input ')}"
    return problem, "put it in quotes" if unquoted else ""


def _known_keys(model: type[BaseModel], location: list[str]) -> list[str]:
    """Return the keys allowed at `location`; positions in a list change nothing."""
    models = [model]
    for part in location:
        fields = [known.model_fields[part] for known in models if part in known.model_fields]
        models = [found for field in fields for found in _models_in(field.annotation)] or models
    return [key for known in models for key in known.model_fields]


def _models_in(annotation: object) -> list[type[BaseModel]]:
    """Return the models that a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
