"""K-mer vectors: scikit-learn's hashing, unit length, no influence of the neighbours."""

from __future__ import annotations

import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction import FeatureHasher

from arginator import kmers
from arginator.kmers import KmerEmbedder
from arginator.sequences import STANDARD_RESIDUES

PROTEIN = st.text(STANDARD_RESIDUES, max_size=40)
ANY_TEXT = st.text(st.sampled_from(STANDARD_RESIDUES + "XBZJOU*-acé\n \t€"), max_size=40)
EMBEDDER = KmerEmbedder((2, 3), 64)


def hash_as_scikit_learn_does(sequence: str, lengths: tuple[int, ...], width: int) -> np.ndarray:
    words = [
        sequence[start : start + length]
        for length in lengths
        for start in range(len(sequence) - length + 1)
    ]
    kept = [word for word in words if set(word) <= set(STANDARD_RESIDUES)]
    count = FeatureHasher(width, input_type="string").transform([kept]).toarray()[0]
    return count / (np.linalg.norm(count) or 1)


@settings(deadline=None)
@given(
    sequence=ANY_TEXT.map(str.upper),
    lengths=st.sampled_from([(1,), (2, 3), (3,), (1, 2, 3)]),
    width=st.sampled_from([16, 17, 100, 1024]),
)
def test_vector_is_what_scikit_learn_hashes_scaled_to_unit_length(
    sequence: str, lengths: tuple[int, ...], width: int
) -> None:
    vector = KmerEmbedder(lengths, width).embed([sequence])[0]

    expected = hash_as_scikit_learn_does(sequence, lengths, width)
    np.testing.assert_allclose(vector, expected, atol=1e-7)


@pytest.mark.parametrize("length", [1, 2, 3, 4])
@pytest.mark.parametrize("width", [16, 1000, 65_536])
def test_every_k_mer_is_hashed_as_scikit_learn_hashes_it(length: int, width: int) -> None:
    words = ["".join(residues) for residues in product(STANDARD_RESIDUES, repeat=length)]

    column, sign = kmers._hash_kmers(length, width)

    hasher = FeatureHasher(width, input_type="string")
    expected = hasher.transform([word] for word in words)
    np.testing.assert_array_equal(column, expected.indices)
    np.testing.assert_array_equal(sign, expected.data)


@settings(deadline=None)
@given(st.lists(ANY_TEXT, max_size=8))
def test_vector_never_depends_on_the_other_sequences(sequences: list[str]) -> None:
    together = EMBEDDER.embed(sequences)

    for index, sequence in enumerate(sequences):
        assert together[index].tobytes() == EMBEDDER.embed([sequence])[0].tobytes()


def test_vector_never_depends_on_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    sequences = ["MKTAYIAK", "", "W" * 50, "ACDEFGHIKLMNPQRSTVWY" * 9, "MKT"] * 3
    expected = EMBEDDER.embed(sequences)

    for numbers in (1, 64, 128, 200, 1000):
        monkeypatch.setattr(kmers, "BATCH_NUMBERS", numbers)
        assert EMBEDDER.embed(sequences).tobytes() == expected.tobytes()


@given(PROTEIN)
def test_length_is_one_or_the_vector_is_zero(sequence: str) -> None:
    norm = np.linalg.norm(EMBEDDER.embed([sequence])[0])

    assert norm == pytest.approx(1, abs=1e-6) or norm == 0


@pytest.mark.parametrize("sequence", ["", "M", "X", "XXXX", "MXKXT", "M-K", "€€"])
def test_sequence_without_k_mers_gives_zeros(sequence: str) -> None:
    assert not EMBEDDER.embed([sequence]).any()


def test_lower_case_counts_as_upper_case() -> None:
    lower, upper = EMBEDDER.embed(["mktayiak", "MKTAYIAK"])

    np.testing.assert_array_equal(lower, upper)


def test_no_sequences_give_no_rows() -> None:
    matrix = EMBEDDER.embed([])

    assert (matrix.shape, matrix.dtype) == ((0, 64), np.float32)


def test_importing_loads_neither_scikit_learn_nor_torch() -> None:
    code = "import sys, arginator.kmers; print({'sklearn', 'torch', 'scipy'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"
