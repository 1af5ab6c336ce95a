"""Manifests: what a bundle of a model says about itself, checked when read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from arginator.errors import ModelError
from arginator.tasks import Signature

FORMAT_VERSION = 3
REMEDY = "run `dvc repro card` or fetch the bundle again"


class _Checked(BaseModel):
    """A frozen part of the manifest: unknown keys, missing keys and wrong types are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class FileFacts(_Checked):
    """What a file must be to be the one that was written."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)


class Ends(_Checked):
    """How to ask the model without this package.

    Attributes:
        input: Name of the graph's input, float32 (n, d).
        output: Name of its output, float32 (n, 1) for a binary task, else (n, k).
        values: What the output holds.
        probability: Function that makes probabilities of it: "sigmoid" gives that of the positive
            class, "softmax" that of each class.
    """

    input: str
    output: str
    values: Literal["logit"]
    probability: Literal["sigmoid", "softmax"]


class DataFacts(_Checked):
    """Where the proteins behind a model came from."""

    title: str
    origin: str
    licence: str
    citation: str


class Manifest(_Checked):
    """What a bundle says about itself.

    Attributes:
        format_version: Layout of the bundle.
        task: Name of the task.
        signature: The model's signature.
        onnx: How to ask the model.
        data: Where the proteins behind it came from.
        files: Checksum and size of every other file, by name.
        facts: What is known of the data, the parameters and the code behind the model.
    """

    format_version: int
    task: str
    signature: Signature
    onnx: Ends
    data: DataFacts
    files: dict[str, FileFacts]
    facts: dict[str, Any]


def read_manifest(path: Path) -> Manifest:
    """Read and check a manifest.

    Raises:
        ModelError: The file is missing, damaged or of another format.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        raise ModelError(path, "no such file" if missing else str(error.strerror), REMEDY) from None
    except (ValueError, RecursionError):
        raise ModelError(path, "damaged, or no JSON", REMEDY) from None
    version = content.get("format_version") if isinstance(content, dict) else None
    if version != FORMAT_VERSION:
        problem = f"has format version {version!r}, expected {FORMAT_VERSION}"
        raise ModelError(path, problem, "use the release of arginator that wrote it")
    try:
        signature = Signature.from_json(json.dumps(content.get("signature")), path)
        return Manifest.model_validate(content | {"signature": signature})
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in fault["loc"])
        raise ModelError(path, f"damaged ({name}: {fault['msg'].lower()})", REMEDY) from None
