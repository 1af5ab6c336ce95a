"""The command: every sequence is in the file or in the list of failures."""

import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from arginator.kmers import KmerEmbedder
from arginator.vector_files import read_vectors

COMMAND = str(Path(sys.executable).with_name("arginator"))


def run(*words, **options):
    done = subprocess.run(
        [COMMAND, "embed", *map(str, words)],
        capture_output=True, text=True, check=False, **options,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def write_fasta(path, sequences):
    path.write_text("".join(f">p{row}\n{text}\n" for row, text in enumerate(sequences)))
    return path


def read(path):
    return {
        name: vector
        for batch in read_vectors(path)
        for name, vector in zip(batch.ids, batch.matrix, strict=True)
    }


def test_vectors_of_kmers_come_in_uniprots_layout(tmp_path, make_sequences):
    sequences = make_sequences(20)
    query, output = write_fasta(tmp_path / "q.fasta", sequences), tmp_path / "v.h5"
    assert run(query, "-o", output, "--model", "kmer") == (0, "", "")
    with h5py.File(output) as file:
        assert file.attrs["embedder"] == b"kmer-2-3"
        assert {(data.shape, data.dtype) for data in file.values()} == {((1024,), np.dtype("f2"))}
    expected = KmerEmbedder((2, 3), 1024).embed(sequences).astype(np.float16)
    found = read(output)
    assert list(found) == sorted(f"p{row}" for row in range(20))
    for row in range(20):
        np.testing.assert_array_equal(found[f"p{row}"], expected[row])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["q.fasta", "v.h5"]


def test_vectors_of_the_model_carry_what_made_them(tmp_path, folder, make_sequences):
    query, output = write_fasta(tmp_path / "q.fasta", make_sequences(20)), tmp_path / "v.h5"
    assert run(query, "-o", output, "--model", folder) == (0, "", "")
    with h5py.File(output) as file:
        facts = {name: fact.decode() for name, fact in file.attrs.items()}
    assert facts["embedder"] == "prott5"
    assert facts["pooling"] == "mean over residues"
    assert facts["model"] == str(folder)
    assert len(read(output)) == 20


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_in_the_same_vectors(tmp_path, folder, make_sequences):
    query = write_fasta(tmp_path / "q.fasta", make_sequences(600, longest=400))
    words = (query, "--model", folder)
    assert run(*words, "-o", tmp_path / "whole.h5") == (0, "", "")
    output, partial = tmp_path / "v.h5", tmp_path / "v.h5.partial"
    process = subprocess.Popen([COMMAND, "embed", *map(str, words), "-o", str(output)])
    while not (partial.exists() and partial.stat().st_size > 10_000):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not output.exists()
    assert run(*words, "-o", output) == (0, "", "")
    assert not partial.exists()
    whole, found = read(tmp_path / "whole.h5"), read(output)
    assert list(found) == list(whole)
    np.testing.assert_allclose(list(found.values()), list(whole.values()), atol=2e-3)


@pytest.mark.slow
def test_what_does_not_fit_into_memory_is_named_and_the_rest_embedded(tmp_path, folder):
    sequences = ["MKT" * 10] * 50 + ["A" * 30_000] + ["MKT" * 600] * 8
    query, output = write_fasta(tmp_path / "q.fasta", sequences), tmp_path / "v.h5"
    limit = 4 * 2**30  # the longest alone needs four times as much

    def restrict():
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    status, rows, message = run(query, "-o", output, "--model", folder, preexec_fn=restrict)
    listed = tmp_path / "v.h5.failed.tsv"
    assert (status, rows) == (1, "")
    assert message == (
        f"arginator: {output}: lacks 1 proteins (first: 'p50' of 30000 residues: 30,000 residues "
        f"do not fit into memory); see {listed}\n"
    )
    assert listed.read_text() == (
        "id\tlength_aa\treason\np50\t30000\t30,000 residues do not fit into memory\n"
    )
    assert len(read(output)) == 58


def test_invalid_sequences_are_listed_if_told_to_go_on(tmp_path):
    query, output = write_fasta(tmp_path / "q.fasta", ["MK?", "MKT"]), tmp_path / "v.h5"
    words = (query, "-o", output, "--model", "kmer")
    assert run(*words)[0] == 2
    status, _, message = run(*words, "--on-invalid", "skip")
    listed = tmp_path / "v.h5.failed.tsv"
    assert status == 1
    assert message.endswith(
        f"lacks 1 proteins (first: 'p0' of 0 residues: '?' at position 3 is no residue); "
        f"see {listed}\n"
    )
    assert list(read(output)) == ["p1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            ">a/b\nMKT\n",
            "1 of 1 ids cannot name a data set in HDF5, where '/' parts groups (first: 'a/b'); "
            "rename them",
        ),
        ("", "no records, expected at least one; give a FASTA file"),
    ],
)
def test_bad_input_gets_one_message_and_leaves_nothing(tmp_path, text, message):
    query = tmp_path / "q.fasta"
    query.write_text(text)
    status, rows, said = run(query, "-o", tmp_path / "v.h5", "--model", "kmer")
    assert (status, rows) == (2, "")
    assert message in said
    assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["q.fasta"]


