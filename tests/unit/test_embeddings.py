"""Vectors carry their ids."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arginator.embeddings import Embeddings
from arginator.errors import DataError


@given(st.permutations(list("abcdef")), st.integers(0, 6))
def test_aligning_keeps_each_id_with_its_vector(order: list[str], count: int) -> None:
    embeddings = Embeddings(tuple("abcdef"), np.arange(12.0).reshape(6, 2))
    aligned = embeddings.align_to(order[:count])
    assert aligned.ids == tuple(order[:count])
    for name, vector in zip(aligned.ids, aligned.matrix, strict=True):
        assert vector.tolist() == embeddings.matrix["abcdef".index(name)].tolist()


def test_an_id_without_a_vector_is_named() -> None:
    with pytest.raises(DataError) as caught:
        Embeddings(("a",), np.zeros((1, 3))).align_to(["a", "x", "y"])
    assert str(caught.value) == "embeddings: 2 of 3 ids have no vector (first: 'x')"


def test_ids_and_vectors_must_match_in_number() -> None:
    with pytest.raises(ValueError, match="2 ids for 1 vectors"):
        Embeddings(("a", "b"), np.zeros((1, 3)))
