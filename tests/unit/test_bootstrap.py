"""Bootstrap: whole clusters, the same draws every time, intervals that cover."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sk

from arginator import bootstrap
from arginator.bootstrap import (
    curve_band,
    draw_clusters,
    percentile_interval,
    resample_clusters,
)

few = settings(max_examples=40, deadline=None)
clusters = st.integers(1, 40).flatmap(lambda n: arrays(np.int64, n, elements=st.integers(0, 9)))


def whole(blocks):
    """Return all blocks as one array."""
    return np.concatenate(list(blocks))


@few
@given(clusters, st.integers(0, 2**32 - 1))
def test_proteins_of_a_cluster_always_count_alike(cluster, seed):
    for weight in resample_clusters(cluster, 20, seed):
        for number in np.unique(cluster):
            members = weight[:, cluster == number]
            assert (members == members[:, :1]).all()


@few
@given(clusters, st.integers(0, 2**32 - 1))
def test_a_resample_always_draws_as_many_clusters_as_there_are(cluster, seed):
    first = np.unique(cluster, return_index=True)[1]
    weight = whole(resample_clusters(cluster, 20, seed))
    assert weight.shape == (20, len(cluster))
    assert (weight[:, first].sum(axis=1) == len(first)).all()


@few
@given(clusters, st.randoms(use_true_random=False))
def test_draws_never_depend_on_the_order_of_the_proteins(cluster, random):
    order = np.array(random.sample(range(len(cluster)), len(cluster)))
    weight = whole(resample_clusters(cluster, 10, 1))
    shuffled = whole(resample_clusters(cluster[order], 10, 1))
    np.testing.assert_array_equal(shuffled, weight[:, order])


@pytest.mark.parametrize("numbers", [1, 7, 100, 10**6])
def test_the_size_of_a_block_changes_no_draw(monkeypatch, numbers):
    cluster = np.arange(30) // 2
    weight = whole(resample_clusters(cluster, 50, 3))
    monkeypatch.setattr(bootstrap, "BLOCK_NUMBERS", numbers)
    np.testing.assert_array_equal(whole(resample_clusters(cluster, 50, 3)), weight)


def test_more_resamples_begin_with_the_same_draws_and_seeds_differ():
    few_draws, many = (whole(draw_clusters(12, resamples, 5)) for resamples in (10, 400))
    np.testing.assert_array_equal(many[:10], few_draws)
    assert (whole(draw_clusters(12, 10, 6)) != few_draws).any()


def test_every_cluster_is_drawn_once_on_average():
    counts = whole(draw_clusters(50, 4000, 0))
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.1)
    assert counts.var() == pytest.approx(1 - 1 / 50, abs=0.02)  # binomial(50, 1/50)


def test_an_interval_leaves_out_what_is_undefined():
    values = np.append(np.arange(1001.0), np.nan)
    assert percentile_interval(values) == pytest.approx((25, 975))


@st.composite
def scored(draw):
    """Draw positives, tied scores and clusters; a positive and a negative are there."""
    n = draw(st.integers(2, 30))
    positive = draw(arrays(np.bool_, n))
    positive[:2] = True, False
    score = draw(arrays(np.int64, n, elements=st.integers(0, 6))) / 6
    return positive, score, draw(arrays(np.int64, n, elements=st.integers(0, 9)))


def single_cluster(values):
    """Return one cluster for all, of which every resample is the fold itself."""
    return np.zeros(len(values), dtype=np.int64)


@few
@given(scored())
def test_a_roc_band_of_one_cluster_is_always_the_curve(case):
    positive, score, _ = case
    band = curve_band("roc", positive, score, single_cluster(score), 0)
    false_rate, true_rate, _ = sk.roc_curve(positive, score, drop_intermediate=False)
    np.testing.assert_allclose(band.low, np.interp(band.x, false_rate, true_rate), atol=1e-12)
    np.testing.assert_array_equal(band.high, band.low)


@few
@given(scored())
def test_a_precision_band_of_one_cluster_is_always_the_curve(case):
    positive, score, _ = case
    band = curve_band("precision_recall", positive, score, single_cluster(score), 0)
    expected = []
    for recall in band.x:
        for threshold in np.unique(score)[::-1]:
            called = score >= threshold
            if (called & positive).sum() >= recall * positive.sum() - 1e-9:
                expected.append(positive[called].mean())
                break
    np.testing.assert_allclose(band.low, expected, atol=1e-12)


@few
@given(scored(), st.sampled_from(["roc", "precision_recall"]))
def test_a_band_is_always_finite_rising_across_and_within_the_plot(case, kind):
    band = curve_band(kind, *case, 0)
    assert len(band.x) == len(band.low) == len(band.high) == bootstrap.CURVE_POINTS
    assert (np.diff(band.x) > 0).all()
    assert band.x[0] > 0
    assert band.x[-1] == 1
    assert (band.low >= 0).all()
    assert (band.low <= band.high).all()
    assert (band.high <= 1).all()


def test_a_roc_band_begins_at_or_below_one_mistake():
    positive = np.arange(260) < 10
    band = curve_band("roc", positive, np.linspace(0, 1, 260), np.arange(260), 0)
    assert band.x[0] == pytest.approx(0.001)
