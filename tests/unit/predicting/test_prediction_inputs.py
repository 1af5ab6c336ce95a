"""Inputs: the same vectors from any file, in its order."""

import gzip
import io
import sys

import h5py
import numpy as np
import pytest

from arginator.errors import DataError, ModelError
from arginator.prediction_inputs import InputReader, list_inputs
from arginator.query_sequences import FastaOptions


@pytest.fixture
def fasta(tmp_path, make_sequences):
    path = tmp_path / "q.fasta"
    sequences = make_sequences(3000, seed=3)
    path.write_text("".join(f">p{row} x\n{text}\n" for row, text in enumerate(sequences)))
    return path, sequences


def collect(path):
    """Return the ids and vectors of all batches."""
    batches = [query.embeddings for query in InputReader("kmer-2", 32).read(path)]
    ids = [name for batch in batches for name in batch.ids]
    return ids, np.concatenate([batch.matrix for batch in batches])


def test_sequences_are_embedded_in_their_order(fasta, kmers):
    path, sequences = fasta
    ids, matrix = collect(path)
    assert ids == [f"p{row}" for row in range(3000)]
    np.testing.assert_array_equal(matrix, kmers.embed(sequences))


def test_hidden_files_of_a_folder_do_not_count_and_none_is_read_twice(tmp_path):
    for name in ("a.fasta", "._a.fasta"):
        (tmp_path / name).write_text(">a\nMK\n")
    assert list_inputs([tmp_path]) == [tmp_path / "a.fasta"]
    with pytest.raises(DataError, match="is named twice"):
        list_inputs([tmp_path, tmp_path / "a.fasta"])


def test_sequences_whose_rows_are_known_are_not_embedded(fasta):
    path, _ = fasta
    asked = []

    def known(ids):
        asked.append(len(ids))
        return ids[0] == "p1024"

    queries = list(InputReader("kmer-2", 32).read(path, known))
    assert asked == [1024, 1024, 952]
    assert [bool(query.embeddings.matrix.any()) for query in queries] == [True, False, True]


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


def test_ready_vectors_are_read_as_they_are(tmp_path, unit):
    path = tmp_path / "v.h5"
    with h5py.File(path, "w") as file:
        file["a"] = unit(np.ones(32))
        file["b"] = np.eye(1, 32, dtype=np.float32)
    ids, matrix = collect(path)
    assert ids == ["a", "b"]
    np.testing.assert_array_equal(matrix, [unit(np.ones(32)), *np.eye(1, 32)])


def test_vectors_of_another_width_are_refused(tmp_path):
    path = tmp_path / "v.h5"
    with h5py.File(path, "w") as file:
        file["a"] = np.ones(31, np.float32)
    with pytest.raises(DataError, match="have width 31, expected 32"):
        collect(path)


def test_sequences_for_a_model_of_an_embedder_from_elsewhere_are_refused(fasta):
    path, _ = fasta
    with pytest.raises(ModelError) as error:
        list(InputReader("esm2", 1280).read(path))
    assert str(error.value) == (
        "embedder 'esm2': is no embedder that comes with arginator; "
        "embed the proteins first, pass vectors"
    )


def test_weights_for_an_embedder_without_weights_are_refused(fasta):
    path, _ = fasta
    with pytest.raises(ModelError) as error:
        list(InputReader("kmer-2", 32, model="somewhere").read(path))
    assert str(error.value) == "--model: is for 'prott5', but the models read 'kmer-2'; drop it"


def test_vectors_that_another_embedder_made_are_refused_by_name(tmp_path, unit):
    path = tmp_path / "v.h5"
    with h5py.File(path, "w") as file:
        file.attrs["embedder"] = np.bytes_(b"prott5")
        file["a"] = unit(np.ones(32))
    with pytest.raises(DataError) as error:
        collect(path)
    assert str(error.value) == (
        f"{path}: holds vectors made by 'prott5', but the models read those of 'kmer-2'; "
        "embed the proteins with that"
    )


def test_vectors_that_kmers_cannot_have_are_refused(tmp_path, unit):
    path = tmp_path / "v.h5"
    with h5py.File(path, "w") as file:
        file["a"] = unit(np.ones(32))
        file["b"] = np.ones(32, np.float16)
        file["c"] = np.zeros(32, np.float16)
    with pytest.raises(DataError) as error:
        collect(path)
    assert str(error.value) == (
        f"{path}: 1 of 3 vectors are not of length 1 (first: 'b'), so 'kmer-2' did not make them; "
        "embed the proteins with that, or pass sequences"
    )


def test_a_matrix_in_npy_is_read_with_its_ids(tmp_path, unit):
    matrix = unit(np.random.default_rng(0).standard_normal((3, 32)))
    np.save(tmp_path / "v.npy", matrix)
    ids = tmp_path / "ids.txt"
    ids.write_text("x\ny\nz\n")
    (query,) = InputReader("kmer-2", 32, arrays={"ids": ids}).read(tmp_path / "v.npy")
    assert query.embeddings.ids == ("x", "y", "z")
    np.testing.assert_array_equal(query.embeddings.matrix, matrix)


def write_with_embedder(path, value, unit):
    with h5py.File(path, "w") as file:
        file.attrs["embedder"] = value
        file["a"] = unit(np.ones(32))


def test_vectors_may_name_the_embedder(tmp_path, unit):
    write_with_embedder(tmp_path / "v.h5", np.bytes_(b"kmer-2"), unit)
    assert collect(tmp_path / "v.h5")[0] == ["a"]


@pytest.mark.parametrize("value", ["kmer-2", 3, np.array([b"kmer-2"])])
def test_an_embedder_that_cannot_be_read_is_refused(tmp_path, value, unit):
    write_with_embedder(tmp_path / "v.h5", value, unit)
    with pytest.raises(DataError, match="says 'embedder' in another way"):
        collect(tmp_path / "v.h5")


def test_every_sequence_is_there_even_if_it_is_left_out(tmp_path):
    path = tmp_path / "q.fasta"
    path.write_text(">a\nM?K\n>b\nMKTAY\n>c\nMKXXXX\n>d\nMMMMMMMMMMM\n>e\nM*K\n")
    (query,) = InputReader("kmer-2", 32, FastaOptions("skip", 10)).read(path)
    assert query.embeddings.ids == ("a", "b", "c", "d", "e")
    assert query.embeddings.matrix.any(axis=1).tolist() == [False, True, True, False, False]
    assert query.statuses == {
        "a": "not scored: '?' at position 2 is no residue",
        "c": "doubtful: more than half of its residues are unknown",
        "d": "not scored: 11 residues, expected at most 10",
        "e": "not scored: stop '*' inside the sequence, at position 2 of 3",
    }


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
