"""Dropout: the share asked for falls silent at random, and the others make up for it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arginator.ffnn import Dropout

STEP = 2**-16


def dropped(share: float, values: torch.Tensor, seed: int = 0) -> torch.Tensor:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Dropout(share).train()(values)


@settings(deadline=None)
@given(st.floats(0, 0.95), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32))
def test_what_is_kept_grows_by_the_share_that_is_silenced(share, n, d, seed):
    values = torch.arange(1.0, n * d + 1).view(n, d)
    result = dropped(share, values, seed)
    kept = 1 - round(share / STEP) * STEP
    assert result.shape == values.shape
    torch.testing.assert_close(result, torch.where(result == 0, 0, values / kept))


@pytest.mark.parametrize("share", [STEP, 0.3, 0.5, 0.95])
@pytest.mark.parametrize("lane", range(4))
def test_each_quarter_of_a_random_number_silences_the_share_asked_for(share, lane):
    n = 2**20
    silenced = (dropped(share, torch.ones(n, 4)) == 0)[:, lane].double()
    deviation = (share * (1 - share) / n) ** 0.5
    assert abs(silenced.mean().item() - share) < 5 * deviation + STEP / 2


def test_neighbours_fall_silent_independently_of_each_other():
    silenced = (dropped(0.5, torch.ones(2**18, 8)) == 0).double()
    correlation = torch.corrcoef(silenced.T) - torch.eye(8)
    assert correlation.abs().max() < 5 * 2**-9


@settings(deadline=None)
@given(st.floats(0, 0.95))
def test_nothing_changes_in_use(share):
    values = torch.randn(5, 3)
    assert Dropout(share).eval()(values) is values


def test_nothing_changes_without_a_share():
    values = torch.randn(5, 3)
    assert Dropout(0.0).train()(values) is values


def test_a_seed_always_silences_the_same():
    values = torch.ones(33, 7)
    torch.testing.assert_close(dropped(0.5, values, 1), dropped(0.5, values, 1), rtol=0, atol=0)
    assert not torch.equal(dropped(0.5, values, 1), dropped(0.5, values, 2))


def test_only_what_is_kept_learns():
    values = torch.ones(100, 3, requires_grad=True)
    result = dropped(0.5, values)
    result.sum().backward()
    torch.testing.assert_close(values.grad, result.detach())
    assert set(values.grad.unique().tolist()) == {0.0, 2.0}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_type_of_the_values_stays(dtype):
    assert dropped(0.5, torch.ones(9, 3, dtype=dtype)).dtype == dtype
