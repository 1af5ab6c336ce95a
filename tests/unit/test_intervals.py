"""Intervals of shares: over clusters where they differ, Wilson's where they cannot tell."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.stats import binomtest

from arginator.bootstrap import resample_clusters
from arginator.intervals import share_interval, wilson_interval

CLUSTERED = npst.arrays(np.int64, st.integers(1, 40), elements=st.integers(0, 9))


def test_it_is_the_percentiles_of_the_share_in_rows_drawn_by_cluster():
    rng = np.random.default_rng(0)
    cluster = rng.integers(40, size=200)
    hit = rng.random(200) < 0.7
    drawn = np.concatenate(list(resample_clusters(cluster, 500, 3)))
    shares = [np.repeat(hit, weight).mean() for weight in drawn]
    expected = np.percentile(shares, [2.5, 97.5])
    np.testing.assert_allclose(share_interval(hit, cluster, 500, 3), expected, rtol=1e-12)


@pytest.mark.parametrize("hits", [0, 1, 30, 59])
def test_of_few_clusters_it_is_never_narrower_than_as_many_trials(hits):
    hit, cluster = np.arange(59) < hits, np.arange(59) % 4
    interval, wilson = share_interval(hit, cluster, 400, 0), wilson_interval(hits / 59, 4)
    assert interval.low <= wilson.low
    assert interval.high >= wilson.high


def test_more_clusters_make_it_narrower():
    hit = np.arange(400) % 4 < 1
    few, many = (share_interval(hit, np.arange(400) // size, 400, 0) for size in (10, 1))
    assert few.high - few.low < many.high - many.low  # every ten hold two or three
    blocked = np.repeat(np.arange(40) % 4 < 1, 10)
    lumped = share_interval(blocked, np.arange(400) // 10, 400, 0)
    assert lumped.high - lumped.low > many.high - many.low


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("clusters", [1, 2, 30])
def test_a_share_of_none_or_all_still_has_an_interval(share, clusters):
    hit, cluster = np.full(90, share == 1), np.arange(90) % clusters
    interval = share_interval(hit, cluster, 100, 0)
    assert interval == wilson_interval(share, clusters)
    assert interval.high - interval.low > 0.1


def test_one_cluster_is_one_trial():
    hit = np.array([True, False])
    assert share_interval(hit, np.zeros(2, np.int64), 100, 0) == wilson_interval(0.5, 1)


@given(CLUSTERED, st.randoms(use_true_random=False))
def test_it_is_never_empty_and_always_within_0_and_1(cluster, random):
    hit = np.array([random.random() < 0.5 for _ in cluster])
    interval = share_interval(hit, cluster, 100, 0)
    assert 0 <= interval.low < interval.high <= 1


@given(CLUSTERED, st.randoms(use_true_random=False))
def test_it_does_not_depend_on_the_order_of_the_proteins(cluster, random):
    hit = np.array([random.random() < 0.5 for _ in cluster])
    order = list(range(len(cluster)))
    random.shuffle(order)
    there, here = (share_interval(hit[o], cluster[o], 100, 0) for o in (order, slice(None)))
    assert there == here


@given(st.integers(1, 500), st.data())
def test_wilson_agrees_with_scipy(trials, data):
    hits = data.draw(st.integers(0, trials))
    expected = binomtest(hits, trials).proportion_ci(method="wilson")
    found = wilson_interval(hits / trials, trials)
    np.testing.assert_allclose(found, (expected.low, expected.high), rtol=1e-9, atol=1e-12)
    assert 0 <= found.low <= hits / trials <= found.high <= 1
