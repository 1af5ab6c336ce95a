"""Input at fault, through the stage as DVC runs it: one line, exit status 2, nothing written."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
OUTPUTS = ("prepared.parquet", "left_out.tsv", "prepare.json")
HEAD = """
name: source
title: t
simulated: false
origin: o
licence: l
citation: c
labels: {A: first, B: second}
"""
PLAIN = ">a first\nMKVLAAGIVGLC\n>b second\nMWWQRSTHHKLE\n"
ROWS = np.random.default_rng(5).normal(size=(4, 8)).astype(np.float32)


def prepare(folder: Path, *settings: tuple[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the stage on `folder`/source into `folder`/out."""
    params = (ROOT / "params.yaml").read_text()
    for old, new in [("positive: [A, B, C, D]", "positive: [A]"), *settings]:
        assert old in params
        params = params.replace(old, new)
    (folder / "params.yaml").write_text(params)
    out = folder / "out"
    return subprocess.run(
        [
            *(sys.executable, ROOT / "stages" / "prepare.py"),
            *("--params", folder / "params.yaml", "--source", folder / "source"),
            *("--prepared", out / OUTPUTS[0], "--left-out", out / OUTPUTS[1]),
            *("--metrics", out / OUTPUTS[2]),
        ],
        capture_output=True,
        text=True,
        check=False,
    )


def describe(folder: Path, embedder: str, files: str) -> None:
    (folder / "dataset.yaml").write_text(f"{HEAD}embedder: {embedder}\nfiles:\n{files}")


def fasta(content: bytes | str, name: str = "x.fasta") -> Callable[[Path], None]:
    """Return what lays out a data set of one FASTA file: protein a is A, all others are B."""

    def lay_out(folder: Path) -> None:
        rules = "[{pattern: '^a ', label: A}, {pattern: '.', label: B}]"
        describe(folder, "null", f"  - {{path: {name}, headers: {rules}}}\n")
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return lay_out


def vectors(change: Callable[[h5py.File], None] = lambda _: None) -> Callable[[Path], None]:
    """Return what lays out a data set of one HDF5 file with a label table, changed at will."""

    def lay_out(folder: Path) -> None:
        describe(folder, "kmer", "  - {path: x.h5, labels: labels.tsv}\n")
        names = [*"abcd"]
        with h5py.File(folder / "x.h5", "w") as file:
            for name, row in zip(names, ROWS, strict=True):
                file[name] = row
            change(file)
            names = sorted({*names, *file})
        table = "".join(f"{name}\t{'AB'[i % 2]}\n" for i, name in enumerate(names))
        (folder / "labels.tsv").write_text(f"id\tlabel\n{table}")

    return lay_out


def replaced(name: str, value: object) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = value

    return change


def then(
    lay_out: Callable[[Path], None], change: Callable[[Path], object]
) -> Callable[[Path], None]:
    def both(folder: Path) -> None:
        lay_out(folder)
        change(folder)

    return both


def truncate(name: str, keep: float) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(len(content) * keep)])

    return change


def text_npz(folder: Path) -> None:
    describe(folder, "kmer", "  - {path: x.npz, label: A}\n")
    np.savez(folder / "x.npz", matrix=np.array([{"a": 1}], object), ids=np.array(["a"]))


def link_outside(file: h5py.File) -> None:
    file["e"] = h5py.ExternalLink("/etc/passwd", "/")


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "no description": (lambda folder: None, "no dataset.yaml in it"),
    "no folder": (lambda folder: folder.rmdir(), "no such folder"),
    "missing file": (then(vectors(), lambda f: (f / "x.h5").unlink()), "x.h5: no such file"),
    "truncated HDF5": (then(vectors(), truncate("x.h5", 0.5)), "damaged or incomplete"),
    "empty HDF5": (then(vectors(), truncate("x.h5", 0)), "x.h5: "),
    "wrong width": (vectors(replaced("c", ROWS[0, :5])), "width 5, expected 8"),
    "NaN": (vectors(replaced("c", [np.nan] * 8)), "'c'"),
    "infinite": (vectors(replaced("c", [np.inf] * 8)), "'c'"),
    "external link": (vectors(link_outside), "'e'"),
    "text for numbers": (vectors(replaced("c", "text")), "'c'"),
    "residues by numbers": (vectors(replaced("c", np.ones((3, 8)))), "'c'"),
    "whole numbers": (vectors(replaced("c", np.arange(8))), "int64"),
    "a label without proteins": (
        then(
            vectors(),
            lambda f: (f / "labels.tsv").write_text("id\tlabel\na\tA\nb\tA\nc\tA\nd\tA\n"),
        ),
        "'B'",
    ),
    "a protein without a label": (
        then(vectors(), lambda f: (f / "labels.tsv").write_text("id\tlabel\na\tA\nb\tB\nc\tB\n")),
        "'d'",
    ),
    "a label for nobody": (
        then(
            vectors(),
            lambda f: (f / "labels.tsv").write_text("id\tlabel\n" + "".join(
                f"{name}\t{label}\n" for name, label in zip("abcde", "ABABA", strict=True))),
        ),
        "'e'",
    ),
    "pickled objects": (text_npz, "x.npz"),
    "no records": (fasta("\n\n"), "x.fasta"),
    "no header first": (fasta("MKV\n" + PLAIN), "x.fasta"),
    "no id": (fasta(PLAIN + ">\nMKV\n"), "x.fasta"),
    "empty record": (fasta(PLAIN + ">c\n>d\nMKV\n"), "'c'"),
    "same id twice": (fasta(PLAIN + ">a again\nMKV\n"), "'a'"),
    "DNA": (fasta(">a x\n" + "ACGT" * 30 + "\n>b\n" + "TTGA" * 30 + "\n"), "looks like"),
    "stop inside": (fasta(PLAIN + ">c\nMK*VL\n"), "'c'"),
    "digit": (fasta(PLAIN + ">c\nMK7VL\n"), "'c'"),
    "truncated gzip": (
        then(fasta(gzip.compress(PLAIN.encode() * 1)), truncate("x.fasta", 0.6)),
        "x.fasta",
    ),
    "UTF-16": (fasta(PLAIN.encode("utf-16")), "UTF-16"),
    "FASTQ": (fasta("@a\nACGT\n+\nIIII\n"), "FASTQ"),
    "the same protein under two labels": (fasta(PLAIN + ">c\nMKVLAAGIVGLC\n"), "two labels"),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return tmp_path