def test_an_output_that_exists_is_kept_unless_told_otherwise(tmp_path, make_sequences):
    query, output = write_fasta(tmp_path / "q.fasta", make_sequences(3)), tmp_path / "v.h5"
    output.write_text("mine")
    words = (query, "-o", output, "--model", "kmer")
    status, _, message = run(*words)
    assert (status, "exists already" in message, output.read_text()) == (2, True, "mine")
    assert run(*words, "--force") == (0, "", "")


def test_shards_embed_the_files_of_a_folder(tmp_path, make_sequences):
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for place in range(3):
        write_fasta(folder / f"f{place}.fasta", make_sequences(4, seed=place))
    (folder / "notes.txt").write_text("not looked at")
    words = (folder, "-o", output, "--model", "kmer", "--shard")
    assert run(*words, "1/2") == (0, "", "")
    assert sorted(path.name for path in output.iterdir()) == ["f0.fasta.h5", "f2.fasta.h5"]
    done = (output / "f0.fasta.h5").stat().st_mtime_ns
    (folder / "f2.fasta").write_text(">a\nM?\n")
    status, _, message = run(*words, "1/2")
    assert (status, "1 of 2 files failed" in message) == (1, True)
    assert (output / "f0.fasta.h5").stat().st_mtime_ns == done
    assert run(*words, "2/2") == (0, "", "")
    for place in range(2):
        assert len(read(output / f"f{place}.fasta.h5")) == 4


def test_a_file_without_a_single_vector_is_listed_and_the_next_is_embedded(tmp_path):
    (tmp_path / "in").mkdir()
    write_fasta(tmp_path / "in/a.fasta", ["MK?"])
    write_fasta(tmp_path / "in/b.fasta", ["MKT"])
    words = (tmp_path / "in", "-o", tmp_path / "out", "--model", "kmer", "--shard", "1/1")
    status, _, message = run(*words, "--on-invalid", "skip")
    assert status == 1
    assert "1 of 2 files failed" in message.splitlines()[-1]
    assert "lacks 1 proteins" in message.splitlines()[-1]
    assert "Traceback" not in message
    assert list(read(tmp_path / "out/b.fasta.h5")) == ["p0"]
    assert (tmp_path / "out/a.fasta.h5.failed.tsv").exists()
    write_fasta(tmp_path / "in/a.fasta", ["MKV"])
    assert run(*words) == (0, "", "")
    assert not (tmp_path / "out/a.fasta.h5.failed.tsv").exists()


def test_what_another_model_embedded_or_left_out_is_embedded_anew(tmp_path, folder):
    (tmp_path / "in").mkdir()
    write_fasta(tmp_path / "in/a.fasta", ["MKT", "MKTMKTMKT"])
    words = (tmp_path / "in", "-o", tmp_path / "out", "--shard", "1/1", "--on-invalid", "skip")
    output = tmp_path / "out/a.fasta.h5"
    assert run(*words, "--model", "kmer", "--max-length", 5)[0] == 1
    assert list(read(output)) == ["p0"]
    assert run(*words, "--model", "kmer") == (0, "", "")
    assert [vector.shape for vector in read(output).values()] == [(1024,)] * 2
    written = output.stat().st_mtime_ns
    assert run(*words, "--model", "kmer") == (0, "", "")
    assert output.stat().st_mtime_ns == written
    assert run(*words, "--model", folder) == (0, "", "")
    assert [vector.shape for vector in read(output).values()] == [(16,)] * 2


def test_vectors_of_others_are_not_replaced(tmp_path):
    (tmp_path / "in").mkdir()
    write_fasta(tmp_path / "in/a.fasta", ["MKT"])
    mine = tmp_path / "in/a.fasta.h5"
    with h5py.File(mine, "w") as file:
        file["x"] = np.ones(4, np.float32)
    words = (tmp_path / "in", "-o", tmp_path / "in", "--model", "kmer", "--shard", "1/1")
    status, _, message = run(*words)
    assert (status, "is no output of this command" in message) == (2, True)
    assert list(read(mine)) == ["x"]
    assert run(*words, "--force") == (0, "", "")
    assert list(read(mine)) == ["p0"]
