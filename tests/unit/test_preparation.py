"""Preparation: every protein that goes in comes out, as a row or as a line of what was left out."""

import logging
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from arginator.errors import DataError
from arginator.params import EmbedderParams
from arginator.preparation import LeftOut, Preparation, prepare, write_left_out
from arginator.prepared import write_prepared

KMER = EmbedderParams(name="kmer", kmer_lengths=(2,), kmer_width=32)
PROTT5 = EmbedderParams(name="prott5", kmer_lengths=(2,), kmer_width=32)
RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
SHARED = Path(__file__).parents[2] / "../shared/data"


def describe(folder: Path, files: list[dict[str, Any]], **changes: object) -> Path:
    folder.mkdir(exist_ok=True)
    description: dict[str, object] = {
        "name": folder.name,
        "title": "a few proteins",
        "simulated": True,
        "origin": "a bench",
        "licence": "CC0",
        "citation": "none",
        "embedder": "prott5",
        "labels": {"A": "class A", "non": "other"},
        "files": files,
    }
    YAML().dump(description | changes, folder / "dataset.yaml")
    return folder


def fasta(path: Path, records: dict[str, str]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f">{name}\n{residues}\n" for name, residues in records.items()))


def hdf5(path: Path, vectors: dict[str, list[float]], dtype: str = "f4") -> None:
    path.parent.mkdir(exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, vector in vectors.items():
            file[name] = np.array(vector, dtype)


def refusal(folder: Path, embedder: EmbedderParams) -> str:
    with pytest.raises(DataError) as error:
        prepare(folder, embedder)
    return str(error.value).replace(f"{folder}/", "").removeprefix(f"{folder}: ")


def shared(name: str) -> Path:
    """Return a folder of real data; skip without it, but never in CI."""
    if not (SHARED / name).exists() and "CI" not in os.environ:
        pytest.skip(f"no real data beside the checkout ({name})")
    return SHARED / name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "own"


def test_sequences_become_sorted_vectors_with_their_labels(folder: Path) -> None:
    fasta(folder / "a.fasta", {"b": "MKVAA", "a": "MKVLL"})
    fasta(folder / "non.fasta", {"c/1": "WWWY"})
    files = [
        {"path": "a.fasta", "label": "A", "category": "TEM"},
        {"path": "non.fasta", "label": "non"},
    ]
    found = prepare(describe(folder, files), KMER)
    prepared = found.prepared
    assert prepared.embeddings.ids == ("a", "b", "c/1")
    assert prepared.embeddings.matrix.shape == (3, 32)
    assert prepared.labels == ("A", "A", "non")
    assert prepared.sequences == ("MKVLL", "MKVAA", "WWWY")
    assert prepared.categories == ("TEM", "TEM", None)
    assert prepared.about.embedder == "kmer-2"
    assert found.left_out == []
    assert found.summary == {
        "source": "own (simulated)",
        "proteins": 3,
        "read": 3,
        "width": 32,
        "duplicates": 0,
        "unlabelled": 0,
        "invalid": 0,
        "zero_vectors": 0,
        "labels": {"A": 2, "non": 1},
    }


def test_vectors_keep_half_precision_and_take_sequences_from_fasta(folder: Path) -> None:
    hdf5(folder / "x.h5", {"b": [1, 2], "a": [3, 4], "c": [5, 6]}, "f2")
    fasta(folder / "x.fasta", {"a": "MKV", "c": "MKL"})
    (folder / "labels.tsv").write_text("id\tlabel\tfold\na\tA\ttrain\nb\tnon\ttest\nc\tA\ttest\n")
    files = [{"path": "x.h5", "labels": "labels.tsv"}, {"path": "x.fasta"}]
    prepared = prepare(describe(folder, files), PROTT5).prepared
    assert prepared.embeddings.matrix.dtype == np.float16
    assert prepared.embeddings.matrix.tolist() == [[3, 4], [1, 2], [5, 6]]
    assert prepared.sequences == ("MKV", None, "MKL")
    assert prepared.given_folds == ("train", "test", "test")
    assert prepared.about.embedder == "prott5"


def test_clusters_come_from_the_table_then_from_the_header_else_there_are_none(
    folder: Path,
) -> None:
    folder.mkdir()
    (folder / "x.fasta").write_text(">a gene=TEM\nMKV\n>b gene=SHV\nMKL\n>c\nMKI\n>d gene=\nMKM\n")
    (folder / "labels.tsv").write_text(
        "id\tlabel\tcluster\na\tA\tother\nb\tA\t\nc\tnon\t\nd\tA\t\n"
    )
    files = [{"path": "x.fasta", "labels": "labels.tsv", "cluster": r"gene=(\w+)?"}]
    prepared = prepare(describe(folder, files), KMER).prepared
    assert prepared.given_clusters == ("other", "SHV", None, None)


def test_a_fasta_adds_what_the_vectors_leave_open(folder: Path) -> None:
    hdf5(folder / "x.h5", {"a": [1, 2], "b": [3, 4]})
    (folder / "x.fasta").write_text(">a TEM\nMKV\n>b SHV\nMKL\n")
    (folder / "labels.tsv").write_text("id\tlabel\tfold\tcluster\na\tA\ttest\tx\nb\tnon\ttest\t\n")
    rules = [{"pattern": "TEM", "label": "A"}, {"pattern": ".", "label": "non", "category": "y"}]
    files = [
        {"path": "x.h5", "labels": "labels.tsv"},
        {"path": "x.fasta", "headers": rules, "cluster": "(TEM|SHV)"},
    ]
    prepared = prepare(describe(folder, files), PROTT5).prepared
    assert prepared.given_clusters == ("x", "SHV")
    assert prepared.given_folds == ("test", "test")
    assert prepared.categories == (None, "y")


def test_labels_may_come_from_the_fasta_beside_the_vectors(folder: Path) -> None:
    hdf5(folder / "x.h5", {"a": [1, 2], "b": [3, 4]})
    (folder / "x.fasta").write_text(">a class A\nMKV\n>b else\nMKL\n")
    rules = [{"pattern": "class A", "label": "A"}, {"pattern": ".", "label": "non"}]
    files = [{"path": "x.h5"}, {"path": "x.fasta", "headers": rules}]
    assert prepare(describe(folder, files), PROTT5).prepared.labels == ("A", "non")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sequences=st.lists(
        st.tuples(st.text("MKVLA*", min_size=1, max_size=3), st.sampled_from(["A", "x", "y"])),
        min_size=1,
        max_size=12,
    ),
    order=st.randoms(use_true_random=False),
)
def test_proteins_in_are_rows_and_left_out_together(
    sequences: list[tuple[str, str]], order: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "own"
    # classes never share a residue, so copies agree; x is left out on purpose
    alphabet = {"A": "MKVLA*", "x": "CDEFG*", "y": "HINPQ*"}
    records = [("p1", "A", "WWW"), ("p2", "y", "YYY")] + [
        (f"q{number}", label, text.translate(str.maketrans("MKVLA*", alphabet[label])))
        for number, (text, label) in enumerate(sequences)
        if text[0] != "*"
    ]

    def run() -> Preparation:
        folder.mkdir(exist_ok=True)
        lines = [f">{name} {label}\n{residues}\n" for name, label, residues in records]
        (folder / "x.fasta").write_text("".join(lines))
        rules = [("A$", "A"), ("x$", None), ("y$", "non")]
        headers = [{"pattern": pattern, "label": label} for pattern, label in rules]
        files = [{"path": "x.fasta", "headers": headers}]
        return prepare(describe(folder, files, on_invalid="skip"), KMER)

    found = run()
    kept = found.prepared.embeddings.ids
    assert sorted([*kept, *(item.id for item in found.left_out)]) == sorted(
        name for name, _, _ in records
    )
    assert list(kept) == sorted(kept)
    assert len(set(found.prepared.sequences)) == len(kept)
    assert found.summary["read"] == len(records)
    order.shuffle(records)
    again = run()
    assert again.prepared.embeddings.ids == kept
    np.testing.assert_array_equal(
        again.prepared.embeddings.matrix, found.prepared.embeddings.matrix
    )


def test_copies_under_one_label_are_kept_once(folder: Path) -> None:
    hdf5(folder / "a.h5", {"c": [1, 0], "b": [1, -0.0], "a": [2, 2]})
    hdf5(folder / "n.h5", {"x": [9, 9], "y": [2, 1]})
    files = [{"path": "a.h5", "label": "A"}, {"path": "n.h5", "label": "non"}]
    found = prepare(describe(folder, files), PROTT5)
    assert found.prepared.embeddings.ids == ("a", "b", "x", "y")
    assert found.left_out == [LeftOut("c", "duplicate", "same as b")]


def test_equal_vectors_of_different_sequences_are_no_copies(folder: Path) -> None:
    hdf5(folder / "x.h5", {"a": [1, 0], "b": [1, 0]})
    (folder / "x.fasta").write_text(">a A\nMKV\n>b non\nMKL\n")
    rules = [{"pattern": " A", "label": "A"}, {"pattern": "non", "label": "non"}]
    files = [{"path": "x.h5"}, {"path": "x.fasta", "headers": rules}]
    assert prepare(describe(folder, files), PROTT5).prepared.embeddings.ids == ("a", "b")


def test_copies_under_two_labels_are_listed(folder: Path) -> None:
    fasta(folder / "a.fasta", {"a": "MKV", "b": "MKL"})
    fasta(folder / "n.fasta", {"x": "MKV", "y": "MKL"})
    files = [{"path": "a.fasta", "label": "A"}, {"path": "n.fasta", "label": "non"}]
    assert refusal(describe(folder, files), KMER) == (
        "2 copies of a protein stand under two labels: 'a' (A) = 'x' (non), 'b' (A) = 'y' (non); "
        "correct the labels or take the proteins out"
    )


def test_vectors_of_zeros_are_kept_and_one_warning_names_the_first(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hdf5(folder / "a.h5", {"a": [1, 0], "z": [0, 0]})
    hdf5(folder / "n.h5", {"b": [0, 0]})
    files = [{"path": "a.h5", "label": "A"}, {"path": "n.h5", "label": "non"}]
    with caplog.at_level(logging.WARNING):
        found = prepare(describe(folder, files), PROTT5)
    assert found.prepared.embeddings.ids == ("a", "b", "z")
    assert found.summary["zero_vectors"] == 2
    assert caplog.messages == [f"{folder}: 2 vectors are all zeros (first: 'b')"]


def test_an_id_that_stands_twice_names_both_files(folder: Path) -> None:
    hdf5(folder / "a.h5", {"P1": [1, 0]})
    hdf5(folder / "n.h5", {"P1": [2, 0]})
    files = [{"path": "a.h5", "label": "A"}, {"path": "n.h5", "label": "non"}]
    assert refusal(describe(folder, files), PROTT5) == (
        "n.h5: id 'P1' stands in a.h5 too; give each protein its own id, or name each file once"
    )


def test_widths_must_agree_between_files(folder: Path) -> None:
    hdf5(folder / "a.h5", {"P1": [1, 0]})
    hdf5(folder / "n.h5", {"P2": [2, 0, 1]})
    files = [{"path": "a.h5", "label": "A"}, {"path": "n.h5", "label": "non"}]
    assert refusal(describe(folder, files), PROTT5) == (
        "n.h5: 1 of 1 vectors have width 3, expected 2 (first: 'P2'); one run takes one embedder"
    )


def test_the_embedder_must_be_the_one_that_made_the_vectors(folder: Path) -> None:
    hdf5(folder / "a.h5", {"P1": [1, 0]})
    files = [{"path": "a.h5", "label": "A"}]
    assert refusal(describe(folder, files), KMER) == (
        "its vectors were made by 'prott5', but 'embedder.name' is 'kmer'; "
        "use `-S embedder.name=prott5`"
    )
    assert refusal(describe(folder, files, embedder=None), KMER) == (
        "dataset.yaml: 'embedder' is null, but there are files of vectors; name what made them"
    )
    fasta(folder / "a.fasta", {"P1": "MKV"})
    assert refusal(describe(folder, [{"path": "a.fasta", "label": "A"}]), PROTT5) == (
        "holds sequences only, but 'embedder.name' is 'prott5'; "
        "embed them first and add the vectors, or use `-S embedder.name=kmer`"
    )


def test_labels_and_proteins_must_match_both_ways(folder: Path) -> None:
    fasta(folder / "x.fasta", {"a": "MKV", "b": "MKL", "c": "MKK"})
    described = describe(folder, [{"path": "x.fasta", "labels": "labels.tsv"}])
    assert refusal(described, KMER) == "labels.tsv: no such file; fetch it or correct 'labels'"
    (folder / "labels.tsv").write_text("id\tlabel\na\tA\n")
    assert refusal(described, KMER) == (
        "x.fasta: 2 of 3 proteins have no label (first: 'b'); "
        "give each one under 'label', 'labels' or 'headers' in dataset.yaml"
    )
    rows = "id\tlabel\na\tA\nb\tnon\nc\tA\nd\tA\ne\tA\n"
    (folder / "labels.tsv").write_text(rows)
    assert refusal(described, KMER) == (
        "labels.tsv: 2 of 5 ids have no protein (first: 'd'); "
        "add the protein's file or remove the line"
    )
    (folder / "labels.tsv").write_text("id\tlabel\na\tA\nb\tA\nc\tA\n")
    assert refusal(described, KMER) == (
        "1 of 2 labels have no protein (first: 'non'); "
        "add their proteins or take them out of 'labels'"
    )


def test_two_files_must_not_disagree_about_a_label(folder: Path) -> None:
    hdf5(folder / "x.h5", {"a": [1, 0]})
    fasta(folder / "x.fasta", {"a": "MKV"})
    files = [{"path": "x.h5", "label": "A"}, {"path": "x.fasta", "label": "non"}]
    assert refusal(describe(folder, files), PROTT5) == (
        "x.fasta: 'a' has label 'non', but 'A' in x.h5; correct one of them"
    )


def test_a_sequence_without_a_vector_is_no_orphan_in_silence(folder: Path) -> None:
    hdf5(folder / "x.h5", {"a": [1, 0]})
    fasta(folder / "x.fasta", {"a": "MKV", "b": "MKL"})
    files = [{"path": "x.h5", "label": "A"}, {"path": "x.fasta"}]
    assert refusal(describe(folder, files), PROTT5) == (
        "x.fasta: 1 proteins have no vector (first: 'b'); embed them too or take them out"
    )


def test_a_folder_is_no_file(folder: Path) -> None:
    (folder / "parts").mkdir(parents=True)
    assert refusal(describe(folder, [{"path": "parts", "label": "A"}]), PROTT5) == (
        "parts: is a folder, expected a file; list its files under 'files' in dataset.yaml"
    )


def test_the_name_must_be_the_folders(folder: Path) -> None:
    fasta(folder / "x.fasta", {"a": "MKV"})
    described = describe(folder, [{"path": "x.fasta", "label": "A"}], name="other")
    assert refusal(described, KMER) == (
        "dataset.yaml: 'name' is 'other', but the folder is called 'own'; give both the same name"
    )


@pytest.mark.parametrize(
    ("key", "known"), [("ids", "npy"), ("matrix", "hdf5, parquet, npz"), ("names", "hdf5, parquet")]
)
def test_sequences_take_no_keys_of_vectors(key: str, known: str, folder: Path) -> None:
    fasta(folder / "x.fasta", {"a": "MKV"})
    described = describe(folder, [{"path": "x.fasta", "label": "A", key: "x"}])
    expected = f"x.fasta: is FASTA, but has {key!r}, which is for {known}"
    assert refusal(described, KMER).startswith(expected)


def test_a_missing_file_is_named_before_any_is_read(folder: Path) -> None:
    files = [{"path": "x.h5", "label": "A"}]
    assert refusal(describe(folder, files), PROTT5) == (
        "x.h5: no such file; fetch it (`dvc pull`) or correct 'files' in dataset.yaml"
    )


def test_invalid_records_fail_or_are_left_out(folder: Path) -> None:
    fasta(folder / "x.fasta", {"a": "MKV", "b": "MK*V"})
    fasta(folder / "n.fasta", {"c": "MKL"})
    files = [{"path": "x.fasta", "label": "A"}, {"path": "n.fasta", "label": "non"}]
    with pytest.raises(DataError, match="stop"):
        prepare(describe(folder, files), KMER)
    found = prepare(describe(folder, files, on_invalid="skip"), KMER)
    assert [(item.id, item.status) for item in found.left_out] == [("b", "invalid")]
    assert found.left_out[0].detail.startswith("line 3: ")
    assert found.summary["read"] == 3


def test_an_invalid_record_takes_its_vector_with_it(folder: Path) -> None:
    hdf5(folder / "x.h5", {"a": [1, 0], "b": [2, 0], "c": [3, 0]})
    fasta(folder / "x.fasta", {"a": "MKV", "b": "MK*V"})
    (folder / "labels.tsv").write_text("id\tlabel\na\tA\nb\tA\nc\tnon\n")
    files = [{"path": "x.h5", "labels": "labels.tsv"}, {"path": "x.fasta"}]
    found = prepare(describe(folder, files, on_invalid="skip"), PROTT5)
    assert found.prepared.embeddings.ids == ("a", "c")
    assert found.prepared.embeddings.matrix.tolist() == [[1, 0], [3, 0]]
    assert [item.id for item in found.left_out] == ["b"]


def test_the_same_files_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    records = {f"P{i}": "".join(rng.choice(list(RESIDUES), 30)) for i in range(50)}
    fasta(folder / "x.fasta", records)
    fasta(folder / "n.fasta", {"n": "MKV"})
    files = [{"path": "x.fasta", "label": "A"}, {"path": "n.fasta", "label": "non"}]
    describe(folder, files)
    for name in ("1", "2"):
        write_prepared(prepare(folder, KMER).prepared, tmp_path / name)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_what_was_left_out_is_written_as_a_table(tmp_path: Path) -> None:
    rows = [LeftOut("a\tb", "duplicate", 'same as "x"'), LeftOut("ä", "invalid", "line 1: stop")]
    write_left_out(rows, tmp_path / "left_out.tsv")
    assert (tmp_path / "left_out.tsv").read_text("utf-8") == (
        'id\tstatus\tdetail\n"a\tb"\tduplicate\t"same as ""x"""\nä\tinvalid\tline 1: stop\n'
    )
    write_left_out([], tmp_path / "left_out.tsv")
    assert (tmp_path / "left_out.tsv").read_text("utf-8") == "id\tstatus\tdetail\n"


def test_reference_proteins_get_the_class_that_their_header_tells(tmp_path: Path) -> None:
    folder = tmp_path / "amrfinder"
    folder.mkdir()
    description = Path(__file__).parents[2] / "data/raw/amrfinder/dataset.yaml"
    shutil.copy(description, folder)
    shutil.copy(shared("amrfinder") / "AMRProt", folder)
    found = prepare(folder, KMER)
    copies = [item for item in found.left_out if item.status == "duplicate"]
    assert found.summary == {
        "source": "amrfinder",
        "proteins": 8580,
        "read": 8600,
        "width": 32,
        "duplicates": 17,
        "unlabelled": 3,
        "invalid": 0,
        "zero_vectors": 0,
        "labels": {"A": 1535, "B": 537, "C": 1500, "D": 1226, "non": 3782},
    }
    assert len(copies) == 17
    assert [item.id.split("|")[4] for item in found.left_out if item not in copies] == [
        "blaRAA-1",
        "blaPNGM-1",
        "blaSPR-1",
    ]
    label_of = {
        name.split("|")[4]: (label, category)
        for name, label, category in zip(
            found.prepared.embeddings.ids,
            found.prepared.labels,
            found.prepared.categories,
            strict=True,
        )
    }
    assert Counter(found.prepared.given_clusters)["blaTEM"] == 203
    assert label_of["srtC"] == ("non", "other")
    assert label_of["srtB"] == ("non", "other")
    assert label_of["ampD"] == ("non", "regulator of beta-lactamase")
    assert label_of["mecR1"] == ("non", "regulator of beta-lactamase")
    assert label_of["blaI_of_Z"] == ("non", "regulator of beta-lactamase")
    assert label_of["mecA"] == ("non", "penicillin-binding protein")
    assert label_of["blaNDM-1"] == ("B", "subclass B1")
    assert label_of["blaTEM-1"] == ("A", None)


def test_real_prott5_vectors_are_read_one_file_a_class(tmp_path: Path) -> None:
    folder = tmp_path / "toxins"
    shutil.copytree(shared("prott5_toxins"), folder)
    names = sorted(path.stem for path in folder.glob("*.h5"))
    files = [{"path": f"{name}.h5", "label": name} for name in names]
    describe(folder, files, labels={name: name for name in names}, simulated=False)
    found = prepare(folder, PROTT5)
    assert found.summary["labels"] == {
        "Long-chain": 151,
        "Ly-6": 132,
        "Non-standard": 208,
        "Plesiotypic": 301,
        "Short-chain": 629,
    }
    assert (found.summary["source"], found.summary["width"]) == ("toxins", 1024)
    assert Counter(found.prepared.sequences) == {None: 1421}
