"""Similar pairs are found exactly, whatever the blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import StandardScaler, normalize

from arginator.similarity import centre_and_scale, cluster_by_similarity, nearest

FEW = settings(max_examples=60, deadline=None)


@st.composite
def unit_rows(draw, most_rows=24):
    """Draw unit rows with families of near-copies, exact copies and zeros."""
    rows, width = draw(st.integers(1, most_rows)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    centres = rng.normal(size=(draw(st.integers(1, rows)), width))
    family = rng.integers(0, len(centres), rows)
    spread = draw(st.sampled_from([0.0, 1e-7, 1e-4, 0.3, 3.0]))
    matrix = centres[family] + spread * rng.normal(size=(rows, width))
    matrix[rng.random(rows) < 0.1] = 0
    return centre_and_scale(matrix.astype(np.float32))


def all_similarities(left, right):
    """Return every similarity, one pair at a time."""
    exact = [[np.sum(a.astype(np.float64) * b) for b in right] for a in left]
    return np.clip(np.array(exact), -1, 1).astype(np.float32)


def components(adjacent):
    """Return the connected components by walking, numbered by first appearance."""
    component = [-1] * len(adjacent)
    for start in range(len(adjacent)):
        if component[start] == -1:
            number, walk = max(component) + 1, [start]
            while walk:
                row = walk.pop()
                component[row] = number
                walk += [j for j in np.flatnonzero(adjacent[row]) if component[j] == -1]
    return component


@st.composite
def rows_and_limit(draw):
    """Draw unit rows with a limit that often is a similarity found among them."""
    unit = draw(unit_rows())
    found = all_similarities(unit, unit).ravel()
    limit = draw(st.one_of(st.sampled_from(sorted({float(s) for s in found})), st.floats(-1, 1)))
    return unit, limit


@given(rows_and_limit(), st.integers(1, 30))
@FEW
def test_clusters_are_the_connected_components_of_the_graph_of_similar_pairs(drawn, block_rows):
    unit, limit = drawn
    adjacent = all_similarities(unit, unit) > np.float32(limit)
    assert cluster_by_similarity(unit, limit, block_rows).tolist() == components(adjacent)


@given(unit_rows(), unit_rows(), st.integers(1, 30))
@FEW
def test_the_nearest_is_the_first_of_the_most_similar_references(query, reference, block_rows):
    width = min(query.shape[1], reference.shape[1])
    query, reference = centre_and_scale(query[:, :width]), centre_and_scale(reference[:, :width])
    index, similarity = nearest(query, reference, block_rows)
    expected = all_similarities(query, reference)
    expected[~query.any(axis=1)] = 0
    np.testing.assert_array_equal(similarity, expected.max(axis=1))
    np.testing.assert_array_equal(index, expected.argmax(axis=1))


@given(rows_and_limit(), st.data())
@FEW
def test_no_protein_is_nearer_than_the_limit_to_another_cluster(drawn, data):
    unit, limit = drawn
    cluster = cluster_by_similarity(unit, limit)
    held_out = cluster == data.draw(st.integers(0, int(cluster.max())))
    if not held_out.all():
        _, similarity = nearest(unit[held_out], unit[~held_out])
        occupied = unit[held_out].any(axis=1)  # zeros are similar to nothing
        assert (similarity[occupied] <= np.float32(limit)).all()


@given(rows_and_limit(), st.randoms(use_true_random=False))
@FEW
def test_the_order_of_proteins_does_not_change_who_shares_a_cluster(drawn, random):
    unit, limit = drawn
    order = random.sample(range(len(unit)), len(unit))
    cluster = cluster_by_similarity(unit, limit)
    shuffled = cluster_by_similarity(unit[order], limit)
    together = cluster[:, None] == cluster
    np.testing.assert_array_equal(together[np.ix_(order, order)], shuffled[:, None] == shuffled)


def test_a_pair_at_the_limit_stays_apart_and_one_just_above_is_joined():
    unit = normalize(np.random.default_rng(0).normal(size=(2, 1024))).astype(np.float32)
    limit = all_similarities(unit[:1], unit[1:])[0, 0]
    below = np.nextafter(limit, np.float32(-1))
    assert cluster_by_similarity(unit, float(limit)).tolist() == [0, 1]
    assert cluster_by_similarity(unit, float(below)).tolist() == [0, 0]


def test_a_limit_of_one_keeps_even_copies_apart():
    unit = centre_and_scale(np.array([[1.0, 3.0], [1.0, 3.0], [2.0, -1.0]]))
    assert cluster_by_similarity(unit, 1.0).tolist() == [0, 1, 2]


def test_a_chain_of_similar_pairs_is_one_cluster():
    angle = np.deg2rad([0, 40, 80, 180, 220])
    unit = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    assert cluster_by_similarity(unit, 0.7).tolist() == [0, 0, 0, 1, 1]


def test_centring_and_scaling_is_what_scikit_learn_does():
    matrix = np.random.default_rng(1).normal(3, 2, size=(50, 7)).astype(np.float32)
    expected = normalize(StandardScaler(with_std=False).fit_transform(matrix.astype(np.float64)))
    np.testing.assert_allclose(centre_and_scale(matrix), expected, atol=1e-6)


@given(
    arrays(np.float16, st.tuples(st.integers(1, 9), st.integers(1, 5)), elements=st.integers(-8, 8))
)
@FEW
def test_every_row_has_length_one_or_zero(matrix):
    unit = centre_and_scale(matrix)
    length = np.linalg.norm(unit, axis=1)
    assert unit.dtype == np.float32
    assert np.all(np.isclose(length, 1, atol=1e-6) | (length == 0))
    assert not unit[~matrix.any(axis=1)].any()


def test_equal_rows_are_similar_to_nothing():
    unit = centre_and_scale(np.full((3, 4), 0.1, dtype=np.float32))
    assert not unit.any()
    assert cluster_by_similarity(unit, 0.0).tolist() == [0, 1, 2]


def test_the_input_is_left_as_it_was():
    matrix = np.ones((2, 2), dtype=np.float32)
    centre_and_scale(matrix)
    assert matrix.tolist() == [[1, 1], [1, 1]]


def test_no_proteins_make_no_clusters():
    unit = centre_and_scale(np.empty((0, 4), dtype=np.float32))
    assert cluster_by_similarity(unit, 0.5).tolist() == []


def test_a_query_of_zeros_is_similar_to_nothing():
    index, similarity = nearest(np.zeros((1, 2), np.float32), np.eye(2, dtype=np.float32)[::-1])
    assert (index.tolist(), similarity.tolist()) == ([0], [0])


def test_nothing_to_be_near_to_is_an_error():
    unit = np.eye(2, dtype=np.float32)
    with pytest.raises(ValueError, match=r"^no reference to be near to$"):
        nearest(unit, unit[:0])
