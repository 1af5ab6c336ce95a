"""Rows kept while predicting: a run that was killed goes on, and ends in the same bytes."""

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pytest

from arginator.errors import DataError
from arginator.kept_rows import keep_rows

COMMAND = str(Path(sys.executable).with_name("arginator"))
SCHEMA = pa.schema([("id", pa.string()), ("call", pa.string())])
JOB = {"bundles": "a", "inputs": [["q.h5", 10, 20]]}


def batch(*ids):
    return pa.RecordBatch.from_arrays(
        [pa.array(ids), pa.array([f"{i}!" for i in ids])], schema=SCHEMA
    )


def interrupt(output, *batches, job=JOB):
    """Keep these batches, then stop as Ctrl-C does."""
    with suppress(KeyboardInterrupt), keep_rows(output, job, SCHEMA) as kept:
        for rows in batches:
            if kept.take(rows.column("id").to_pylist()) is None:
                kept.add(rows)
        raise KeyboardInterrupt


def run(*words):
    done = subprocess.run(
        [COMMAND, "predict", *map(str, words)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def vectors(tmp_path, unit):
    path = tmp_path / "v.h5"
    rows = unit(np.random.default_rng(0).standard_normal((20_000, 32)))
    with h5py.File(path, "w") as file:
        for row, vector in enumerate(rows):
            file[f"p{row:05}"] = vector
    return path


def test_rows_of_a_stopped_run_are_taken_and_new_ones_added(tmp_path):
    output = tmp_path / "calls.tsv"
    first, second, third = batch("a", "b"), batch("c"), batch("d")
    interrupt(output, first)
    interrupt(output, first, second)
    with keep_rows(output, JOB, SCHEMA) as kept:
        taken = [kept.take(rows.column("id").to_pylist()) for rows in (first, second, third)]
        assert taken == [first, second, None]
        assert kept.number == 3
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_is_known_before_it_is_taken(tmp_path):
    output = tmp_path / "calls.tsv"
    interrupt(output, batch("a", "b"), batch("c"), batch("d"))
    with keep_rows(output, JOB, SCHEMA) as kept:
        assert kept.covers(["a", "b", "c"])
        assert [kept.take(ids) for ids in (["a", "b"], ["c"])] == [batch("a", "b"), batch("c")]
        assert not kept.covers(["d", "e"])
        assert [kept.take(["d"]), kept.take(["e"])] == [batch("d"), None]


@pytest.mark.parametrize(("lost", "left"), [(1, ["a"]), (10, ["a"]), (100, ["a"])])
def test_a_batch_cut_short_is_scored_again(tmp_path, lost, left):
    output = tmp_path / "calls.tsv"
    interrupt(output, batch("a"), batch("b"))
    path = tmp_path / "calls.tsv.partial"
    path.write_bytes(path.read_bytes()[:-lost])
    with keep_rows(output, JOB, SCHEMA) as kept:
        assert [name for name in "ab" if kept.take([name]) is not None] == left


def test_a_fault_of_the_input_keeps_nothing(tmp_path):
    with suppress(DataError), keep_rows(tmp_path / "calls.tsv", JOB, SCHEMA) as kept:
        kept.add(batch("a"))
        raise DataError("v.h5", "is damaged")
    assert list(tmp_path.iterdir()) == []


def test_rows_of_another_job_are_refused_and_kept(tmp_path):
    output = tmp_path / "calls.tsv"
    interrupt(output, batch("a"))
    message = (
        f"{output}.partial: holds rows of other inputs, models or options; remove it to begin anew"
    )
    with (
        pytest.raises(DataError) as error,
        keep_rows(output, JOB | {"bundles": "b"}, SCHEMA),
    ):
        pass
    assert str(error.value) == message
    assert [path.name for path in tmp_path.iterdir()] == ["calls.tsv.partial"]


def test_a_file_of_something_else_is_refused_and_kept(tmp_path):
    path = tmp_path / "calls.tsv.partial"
    path.write_text("mine")
    with (
        pytest.raises(DataError, match="holds no rows of an earlier run"),
        keep_rows(tmp_path / "calls.tsv", JOB, SCHEMA),
    ):
        pass
    assert path.read_text() == "mine"


def test_two_processes_never_keep_rows_for_one_output(tmp_path):
    output = tmp_path / "calls.tsv"
    with keep_rows(output, JOB, SCHEMA) as kept:
        for rows in (batch("a"), batch("b")):
            with (
                pytest.raises(DataError, match="is being written by another process"),
                keep_rows(output, JOB, SCHEMA),
            ):
                pass
            kept.add(rows)


@pytest.mark.parametrize("kind", ["tsv", "parquet"])
def test_a_killed_prediction_goes_on_and_ends_in_the_same_bytes(vectors, models, tmp_path, kind):
    words = ["predict", vectors, "--bundle", models, "--format", kind, "--batch-size", "50"]
    whole, output = tmp_path / "whole", tmp_path / "calls"
    assert run(*words[1:], "-o", whole) == (0, "", "")
    words += ["-o", output, "--resume"]
    process = subprocess.Popen([COMMAND, *map(str, words)])
    partial = tmp_path / "calls.partial"
    while not (partial.exists() and partial.stat().st_size > 30_000):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not output.exists()
    assert partial.stat().st_size > 30_000
    assert run(*words[1:]) == (0, "", "")
    assert output.read_bytes() == whole.read_bytes()
    assert not partial.exists()


def test_rows_outlast_a_stop_but_not_a_change_of_the_vectors(vectors, models, tmp_path):
    output, partial = tmp_path / "calls", tmp_path / "calls.partial"
    words = [vectors, "--bundle", models, "-o", output, "--resume"]
    process = subprocess.Popen([COMMAND, "predict", *map(str, words), "--batch-size", "50"])
    while not (partial.exists() and partial.stat().st_size > 30_000):
        assert process.poll() is None, "it ended before it could be stopped"
        time.sleep(0.001)
    process.terminate()
    assert process.wait() == 143
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calls.partial", "v.h5"]
    vectors.touch()
    assert run(*words, "--batch-size", "50") == (
        2,
        "",
        f"arginator: {partial}: holds rows of other inputs, models or options; remove it to begin "
        "anew\n",
    )


def test_what_cannot_be_read_again_cannot_be_resumed(models, tmp_path):
    words = ["-", "--bundle", models, "--resume"]
    assert run(*words) == (
        2,
        "",
        "arginator: --resume: keeps rows beside the output; name one with --output\n",
    )
    assert run(*words, "-o", tmp_path / "calls") == (
        2,
        "",
        "arginator: --resume: standard input cannot be read again; name a file\n",
    )


@pytest.mark.parametrize("size", [1, 7, 4096, 50_000])
def test_the_size_of_a_batch_changes_no_byte(vectors, models, tmp_path, size):
    with h5py.File(vectors) as old, h5py.File(tmp_path / "few.h5", "w") as few:
        for name in list(old)[:300]:
            few[name] = old[name][:]
    words = [tmp_path / "few.h5", "--bundle", models]
    assert run(*words, "--batch-size", size) == run(*words)
