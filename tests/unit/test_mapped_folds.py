"""Folds in mapped files: the same proteins as in memory, and nothing left behind."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from arginator import mapped_folds
from arginator.embeddings import Embeddings
from arginator.errors import DataError
from arginator.folds import Folds
from arginator.mapped_folds import open_folds
from arginator.prepared import Prepared, Provenance, write_prepared

ABOUT = Provenance("toy", "toy", True, "", "", "", "kmer", {"A": "A", "non": "non"})
N, D = 211, 6


@pytest.fixture(params=[np.float16, np.float32])
def prepared(request, tmp_path: Path) -> tuple[Path, Folds]:
    """Return a prepared data set's file and its folds."""
    random = np.random.default_rng(3)
    ids, none = tuple(f"P{row:04}" for row in range(N)), (None,) * N
    labels = tuple(random.choice(["A", "non"], N).tolist())
    matrix = random.normal(size=(N, D)).astype(request.param)
    path = tmp_path / "prepared.parquet"
    write_prepared(Prepared(Embeddings(ids, matrix), labels, none, none, none, none, ABOUT), path)
    fold = tuple(random.choice(["train", "validation", "calibration", "test"], N).tolist())
    similarity = np.zeros(N, np.float32)
    return path, Folds(ids, np.arange(N, dtype=np.int32), fold, similarity)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which temporary folders are made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("rows", [1, 16, 1024])
def test_a_mapped_fold_has_the_proteins_of_the_held_one(prepared, rows, monkeypatch):
    monkeypatch.setattr(mapped_folds, "BLOCK_ROWS", rows)
    with open_folds(*prepared, "held") as held, open_folds(*prepared, "mapped") as mapped:
        for one, other in zip(held, mapped, strict=True):
            file = other.open_blocks()
            blocks = [file.get_batch(number) for number in range(file.num_record_batches)]
            assert (other.labels, other.about, other.width) == (one.labels, one.about, D)
            assert other.block_rows == tuple(len(block) for block in blocks)
            assert 1 <= min(other.block_rows) <= max(other.block_rows) <= rows
            found = np.concatenate([block.column(0).flatten().to_numpy() for block in blocks])
            assert found.dtype == one.embeddings.matrix.dtype
            np.testing.assert_array_equal(found.reshape(-1, D), one.embeddings.matrix)


def test_the_vectors_are_not_copied_from_the_file(prepared):
    with open_folds(*prepared, "mapped") as (fold, _):
        column = fold.open_blocks().get_batch(0).column(0).flatten()
        mapped = [
            range(*(int(end, 16) for end in line.split()[0].split("-")))
            for line in Path("/proc/self/maps").read_text().splitlines()
            if str(fold.path) in line
        ]
        assert any(column.buffers()[1].address in addresses for addresses in mapped)


def test_the_temporary_files_go_when_the_block_ends(prepared, temporary):
    with open_folds(*prepared, "mapped") as (train, validation):
        assert train.path.parent == validation.path.parent
        assert train.path.is_relative_to(temporary)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143), DataError("x", "y")])
def test_the_temporary_files_go_after_a_failure_too(prepared, temporary, error):
    with pytest.raises(type(error)), open_folds(*prepared, "mapped"):
        raise error
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("memory", ["held", "mapped"])
def test_folds_of_other_proteins_are_refused(prepared, memory, temporary):
    path, folds = prepared
    others = Folds(folds.ids[1:], folds.cluster[1:], folds.fold[1:], folds.similarity_to_train[1:])
    with pytest.raises(DataError) as caught, open_folds(path, others, memory):
        pass
    assert str(caught.value) == (
        "data set 'toy': the folds are of 210 other proteins than the 211 prepared ones; "
        "run `dvc repro split`"
    )
    assert list(temporary.iterdir()) == []


def test_a_file_that_is_no_parquet_is_refused(prepared, tmp_path):
    (tmp_path / "other").write_bytes(b"PAR1 and more")
    with (
        pytest.raises(DataError, match="damaged or incomplete"),
        open_folds(tmp_path / "other", prepared[1], "mapped"),
    ):
        pass