@pytest.mark.parametrize("fault", REFUSED)
def test_what_cannot_be_used_is_refused_in_one_line(folder: Path, fault: str) -> None:
    lay_out, named = REFUSED[fault]
    lay_out(folder / "source")
    result = prepare(folder)
    assert (result.returncode, result.stdout) == (2, ""), result.stderr
    assert result.stderr.startswith("arginator: ")
    assert result.stderr.count("\n") == 1
    assert named in result.stderr
    assert list((folder / "out").glob("*")) == []


def test_a_second_embedder_is_refused(folder: Path) -> None:
    vectors()(folder / "source")
    result = prepare(folder, ("  name: kmer ", "  name: prott5 "))
    assert result.returncode == 2
    assert "'kmer'" in result.stderr
    assert "'prott5'" in result.stderr


def test_a_positive_label_that_the_data_set_lacks_is_refused(folder: Path) -> None:
    fasta(PLAIN)(folder / "source")
    result = prepare(folder, ("positive: [A]", "positive: [A, D]"))
    assert result.returncode == 2
    assert result.stderr == (
        "arginator: params.yaml: tasks.binary.positive: labels not in data set 'source': 'D'; "
        "it has A, B; name labels that it has\n"
    )
    assert list((folder / "out").iterdir()) == []


def test_a_params_file_at_fault_is_refused(folder: Path) -> None:
    vectors()(folder / "source")
    result = prepare(folder, ("  width: 256", "  widht: 256"))
    assert result.returncode == 2
    assert result.stderr.endswith(
        "params.yaml: unknown key 'model.widht' (and 1 more); did you mean 'width'?\n"
    ) or result.stderr.endswith("params.yaml: missing key 'model.width' (and 1 more); add it\n")


def test_an_older_output_survives_a_refusal(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "prepared.parquet").write_text("older")
    vectors(replaced("c", [np.nan] * 8))(folder / "source")
    assert prepare(folder).returncode == 2
    assert (folder / "out" / "prepared.parquet").read_text() == "older"


def test_an_output_folder_that_cannot_be_written_is_refused(folder: Path) -> None:
    vectors()(folder / "source")
    (folder / "out").write_text("a file in the way")
    result = prepare(folder)
    assert result.returncode == 2
    assert "cannot be written" in result.stderr


def compressed(text: str) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as file:
        file.write(text.encode())
    return buffer.getvalue()


SAME: dict[str, bytes | str] = {
    "lower case": PLAIN.replace("MKVLAAG", "mkvlaag"),
    "CRLF": PLAIN.replace("\n", "\r\n"),
    "byte order mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "no newline at the end": PLAIN.rstrip("\n"),
    "gzip without its suffix": compressed(PLAIN),
    "stop at the end": PLAIN.replace("GIVGLC\n", "GIVGLC*\n"),
    "gaps": PLAIN.replace("MKVL", "MK-V.L"),
    "broken lines": PLAIN.replace("AAG", "AA\nG"),
}


def test_other_ways_to_write_the_same_proteins_give_the_same_bytes(folder: Path) -> None:
    found = {}
    for name, content in {"plain": PLAIN, **SAME}.items():
        fasta(content)(folder / "source")
        assert prepare(folder).returncode == 0, name
        found[name] = (folder / "out" / "prepared.parquet").read_bytes()
    assert {name for name in SAME if found[name] != found["plain"]} == set()


@pytest.mark.parametrize("name", ["sp|P62593|BLAT", "a/b/../c", "=cmd()", "é漢", "x.1", "x_1"])
def test_ids_are_kept_verbatim(folder: Path, name: str) -> None:
    fasta(f">a first\nMKVLAAG\n>{name} second\nMWWQRS\n")(folder / "source")
    assert prepare(folder).returncode == 0
    ids = pq.read_table(folder / "out" / "prepared.parquet")["id"].to_pylist()
    assert ids == sorted(["a", name])


def test_rare_residues_are_accepted_and_kept(folder: Path) -> None:
    fasta(">a first\nMKUZOBJXVLAAG\n>b second\nMWWQRS\n")(folder / "source")
    assert prepare(folder).returncode == 0
    table = pq.read_table(folder / "out" / "prepared.parquet")
    assert table["sequence"].to_pylist() == ["MKUZOBJXVLAAG", "MWWQRS"]


def test_ids_of_vectors_may_hold_tabs_and_slashes(folder: Path) -> None:
    describe(folder / "source", "kmer", "  - {path: x.npz, labels: labels.tsv}\n")
    np.savez(folder / "source" / "x.npz", matrix=ROWS[:2], ids=np.array(["a\tb", "c/d"]))
    (folder / "source" / "labels.tsv").write_text('id\tlabel\n"a\tb"\tA\nc/d\tB\n')
    assert prepare(folder).returncode == 0
    ids = pq.read_table(folder / "out" / "prepared.parquet")["id"].to_pylist()
    assert ids == ["a\tb", "c/d"]
