"""Candidates: the networks that may ship, in one folder, with what each was made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError

from arginator.errors import ModelError
from arginator.files import write_json
from arginator.reports import NETWORK

FOLDER, INDEX = "onnx", "candidates.json"
REMEDY = "run `dvc repro compress`"
Method = Literal["training", "pruning", "masking", "distillation"]


class Candidate(BaseModel):
    """A network that may ship: the one that was trained, or a smaller one made from it.

    Attributes:
        name: Name of its file, without the ending.
        method: How its weights came about: "training" is the network itself, "pruning" took
            neurons out, "masking" set weights to zero, "distillation" taught a narrower network.
        criterion: By what neurons were judged, if any were taken out.
        ratio: Share of neurons or weights taken out, if any were.
        hidden: Neurons in each hidden layer.
        quantization: None for numbers of 32 bits; "dynamic" for 8 bits and a scale for each
            vector, "static" for 8 bits and scales that are the same for all.
        parameters: Learned numbers.
        nonzero: Those of them that are not zero.
        multiply_adds: Multiplications of a vector's numbers with weights for one answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    name: str = Field(pattern=r"^[a-z][a-z0-9_.]{0,99}$")
    method: Method
    criterion: str | None = None
    ratio: float | None = None
    hidden: Annotated[tuple[int, ...], Strict(strict=False)]
    quantization: Literal["dynamic", "static"] | None = None
    parameters: int
    nonzero: int
    multiply_adds: int


class Candidates(BaseModel):
    """What candidates.json holds: all that may ship, the network that was trained first."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    candidates: Annotated[tuple[Candidate, ...], Strict(strict=False), Field(min_length=1)]


def candidate_path(models_folder: Path, name: str) -> Path:
    """Return where a candidate's file is in the folder of a task's models."""
    return models_folder / FOLDER / f"{name}.onnx"


def write_candidates(candidates: Sequence[Candidate], folder: Path) -> None:
    """Write the index of the files in `folder`, "network" first."""
    index = Candidates(candidates=tuple(candidates))
    write_json(index.model_dump(mode="json"), folder / INDEX)


def read_candidates(models_folder: Path) -> dict[str, Candidate]:
    """Read what may ship for a task, by name and in order, "network" first.

    Raises:
        ModelError: The index is missing or damaged, or names no "network".
    """
    path = models_folder / FOLDER / INDEX
    try:
        found = Candidates.model_validate_json(path.read_bytes()).candidates
    except FileNotFoundError:
        raise ModelError(path, "no such file", REMEDY) from None
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in fault["loc"])
        raise ModelError(path, f"damaged ({name}: {fault['msg'].lower()})", REMEDY) from None
    if found[0].name != NETWORK:
        raise ModelError(path, f"does not begin with {NETWORK!r}", REMEDY)
    return {candidate.name: candidate for candidate in found}
