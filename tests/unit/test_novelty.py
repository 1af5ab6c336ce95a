"""Novelty: scikit-learn's neighbours as oracle, the threshold's promise, what is stored."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from arginator import nearest, novelty
from arginator.embeddings import Embeddings
from arginator.errors import DataError, ModelError
from arginator.nearest import Rotation, Shortlist, find_nearest
from arginator.novelty import (
    doubt,
    doubt_threshold,
    fit_novelty,
    read_novelty,
    save_novelty,
)
from arginator.prepared import Prepared, Provenance

ABOUT = Provenance("toy", "Toy", True, "", "", "", "kmer", {"A": "A", "non": "non"})


def prepared(matrix):
    ids, none = tuple(f"P{row:04}" for row in range(len(matrix))), (None,) * len(matrix)
    labels = tuple("A" if row % 3 else "non" for row in range(len(matrix)))
    return Prepared(Embeddings(ids, matrix), labels, none, none, none, none, ABOUT)


def proteins(seed, n=120, d=16, centre=0.0):
    rng = np.random.default_rng(seed)
    return prepared((centre + rng.normal(size=(n, d))).astype(np.float32))


def fitted(neighbours=3, alpha=0.05, calibration=None):
    return fit_novelty(proteins(0), calibration or proteins(1), neighbours, alpha)


@pytest.mark.parametrize("neighbours", [1, 3, 120])
def test_novelty_is_one_minus_the_mean_cosine_to_the_neighbours_scikit_learn_finds(neighbours):
    train, query = proteins(0).embeddings.matrix, proteins(2).embeddings.matrix
    mean = train.mean(axis=0, dtype=np.float64)
    oracle = NearestNeighbors(n_neighbors=neighbours, metric="cosine", algorithm="brute")
    distance, _ = oracle.fit(train - mean).kneighbors(query - mean)
    score = fitted(neighbours).score(query)
    np.testing.assert_allclose(score, distance.mean(axis=1), atol=2e-3)  # half precision


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 4))
def test_the_nearest_are_always_those_of_a_full_sort(seed, neighbours, copies):
    rng = np.random.default_rng(seed)
    unit = rng.integers(-2, 3, (9, 3)).astype(np.float32)
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1)
    reference = np.repeat(unit, copies, axis=0)
    query = rng.permutation(unit)
    cosine = query.astype(np.float64) @ reference.T.astype(np.float64)
    expected = np.clip(-np.sort(-cosine, axis=1)[:, :neighbours], -1, 1)
    found = find_nearest(query, reference, neighbours).similarity
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_neighbours_within_the_rounding_error_of_a_fast_product_are_told_apart():
    rng = np.random.default_rng(0)
    query = rng.normal(size=(20, 64)).astype(np.float32)
    query /= np.linalg.norm(query, axis=1, keepdims=True)
    reference = np.repeat(query, 40, axis=0)
    reference *= 1 + rng.integers(-4, 5, reference.shape).astype(np.float32) * 2.0**-23
    cosine = query.astype(np.float64) @ reference.T.astype(np.float64)
    expected = -np.sort(-cosine, axis=1)[:, :5]
    found = find_nearest(0.5 * query, reference, 5).similarity
    np.testing.assert_allclose(found, 0.5 * expected, rtol=0, atol=1e-12)


def families(seed, n, d, spread, sparse=False, outlier=0.0):
    """Return rows of length 1 around a tenth as many centres."""
    rng = np.random.default_rng(seed)
    centre = np.random.default_rng(0).normal(size=(max(1, n // 10), d))
    unit = centre[rng.integers(0, len(centre), n)] + spread * rng.normal(size=(n, d))
    unit[rng.random((n, d)) < 0.9 * sparse] = 0
    unit[:, 0] += 0.1
    unit[:, 3] += outlier
    return (unit / np.linalg.norm(unit, axis=1, keepdims=True)).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([16, 128, 1024]),
    st.sampled_from([0.001, 0.1, 1.0]),
    st.booleans(),
    st.sampled_from([0.0, 30.0, 3000.0]),
    st.sampled_from([2, 64]),
)
def test_eight_bits_find_the_same_neighbours_as_thirty_two(
    seed, width, spread, sparse, outlier, most
):
    reference = families(1, 300, width, spread, outlier=outlier)
    query = families(seed, 40, width, spread, sparse, outlier)
    expected = find_nearest(query, reference, 5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "MOST_CANDIDATES", most)
        found = find_nearest(query, reference, 5, Shortlist(reference))
    np.testing.assert_array_equal(found.row, expected.row)
    np.testing.assert_array_equal(found.similarity, expected.similarity)


def test_differences_of_eight_bit_products_are_off_by_less_than_they_say():
    reference, query = families(1, 500, 1024, 1.0), families(2, 500, 1024, 1.0, sparse=True)
    product, apart = Shortlist(reference).products(query)
    cosine = query.astype(np.float64) @ reference.T.astype(np.float64)
    unit = (cosine * product).sum(axis=1) / (cosine**2).sum(axis=1)  # least squares
    off = np.ptp(product - cosine * unit[:, None], axis=1)
    assert (off < apart).all()
    assert (off > apart / 20).all()  # or it would say nothing


@pytest.mark.parametrize("width", [1, 7, 16, 24, 1024])
def test_a_rotation_leaves_cosines_as_they_are_and_spreads_what_few_numbers_hold(width):
    vectors = np.eye(width, dtype=np.float32)
    turned = Rotation(width).turn(vectors)
    np.testing.assert_allclose(turned @ turned.T, vectors, atol=1e-6)
    assert width < 1024 or np.abs(turned).max() < 0.5


def test_a_large_index_takes_eight_bits_for_many_or_once_it_is_warm(monkeypatch):
    index, query = fitted(), proteins(2, 50).embeddings.matrix
    expected = index.score(query)
    index.warm_up()
    assert "_shortlist" not in vars(index)
    monkeypatch.setattr(novelty, "LARGE_INDEX", 100)
    np.testing.assert_array_equal(index.score(query), expected)
    assert "_shortlist" not in vars(index)
    index.warm_up()
    np.testing.assert_array_equal(index.score(query), expected)
    another = fitted()
    monkeypatch.setattr(novelty, "MANY", 10)
    np.testing.assert_array_equal(another.score(query), expected)
    assert "_shortlist" in vars(another)


@pytest.mark.parametrize("outlier", [0.0, 30.0])
def test_eight_bit_products_never_depend_on_the_company(outlier):
    reference = families(1, 300, 128, 0.01, outlier=outlier)
    query = families(2, 60, 128, 0.01, outlier=outlier)
    shortlist = Shortlist(reference)
    together = find_nearest(query, reference, 5, shortlist)
    for row in range(len(query)):
        alone = find_nearest(query[row : row + 1], reference, 5, shortlist)
        np.testing.assert_array_equal(alone.row[0], together.row[row])
        np.testing.assert_array_equal(alone.similarity[0], together.similarity[row])


def test_a_score_never_depends_on_the_company_or_the_block(monkeypatch):
    index, query = fitted(), proteins(2, 50).embeddings.matrix
    together = index.score(query)
    alone = np.concatenate([index.score(query[row : row + 1]) for row in range(50)])
    np.testing.assert_array_equal(alone, together)
    monkeypatch.setattr(nearest, "BLOCK_PRODUCTS", 7 * 120)
    monkeypatch.setattr(nearest, "EXACT_PAIRS", 5)
    np.testing.assert_array_equal(index.score(query), together)


def test_a_copy_of_training_is_not_new_and_a_vector_of_zeros_is():
    train = proteins(0).embeddings.matrix
    index = fit_novelty(proteins(0), proteins(1), 1, 0.05)
    np.testing.assert_allclose(index.score(train), 0, atol=1e-3)
    assert index.score(np.zeros((2, 16), np.float32)).tolist() == [1.0, 1.0]


def test_no_protein_has_no_score():
    assert fitted().score(np.zeros((0, 16), np.float32)).shape == (0,)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.3])
def test_at_most_the_stated_share_of_known_proteins_is_flagged(alpha):
    known = proteins(1, 500)
    index = fitted(alpha=alpha, calibration=known)
    flagged = index.flag(index.score(known.embeddings.matrix))
    assert alpha - 0.01 < flagged.mean() <= alpha
    held_out = proteins(3, 5000).embeddings.matrix
    assert index.flag(index.score(held_out)).mean() == pytest.approx(alpha, abs=0.05)


def test_a_score_at_the_threshold_is_not_flagged():
    index = fitted()
    assert index.flag(index.threshold + np.array([-0.1, 0.0, 0.1])).tolist() == [False, False, True]


def test_proteins_from_elsewhere_are_flagged():
    train = prepared(np.random.default_rng(0).normal(size=(200, 16)).astype(np.float32) + 3)
    train.embeddings.matrix[:100, :8] += 8  # two groups; what lies between them is new
    known = prepared(train.embeddings.matrix[::2])
    index = fit_novelty(prepared(train.embeddings.matrix[1::2]), known, 5, 0.05)
    far = np.random.default_rng(1).normal(size=(50, 16)).astype(np.float32)
    far[:, 8:] -= 30
    far[:, 12:] += 60
    assert index.flag(index.score(far)).mean() > 0.9


def test_too_few_known_proteins_flag_nothing():
    index = fitted(alpha=0.05, calibration=proteins(1, 18))
    assert index.threshold == 2
    assert not index.flag(index.score(-50 * proteins(0).embeddings.matrix)).any()


def test_doubt_is_what_the_highest_probability_leaves():
    probability = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])
    np.testing.assert_allclose(doubt(probability), [0.3, 0.4])


def test_the_doubt_threshold_is_a_conformal_rank():
    top = np.linspace(0.5, 1, 39)
    probability = np.column_stack([top, 1 - top])
    assert doubt_threshold(probability, 0.05) == pytest.approx(np.sort(1 - top)[37])
    assert doubt_threshold(probability[:18], 0.05) == 1


def test_what_is_stored_scores_the_same_and_two_fits_have_equal_bytes(tmp_path):
    for name in ("one", "two"):
        save_novelty(fitted(), tmp_path / name)
    one, two = (hashlib.md5((tmp_path / name).read_bytes()).digest() for name in ("one", "two"))
    assert one == two
    index, again = fitted(), read_novelty(tmp_path / "one")
    query = proteins(2).embeddings.matrix
    np.testing.assert_array_equal(again.score(query), index.score(query))
    for name in ("ids", "labels", "neighbours", "threshold"):
        assert getattr(again, name) == getattr(index, name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError) as caught:
        read_novelty(tmp_path / "none")
    assert str(caught.value) == f"{tmp_path / 'none'}: no such file; run `dvc repro calibrate`"


@pytest.mark.parametrize("content", [b"", b"[1]", b"truncated"])
def test_a_damaged_file_is_an_error(content, tmp_path):
    path = tmp_path / "novelty.safetensors"
    save_novelty(fitted(), path)
    path.write_bytes(path.read_bytes()[:200] if content == b"truncated" else content)
    with pytest.raises(ModelError, match="damaged or no novelty index"):
        read_novelty(path)


def test_vectors_of_another_width_are_an_error():
    with pytest.raises(DataError) as caught:
        fitted().score(np.zeros((2, 5), np.float32))
    assert str(caught.value) == (
        "vectors: width 5, expected 16 as in training; embed the proteins as those of training were"
    )


def test_more_neighbours_than_proteins_are_an_error():
    with pytest.raises(DataError) as caught:
        fitted(neighbours=121)
    assert str(caught.value) == (
        "training fold: has 120 proteins, expected at least 121, one a neighbour; "
        "lower 'evaluate.novelty_neighbours'"
    )
