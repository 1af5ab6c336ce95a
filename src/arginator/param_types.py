"""Types that the sections of params.yaml are made of."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict
from pydantic_core import PydanticCustomError

Criterion = Literal["contribution", "weight_norm", "random"]
Share = Annotated[float, Field(ge=0.02, le=0.94)]
NonEmpty = Annotated[str, Field(min_length=1)]


def _refuse_repeats(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse a list that names something twice."""
    repeated = [value for place, value in enumerate(values) if value in values[:place]]
    if repeated:
        raise PydanticCustomError("fault", f"names {repeated[0]!r} twice, expected it once")
    return values


Distinct = AfterValidator(_refuse_repeats)
Ratios = Annotated[
    tuple[Annotated[float, Field(ge=0.01, le=0.99)], ...], Strict(strict=False), Distinct
]


class Section(BaseModel):
    """A frozen section: unknown keys, missing keys and wrong types are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
