"""The network: its shape follows from the params, and what is stored is what is read."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from arginator.errors import ModelError
from arginator.ffnn import (
    ACTIVATIONS,
    NORMALISATIONS,
    FeedForward,
    Shape,
    Standardise,
    build_network,
    load_network,
    save_network,
)
from arginator.params import ModelParams
from arginator.tasks import Signature

SIGNATURE = Signature(
    "binary", "binary", ("other", "β-lactamase"), "β-lactamase", 6, "kmer", "toy", True
)
SHAPE = Shape(6, (4, 3), 1, 0.1, "relu", "batch")


def network(shape: Shape = SHAPE, seed: int = 0) -> FeedForward:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return FeedForward(shape).eval()


def vectors(width: int = 6, n: int = 5) -> torch.Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(1))


def test_layers_follow_the_params():
    params = ModelParams(width=8, depth=2, dropout=0.3, activation="gelu", normalisation="layer")
    built = build_network(params, width=6, outputs=5)
    assert built.shape == Shape(6, (8, 8), 5, 0.3, "gelu", "layer")
    assert [name for name, _ in built.named_children()] == [
        "standardise",
        "block_0",
        "block_1",
        "output",
    ]
    assert {name: tuple(value.shape) for name, value in built.named_parameters()} == {
        "block_0.linear.weight": (8, 6),
        "block_0.linear.bias": (8,),
        "block_0.normalisation.weight": (8,),
        "block_0.normalisation.bias": (8,),
        "block_1.linear.weight": (8, 8),
        "block_1.linear.bias": (8,),
        "block_1.normalisation.weight": (8,),
        "block_1.normalisation.bias": (8,),
        "output.weight": (5, 8),
        "output.bias": (5,),
    }


def test_without_hidden_layers_it_is_a_linear_model_of_standardised_vectors():
    linear, matrix = network(Shape(6, (), 2, 0.5, "relu", "batch")), vectors()
    linear.standardise.fit(matrix)
    scaled = (matrix - matrix.mean(0)) / matrix.std(0, correction=0)
    expected = scaled @ linear.output.weight.T + linear.output.bias
    torch.testing.assert_close(linear(matrix), expected)


@settings(deadline=None, max_examples=30)
@given(
    st.integers(1, 9),
    st.lists(st.integers(1, 7), max_size=3),
    st.integers(1, 5),
    st.sampled_from(sorted(ACTIVATIONS)),
    st.sampled_from(sorted(NORMALISATIONS)),
)
def test_every_shape_survives_storage(tmp_path_factory, width, hidden, outputs, act, norm):
    stored = network(Shape(width, tuple(hidden), outputs, 0.2, act, norm))
    stored.standardise.fit(vectors(width) * 3 + 1)
    folder = tmp_path_factory.mktemp("network")
    save_network(stored, SIGNATURE, folder)
    loaded, signature = load_network(folder)
    assert (loaded.shape, signature, loaded.training) == (stored.shape, SIGNATURE, False)
    assert torch.equal(loaded(vectors(width)), stored(vectors(width)))


def test_standardised_vectors_have_mean_0_and_deviation_1():
    standardise, matrix = Standardise(6), vectors(n=50) * 7 + 3
    standardise.fit(matrix)
    scaled = standardise(matrix)
    torch.testing.assert_close(scaled.mean(0), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(scaled.std(0, correction=0), torch.ones(6))


def test_a_constant_feature_is_left_unscaled():
    standardise = Standardise(2)
    standardise.fit(torch.tensor([[2.0, 1.0], [2.0, 3.0]]))
    assert standardise(torch.tensor([[2.5, 2.0]])).tolist() == [[0.5, 0.0]]


def test_float16_vectors_give_float32_logits_close_to_those_of_float32():
    single, half = network()(vectors()), network()(vectors().half())
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, single, atol=1e-2, rtol=0)


def test_the_same_network_is_the_same_bytes_in_every_process(tmp_path):
    save_network(network(), SIGNATURE, tmp_path)
    program = (
        "import sys, hashlib; from pathlib import Path;"
        "from arginator.ffnn import load_network, save_network;"
        "save_network(*load_network(Path(sys.argv[1])), Path(sys.argv[2]))"
    )
    (tmp_path / "again").mkdir()
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), str(tmp_path / "again")], check=True
    )
    digests = {
        hashlib.md5((folder / "model.safetensors").read_bytes()).hexdigest()
        for folder in (tmp_path, tmp_path / "again")
    }
    assert len(digests) == 1


def test_storing_twenty_times_gives_one_file(tmp_path):
    seen = set()
    for _ in range(20):
        save_network(network(), SIGNATURE, tmp_path)
        seen.add((tmp_path / "model.safetensors").read_bytes())
    assert len(seen) == 1


def test_a_missing_network_is_named(tmp_path):
    with pytest.raises(ModelError) as caught:
        load_network(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'model.safetensors'}: no such file; run `dvc repro train_ffnn`"
    )


@pytest.mark.parametrize("keep", [0, 4, 200, -1])
def test_a_truncated_network_is_one_line(tmp_path, keep):
    save_network(network(), SIGNATURE, tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(
        ModelError, match=r"damaged or no network \(.*\); train it again$"
    ) as caught:
        load_network(tmp_path)
    assert "\n" not in str(caught.value)


FACTS = {"shape": SHAPE.__dict__, "signature": SIGNATURE.to_json()}


@pytest.mark.parametrize(
    "facts",
    [
        [],
        {},
        {"shape": FACTS["shape"]},
        FACTS | {"shape": {"width": 6}},
        FACTS | {"shape": SHAPE.__dict__ | {"hidden": [5, 3]}},
        FACTS | {"shape": SHAPE.__dict__ | {"activation": "eval"}},
        FACTS | {"signature": "{}"},
    ],
    ids=["list", "empty", "unsigned", "no shape", "other shape", "other function", "bad signature"],
)
def test_weights_without_fitting_facts_are_refused(tmp_path, facts):
    weights = network().state_dict()
    save_file(weights, tmp_path / "model.safetensors", {"arginator": json.dumps(facts)})
    with pytest.raises(
        ModelError, match=r"damaged or no network|carries no readable signature"
    ) as (caught):
        load_network(tmp_path)
    assert "\n" not in str(caught.value)


def test_weights_of_another_program_are_refused(tmp_path):
    save_file(network().state_dict(), tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match="damaged or no network"):
        load_network(tmp_path)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_standardisation_in_blocks_is_that_of_the_whole(block_rows, seed):
    random = np.random.default_rng(seed)
    vectors = random.normal(50, 3, size=(sum(block_rows), 3)).astype(np.float32)
    vectors[:, 2] = 0.1
    standardise = Standardise(3)
    standardise.fit_blocks(torch.from_numpy(vectors).split(block_rows))
    exact = vectors.astype(np.float64)
    expected = np.where(np.ptp(vectors, axis=0) > 0, exact.std(axis=0), 1)
    np.testing.assert_allclose(standardise.mean, exact.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(standardise.deviation, expected, rtol=1e-6)
