"""Repeats: as many networks as the index says, in its order, all of one kind."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arginator.errors import DataError, ModelError
from arginator.ffnn import FeedForward, Shape
from arginator.onnx_export import export_onnx
from arginator.repeats import load_repeats, repeat_path, repeat_seeds, write_index
from arginator.tasks import Signature

SIGNATURE = Signature("binary", "binary", ("no", "yes"), "yes", 4, "kmer", "toy", True)
OTHER = Signature("binary", "binary", ("no", "yes"), "yes", 4, "prott5", "toy", True)


def write_repeats(folder, signatures):
    """Write one small network a signature, each with other weights."""
    write_index(range(len(signatures)), folder)
    for number, signature in enumerate(signatures, 1):
        torch.manual_seed(number)
        network = FeedForward(Shape(4, (3,), 1, 0.0, "relu", "none")).eval()
        path = repeat_path(folder, number)
        path.parent.mkdir()
        export_onnx(network, signature, path)


@given(st.integers(0, 2**32 - 1), st.integers(1, 100))
def test_seeds_are_always_different_and_allowed(seed, networks):
    seeds = [seed, *repeat_seeds(seed, networks)]
    assert len(set(seeds)) == networks
    assert all(0 <= number < 2**32 for number in seeds)


def test_one_seed_needs_no_repeat(tmp_path):
    write_repeats(tmp_path, [])
    assert repeat_seeds(7, 1) == []
    assert load_repeats(tmp_path) == []
    assert (tmp_path / "index.json").read_text() == '{\n  "seeds": []\n}\n'


def test_repeats_come_in_the_order_of_their_numbers(tmp_path):
    write_repeats(tmp_path, [SIGNATURE] * 11)  # "10" sorts before "2" as a word
    vectors = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    for number, network in enumerate(load_repeats(tmp_path), 1):
        torch.manual_seed(number)
        expected = FeedForward(Shape(4, (3,), 1, 0.0, "relu", "none")).eval()
        with torch.no_grad():
            logit = expected(torch.from_numpy(vectors)).numpy()[:, 0]
        found = network.predict_probability(vectors)[:, 1]
        np.testing.assert_allclose(found, 1 / (1 + np.exp(-logit)), atol=1e-6)


def test_a_repeat_that_is_gone_is_refused(tmp_path):
    write_repeats(tmp_path, [SIGNATURE] * 2)
    repeat_path(tmp_path, 2).unlink()
    with pytest.raises(ModelError, match="no such file") as error:
        load_repeats(tmp_path)
    assert error.value.where == str(repeat_path(tmp_path, 2))


def test_a_repeat_of_other_vectors_is_refused(tmp_path):
    write_repeats(tmp_path, [SIGNATURE, OTHER])
    with pytest.raises(ModelError) as error:
        load_repeats(tmp_path)
    assert str(error.value) == (
        f"{repeat_path(tmp_path, 2)}: is of another task or data set than repeat 1; "
        "run `dvc repro train_repeats`"
    )


@pytest.mark.parametrize("text", ['{"seeds": 4}', "{}"])
def test_an_index_without_seeds_is_refused(tmp_path, text):
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(DataError) as error:
        load_repeats(tmp_path)
    assert str(error.value) == (
        f"{tmp_path / 'index.json'}: lists no 'seeds'; run `dvc repro train_repeats`"
    )
