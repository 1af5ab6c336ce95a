"""The files calibration.json and repeats.json: how far to trust each model, checked when read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError

from arginator.calibration import Calibration
from arginator.conformal import Conformal
from arginator.errors import ModelError

FORMAT_VERSION: Literal[1] = 1
REMEDY = "run `dvc repro calibrate`"


class _Stored(BaseModel):
    """A part of calibration.json: unknown keys, missing keys and wrong types are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the content as JSON holds it."""
        return self.model_dump(mode="json")


Stored = TypeVar("Stored", bound=_Stored)


class ModelCalibration(_Stored):
    """What was learned about one model on the calibration fold.

    Attributes:
        calibration: Map to calibrated probabilities.
        conformal: Rule of its sets of classes.
        confidence_threshold: 1 minus the highest calibrated probability above which an answer is
            flagged as doubtful.
    """

    calibration: Calibration
    conformal: Conformal
    confidence_threshold: float = Field(ge=0, le=1)


class NoveltyFacts(_Stored):
    """How novelty is measured, and from where on it is worth saying."""

    neighbours: int = Field(ge=1)
    threshold: float = Field(ge=0, le=2)


class CalibrationFile(_Stored):
    """What calibration.json holds.

    Attributes:
        format_version: Layout of the file.
        task: Name of the task.
        classes: The k class names in the order of the models' columns.
        alpha: Share of each class that its conformal sets may miss.
        prevalence: Share of each class in the data.
        models: What was learned about each model, by its name.
        novelty: Facts about the index beside the file.
    """

    format_version: Literal[1]
    task: str
    classes: Annotated[tuple[str, ...], Strict(strict=False)]
    alpha: float
    prevalence: dict[str, float]
    models: dict[str, ModelCalibration]
    novelty: NoveltyFacts


class RepeatsFile(_Stored):
    """What repeats.json holds: the map of the network of each further seed, in order."""

    format_version: Literal[1]
    repeats: Annotated[tuple[Calibration, ...], Strict(strict=False)]


def read_calibration(path: Path) -> CalibrationFile:
    """Read a calibration.json.

    Raises:
        ModelError: The file is missing, damaged or of another format.
    """
    return _read(path, CalibrationFile)


def read_repeats(path: Path) -> RepeatsFile:
    """Read a repeats.json.

    Raises:
        ModelError: The file is missing, damaged or of another format.
    """
    return _read(path, RepeatsFile)


def _read(path: Path, kind: type[Stored]) -> Stored:
    """Read a JSON file of a given kind."""
    try:
        return kind.model_validate(json.loads(path.read_bytes()))
    except FileNotFoundError:
        raise ModelError(path, "no such file", REMEDY) from None
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in fault["loc"])
        raise ModelError(path, f"damaged ({name}: {fault['msg'].lower()})", REMEDY) from None
    except ValueError as error:
        raise ModelError(path, f"damaged or no JSON ({error})", REMEDY) from None
