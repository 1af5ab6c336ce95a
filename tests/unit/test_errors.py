"""Errors: they reach another process as what they are."""

import pickle

import pytest

from arginator.errors import ArginatorError, DataError, ModelError, ParamsError


@pytest.mark.parametrize("kind", [ArginatorError, DataError, ModelError, ParamsError])
@pytest.mark.parametrize("remedy", ["", "give another"])
def test_a_pickled_error_is_the_same_error(kind, remedy):
    error = kind("x.h5", "is empty", remedy)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(copy) is kind
    assert (str(copy), vars(copy)) == (str(error), vars(error))
