"""ProtT5: the vectors of a plain loop, whatever is in the batch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, T5EncoderModel

from arginator.errors import ModelError
from arginator.prott5 import ProtT5

TOLERANCE = 2e-3  # of 16 bits


@pytest.fixture(scope="session")
def model(folder):
    return ProtT5(str(folder), device="cpu")


@pytest.fixture(scope="session")
def reference(folder):
    """Return a function that embeds one sequence in the plainest way."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    encoder = T5EncoderModel.from_pretrained(folder).eval()

    def embed(sequence):
        tokens = tokenizer(" ".join(sequence), return_tensors="pt")
        with torch.no_grad():
            hidden = encoder(**tokens).last_hidden_state[0]
        assert len(hidden) == len(sequence) + 1
        return hidden[:-1].mean(dim=0).numpy()

    return embed


def embed(model, sequences, **options):
    """Return the vectors in the order of the sequences."""
    matrix = np.full((len(sequences), model.width), np.nan, np.float16)
    for found in model.embed(sequences, **options):
        assert found.failures == ()
        matrix[list(found.index)] = found.matrix
    return matrix


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_vectors_are_always_those_of_a_plain_loop(model, reference, make_sequences, data):
    number, seed = data.draw(st.integers(1, 12)), data.draw(st.integers(0, 99))
    sequences = make_sequences(number, seed)
    residues = data.draw(st.sampled_from([1, 60, 200, 10_000]))
    expected = np.stack([reference(sequence) for sequence in sequences])
    found = embed(model, sequences, residues=residues)
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_rare_residues_are_unknown_to_the_model(model, reference):
    found = embed(model, ["MKUZOBJT", "MKXXXXXT"])
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_allclose(found[1], reference("MKXXXXXT"), atol=TOLERANCE)


def test_no_batch_has_more_residues_than_asked_for_with_padding(model, make_sequences):
    sequences = make_sequences(40)
    sizes = []
    for found in model.embed(sequences, residues=150):
        longest = max(len(sequences[index]) for index in found.index)
        sizes.append(len(found.index) * longest)
    assert max(sizes) <= 150
    assert len(sizes) < 20


def test_every_sequence_is_embedded_once_the_longest_first(model, make_sequences):
    sequences = make_sequences(30)
    order = [index for found in model.embed(sequences, residues=100) for index in found.index]
    assert sorted(order) == list(range(30))
    assert order == sorted(order, key=lambda index: -len(sequences[index]))


def test_it_says_what_made_the_vectors(model, folder):
    assert model.facts == {
        "embedder": "prott5",
        "model": str(folder),
        "revision": "",
        "pooling": "mean over residues",
    }
    assert model.width == 16


def test_a_model_that_is_not_there_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=r"cannot be loaded .* name a folder that holds") as error:
        ProtT5(str(tmp_path))
    assert str(error.value).startswith(f"{tmp_path}: cannot be loaded (")
    with pytest.raises(ModelError, match=r"`hf download no-such/model`"):
        ProtT5("no-such/model")
