"""Hits of sequences: who aligns with whom, once, and who is the nearest."""

import os
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arginator.errors import DataError
from arginator.sequence_identity import Hits, find_hits

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"


@pytest.fixture
def mmseqs():
    """Skip without MMseqs2, but never in CI."""
    if shutil.which("mmseqs") is None and "CI" not in os.environ:
        pytest.skip("MMseqs2 is not installed")


def make_family(rng, length, identities):
    """Return a random sequence and copies that keep these shares of its residues."""
    root = rng.choice(list(RESIDUES), length)
    family = ["".join(root)]
    for identity in identities:
        copy = root.copy()
        for place in rng.permutation(length)[: round((1 - identity) * length)]:
            copy[place] = rng.choice([r for r in RESIDUES if r != root[place]])
        family.append("".join(copy))
    return family


@st.composite
def hits_and_masks(draw):
    """Draw hits among a few proteins, and who asks whom."""
    n = draw(st.integers(2, 8))
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    pairs = sorted(draw(st.sets(st.sampled_from(pairs))))
    values = draw(st.lists(st.sampled_from([0.25, 0.5, 0.75]), min_size=len(pairs)))
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    queries = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    return Hits(ends[:, 0], ends[:, 1], np.array(values[: len(pairs)], np.float32)), queries


@given(hits_and_masks())
def test_the_nearest_is_the_first_of_the_most_identical_references(drawn):
    hits, queries = drawn
    n = len(queries)
    matrix = np.zeros((n, n))
    matrix[hits.left, hits.right] = matrix[hits.right, hits.left] = hits.identity
    matrix[:, queries] = 0
    row, identity = hits.nearest(queries, ~queries)
    expected = np.where(queries, matrix.max(axis=1), np.nan)
    np.testing.assert_array_equal(identity, expected.astype(np.float32))
    found = queries & (matrix.max(axis=1) > 0)
    np.testing.assert_array_equal(row, np.where(found, matrix.argmax(axis=1), -1))


@given(hits_and_masks(), st.sampled_from([0.2, 0.25, 0.5, 0.75]))
def test_components_join_what_is_above_the_limit_and_nothing_else(drawn, limit):
    hits, queries = drawn
    component = list(range(len(queries)))
    for left, right, identity in zip(hits.left, hits.right, hits.identity, strict=True):
        if identity > limit:
            old, new = component[right], component[left]
            component = [new if value == old else value for value in component]
    firsts = list(dict.fromkeys(component))
    found = hits.above(limit).components(len(queries))
    assert found.tolist() == [firsts.index(value) for value in component]


@pytest.mark.usefixtures("mmseqs")
def test_identities_are_those_that_were_made():
    rng = np.random.default_rng(0)
    family = make_family(rng, 300, [0.9, 0.7, 0.5])
    stranger = make_family(rng, 300, [])
    fragment = family[0][:160]
    hits = find_hits([*family, *stranger, fragment])
    found = {
        (int(i), int(j)): float(x)
        for i, j, x in zip(hits.left, hits.right, hits.identity, strict=True)
    }
    for row, identity in enumerate([0.9, 0.7, 0.5], start=1):
        assert found[0, row] == pytest.approx(identity, abs=0.03)
    assert found[0, 5] == pytest.approx(1)
    assert not any(4 in pair for pair in found)
    assert all(i < j for i, j in found)


@pytest.mark.usefixtures("mmseqs")
def test_a_shared_short_stretch_is_no_hit():
    rng = np.random.default_rng(1)
    stretch, one, other = (make_family(rng, length, [])[0] for length in (60, 150, 150))
    assert len(find_hits([stretch + one, other + stretch]).left) == 0


@pytest.mark.usefixtures("mmseqs")
def test_the_answer_is_the_same_every_time():
    rng = np.random.default_rng(2)
    sequences = [s for _ in range(12) for s in make_family(rng, 120, [0.9, 0.6, 0.4])]
    first, second = find_hits(sequences), find_hits(sequences)
    np.testing.assert_array_equal(first.left, second.left)
    np.testing.assert_array_equal(first.right, second.right)
    np.testing.assert_array_equal(first.identity, second.identity)


@pytest.mark.usefixtures("mmseqs")
def test_strangers_have_no_hits():
    rng = np.random.default_rng(3)
    assert len(find_hits([make_family(rng, 200, [])[0] for _ in range(3)]).left) == 0


def test_without_mmseqs_one_message_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError) as caught:
        find_hits(["MKV"])
    assert str(caught.value) == (
        "split.cluster_by: is 'sequence', but MMseqs2 (the program `mmseqs`) is not installed; "
        "install it (`conda install -c bioconda mmseqs2` or `apt install mmseqs2`) or set "
        "split.cluster_by to embedding"
    )


def test_a_failing_mmseqs_is_quoted(monkeypatch, tmp_path):
    program = tmp_path / "mmseqs"
    program.write_text("#!/bin/sh\necho no space left >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError) as caught:
        find_hits(["MKV", "MKL"])
    assert str(caught.value) == (
        "MMseqs2: failed with status 3 on 2 proteins (no space left); try it by hand or set "
        "split.cluster_by to embedding"
    )
