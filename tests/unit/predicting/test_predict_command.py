"""The command: rows or one message, never half a file."""

import os
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

COMMAND = [str(Path(sys.executable).with_name("arginator"))]


def run(*words, stdin=None):
    """Run the command and return its exit status, output and messages."""
    done = subprocess.run(
        [*COMMAND, *map(str, words)], input=stdin, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def query(tmp_path, make_sequences):
    path = tmp_path / "q.fasta"
    rows = enumerate(make_sequences(5, seed=1))
    path.write_text("".join(f">p{row}\n{text}\n" for row, text in rows))
    return path


def test_rows_go_to_standard_output_or_to_a_file(query, models, tmp_path):
    status, rows, messages = run("predict", query, "--bundle", models)
    assert (status, messages) == (0, "")
    assert [line.split("\t")[0] for line in rows.splitlines()] == ["id"] + [
        f"p{row}" for row in range(5)
    ]
    out = tmp_path / "out.tsv"
    assert run("predict", query, "--bundle", models, "-o", out) == (0, "", "")
    assert out.read_text() == rows
    assert run("predict", "-", "--bundle", models, stdin=query.read_text())[1] == rows


def test_several_files_are_named_in_the_rows(query, models, tmp_path):
    other = tmp_path / "r.fasta"
    other.write_text(">p0\nMKTAYIAKQR\n")
    _, rows, _ = run("predict", query, other, "--bundle", models, "--no-neighbours")
    names = [line.split("\t")[:2] for line in rows.splitlines()]
    assert names[0] == ["file", "id"]
    assert names[1:] == [[str(query), f"p{row}"] for row in range(5)] + [[str(other), "p0"]]


def test_a_fault_at_the_end_leaves_no_output(models, tmp_path, unit):
    path, out = tmp_path / "v.h5", tmp_path / "out.tsv"
    with h5py.File(path, "w") as file:
        for row in range(5000):
            file[f"p{row:04}"] = unit(np.ones(32))
        file["z"] = np.full(32, np.nan, np.float16)
    for words in ([], ["-o", out]):
        status, rows, message = run("predict", path, "--bundle", models, *words)
        assert (status, rows) == (2, "")
        assert message == (
            f"arginator: {path}: 1 of 5,001 vectors hold NaN, infinite or too large numbers "
            "(first: 'z'); make these vectors again\n"
        )
    assert [file.name for file in tmp_path.iterdir()] == ["v.h5"]


def test_threads_change_neither_rows_nor_their_order(models, tmp_path, unit):
    path = tmp_path / "v.h5"
    vectors = unit(np.random.default_rng(0).standard_normal((9000, 32)))
    with h5py.File(path, "w") as file:
        for row, vector in enumerate(vectors):
            file[f"p{row:04}"] = vector
    one, three = (run("predict", path, "--bundle", models, "--threads", n) for n in (1, 3))
    assert one == three
    ids = [line.partition("\t")[0] for line in one[1].splitlines()[1:]]
    assert ids == [f"p{row:04}" for row in range(9000)]


@pytest.mark.parametrize("threads", ["0", "-1", "two"])
def test_threads_are_at_least_one(threads, query, models):
    status, rows, message = run("predict", query, "--bundle", models, "--threads", threads)
    assert (status, rows) == (2, "")
    assert f"argument --threads: {threads!r} is no whole number from 1 on" in message


def test_an_output_that_exists_is_kept_unless_told_otherwise(query, models, tmp_path):
    out = tmp_path / "out.tsv"
    out.write_text("mine")
    words = ("predict", query, "--bundle", models, "-o", out)
    assert run(*words) == (
        2, "", f"arginator: {out}: exists already; name another file or pass --force\n",
    )  # fmt: skip
    assert out.read_text() == "mine"
    assert run(*words, "--force")[0] == 0
    assert out.read_text().startswith("id\t")


def test_models_of_other_families_have_no_hamronized_report(query, models):
    words = ("predict", query, "--bundle", models, "--format", "hamronization")
    assert run(*words) == (
        2,
        "",
        "arginator: --format hamronization: reports each beta-lactamase, but the models look for "
        "'hit'; choose another format or bundle\n",
    )


def test_a_missing_bundle_is_no_fault_of_the_input(query, tmp_path):
    status, _, message = run("predict", query, "--bundle", tmp_path)
    assert (status, message) == (
        1,
        f"arginator: {tmp_path}: holds no bundle; run `dvc repro card` or name "
        "another folder, as in --bundle DIR\n",
    )


def test_a_bundle_of_another_task_is_refused(query, models):
    folder = models / "group" / "bundle"
    status, _, message = run("predict", query, "--bundle", folder, "--task", "classes")
    problem = "is a bundle of task 'group', not of 'classes'; name another with --bundle"
    assert (status, message) == (1, f"arginator: {folder}: {problem}\n")
    status, _, message = run("predict", query, "--bundle", models, "--task", "/x")
    assert (status, "holds no bundle of task '/x'" in message) == (1, True)


def test_rows_for_a_closed_output_are_refused(query, models):
    command = f"{COMMAND[0]} predict {query} --bundle {models} >&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    problem = "standard output: is closed; name a file with --output"
    assert (done.returncode, done.stderr) == (2, f"arginator: {problem}\n")


def test_it_goes_on_when_the_shell_that_started_it_ends(query, models, tmp_path):
    output = tmp_path / "calls.tsv"
    command = f"{COMMAND[0]} predict {query} --bundle {models} -o {output} < /dev/null &"
    subprocess.run(["bash", "-c", command], check=True)
    end = time.monotonic() + 30
    while not output.exists():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_bundle_is_verified_and_described(models, tmp_path):
    folder = models / "group" / "bundle"
    status, text, _ = run("bundle", "verify", folder)
    assert status == 0
    assert text.endswith("of task 'group' is whole\n")
    status, text, _ = run("bundle", "info", folder)
    assert (status, '"licence": "CC0-1.0"' in text) == (0, True)


def test_help_loads_nothing_heavy():
    script = (
        "import sys; from arginator import cli, predict_command; "
        "print([m for m in ('torch', 'matplotlib', 'dvc', 'pandas', 'scipy', 'sklearn') "
        "if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_invalid_sequences_have_rows_that_say_so_if_told_to_go_on(models, tmp_path):
    path = tmp_path / "q.fasta"
    path.write_text(">a\nMKTAYIAKQRLLE\n>b\nMK?\n>c\nMKTAXXXXX\n")
    status, rows, message = run("predict", path, "--bundle", models)
    assert (status, rows) == (2, "")
    assert message == (
        f"arginator: {path}:3 (record 'b'): '?' at position 3 is no residue; "
        "correct or remove the record\n"
    )
    status, rows, message = run("predict", path, "--bundle", models, "--on-invalid", "skip")
    found = [line.split("\t") for line in rows.splitlines()[1:]]
    assert status == 0
    assert [(row[0], row[1]) for row in found] == [
        ("a", "ok"),
        ("b", "not scored: '?' at position 3 is no residue"),
        ("c", "doubtful: more than half of its residues are unknown"),
    ]
    assert [row[2] != "" for row in found] == [True, False, True]
    assert "left out 1 of 3 records" in message


def test_no_input_is_ever_written_over(query, models, tmp_path):
    text, link = query.read_text(), tmp_path / "link.fasta"
    link.symlink_to(query)
    for output in (query, link):
        status, _, message = run("predict", query, "--bundle", models, "-o", output, "--force")
        problem = "is one of the inputs too; name another file"
        assert (status, message) == (2, f"arginator: {output}: {problem}\n")
    assert query.read_text() == text


@pytest.mark.parametrize("name", ["nowhere/x.tsv", "fifo", "folder"])
def test_an_output_that_cannot_be_is_refused_at_once(query, models, tmp_path, name):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.iterdir())
    output = tmp_path / name
    problem = {
        "nowhere/x.tsv": f"there is no folder '{tmp_path}/nowhere'; make it first",
        "fifo": "is no plain file, expected a file to write; name another file",
        "folder": "is a folder, expected a file to write; name another file",
    }[name]
    status, rows, message = run("predict", query, "--bundle", models, "-o", output, "--force")
    assert (status, rows, message) == (2, "", f"arginator: {output}: {problem}\n")
    assert sorted(tmp_path.iterdir()) == before


def test_a_link_is_written_through(query, models, tmp_path):
    target, link = tmp_path / "target.tsv", tmp_path / "link.tsv"
    target.write_text("old")
    link.symlink_to(target)
    words = ("predict", query, "--bundle", models, "-o", link, "--force")
    assert run(*words) == (0, "", "")
    assert link.is_symlink()
    assert target.read_text().startswith("id\t")


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl", "parquet", "mqc"])
def test_a_fault_is_one_line_in_every_format(models, tmp_path, kind, unit):
    path = tmp_path / "v.h5"
    with h5py.File(path, "w") as file:
        file["a"] = unit(np.ones(32))
        file["b"] = np.full(32, np.nan, np.float16)
    words = ("predict", path, "--bundle", models / "classes/bundle", "--format", kind)
    status, rows, message = run(*words)
    assert (status, rows, message.count("\n")) == (2, "", 1)


def test_standard_input_is_called_so(models):
    status, _, message = run("predict", "-", "--bundle", models, stdin=">a\nM?\n")
    assert (status, message) == (
        2,
        "arginator: standard input:1 (record 'a'): '?' at position 2 is no residue; "
        "correct or remove the record\n",
    )


def test_models_of_simulated_proteins_say_so(query, write_task, tmp_path):
    write_task(tmp_path / "group", "group", simulated=True)
    status, rows, message = run("predict", query, "--bundle", tmp_path)
    assert (status, rows.count("\n")) == (0, 6)
    assert message == (
        f"arginator: {tmp_path}: trained on simulated proteins (toy); "
        "what it says of real ones means nothing\n"
    )
