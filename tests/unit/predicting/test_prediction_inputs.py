"""Inputs: the same vectors from any file, in its order."""

import gzip
import io
import sys

import h5py
import numpy as np
import pytest

from arginator.errors import DataError
from arginator.prediction_inputs import list_inputs, read_input


@pytest.fixture
def fasta(tmp_path, make_sequences):
    path = tmp_path / "q.fasta"
    sequences = make_sequences(3000, seed=3)
    path.write_text("".join(f">p{row} x\n{text}\n" for row, text in enumerate(sequences)))
    return path, sequences


def collect(path):
    """Return the ids and vectors of all batches."""
    batches = list(read_input(path, "kmer-2", 32))
    ids = [name for batch in batches for name in batch.ids]
    return ids, np.concatenate([batch.matrix for batch in batches])


def test_sequences_are_embedded_in_their_order(fasta, kmers):
    path, sequences = fasta
    ids, matrix = collect(path)
    assert ids == [f"p{row}" for row in range(3000)]
    np.testing.assert_array_equal(matrix, kmers.embed(sequences))


def test_gzip_and_standard_input_give_the_same(fasta, tmp_path, monkeypatch):
    path, _ = fasta
    ids, matrix = collect(path)
    packed = tmp_path / "q.fasta.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    for other in (packed, type(path)("-")):
        found = collect(other)
        assert found[0] == ids
        np.testing.assert_array_equal(found[1], matrix)


def test_ready_vectors_are_read_as_they_are(tmp_path):
    path = tmp_path / "v.h5"
    with h5py.File(path, "w") as file:
        file["a"] = np.ones(32, np.float16)
        file["b"] = np.zeros((1, 32), np.float32) + 2
    ids, matrix = collect(path)
    assert ids == ["a", "b"]
    np.testing.assert_array_equal(matrix, np.repeat([[1.0], [2.0]], 32, axis=1))


def test_vectors_of_another_width_are_refused(tmp_path):
    path = tmp_path / "v.h5"
    with h5py.File(path, "w") as file:
        file["a"] = np.ones(31, np.float32)
    with pytest.raises(DataError, match="have width 31, expected 32"):
        collect(path)


def test_sequences_for_a_model_of_another_embedder_are_refused(fasta):
    path, _ = fasta
    with pytest.raises(DataError) as error:
        list(read_input(path, "prott5", 1024))
    assert str(error.value) == (
        f"{path}: holds sequences, but the models read vectors made by 'prott5'; "
        "embed the proteins with that first"
    )


def test_a_folder_stands_for_what_can_be_read_in_it(tmp_path):
    for name in ("b.faa", "a.h5", "notes.txt", "c.FASTA"):
        (tmp_path / name).write_text(">x\nMKT\n")
    other = tmp_path / "notes.txt"
    files = [tmp_path / name for name in ("a.h5", "b.faa", "c.FASTA")]
    assert list_inputs([other, tmp_path]) == [other, *files]


def test_what_is_not_there_is_named_before_anything_is_read(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError) as error:
        list_inputs([tmp_path / "empty"])
    assert str(error.value) == (
        f"{tmp_path}/empty: holds no file of vectors or sequences; name the files"
    )
    with pytest.raises(DataError) as error:
        list_inputs([tmp_path / "x.h5"])
    assert str(error.value) == f"{tmp_path}/x.h5: no such file; correct the path"
