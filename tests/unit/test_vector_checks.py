"""Checks of every vector and id: the fast ways say what the plain ones say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arginator.errors import DataError
from arginator.readers.vector_checks import (
    CONTROL,
    MAX_ID_CHARACTERS,
    SOUND_ID,
    Inspection,
    are_finite,
)


def test_every_half_precision_number_is_judged_as_numpy_judges_it() -> None:
    numbers = np.arange(2**16, dtype=np.uint16).view(np.float16)
    assert np.array_equal(are_finite(numbers[:, None]), np.isfinite(numbers))
    padded = np.stack([np.ones_like(numbers), numbers, -np.ones_like(numbers)], axis=1)
    assert np.array_equal(are_finite(padded), np.isfinite(numbers))


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_single_precision_is_judged_too(odd: float) -> None:
    matrix = np.full((3, 4), np.finfo(np.float32).max, np.float32)
    matrix[1, 2] = odd
    assert are_finite(matrix).tolist() == [True, False, True]


@given(st.text(max_size=6) | st.integers(0, MAX_ID_CHARACTERS + 2).map("é".__mul__))
def test_an_id_is_sound_where_no_single_check_objects(name: str) -> None:
    plain = not CONTROL.search(name) and name == name.strip()
    assert (SOUND_ID.fullmatch(name) is not None) == (plain and 1 <= len(name) <= MAX_ID_CHARACTERS)


def test_one_repeat_in_a_later_batch_is_one_fault() -> None:
    inspection = Inspection(Path("x"))
    for ids in (("a", "b"), ("c", "a", "d")):
        inspection.admit(ids, np.ones((len(ids), 2), np.float32))
    with pytest.raises(DataError, match=r"1 of 5 vectors repeat the id of another \(first: 'a'\)"):
        inspection.close()


def test_a_batch_with_a_fault_is_not_passed_on() -> None:
    inspection = Inspection(Path("x"))
    matrix = np.array([[1.0], [np.nan]], np.float32)
    assert inspection.admit(("a", "b"), matrix) is None
    assert inspection.admit(("c",), matrix[:1]) is not None
