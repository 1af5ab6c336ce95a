"""Batches from mapped files: every protein once an epoch, the same order from the same seed."""

import tempfile
import warnings
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arginator.batches import MappedBatches
from arginator.mapped_batches import MappedTensors, cut, shuffled_pieces
from arginator.mapped_folds import MappedFold
from arginator.prepared import Provenance
from arginator.shares import Share
from arginator.tasks import Task

LABELS = ("A", "B", "non")
ABOUT = Provenance("toy", "toy", True, "", "", "", "kmer", {label: label for label in LABELS})
TASK = Task("multiclass", "multiclass", LABELS, {label: label for label in LABELS})
block_sizes = st.lists(st.integers(1, 40), min_size=1, max_size=12)


def mapped(block_rows: list[int], stack: ExitStack, dtype: type = np.float32) -> MappedTensors:
    """Return a fold whose vectors are (row, row mod 3) and whose class is row mod 3."""
    path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "fold.arrow"
    rows = np.arange(sum(block_rows))
    vectors = np.stack([rows, rows % 3], axis=1).astype(dtype)
    schema = pa.schema([("embedding", pa.list_(pa.from_numpy_dtype(dtype), 2))])
    with pa.ipc.new_file(str(path), schema) as file:
        for block in np.split(vectors, np.cumsum(block_rows)[:-1]):
            array = pa.FixedSizeListArray.from_arrays(pa.array(block.reshape(-1)), 2)
            file.write_batch(pa.record_batch([array], schema=schema))
    labels = tuple(LABELS[row % 3] for row in rows)
    return MappedTensors(MappedFold(labels, ABOUT, 2, tuple(block_rows), path), TASK)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(batches) -> list[int]:
    """Return the rows of an epoch in order; each must have kept its class."""
    pieces = list(batches)
    for vectors, class_index in pieces:
        assert vectors[:, 1].tolist() == class_index.tolist()
        assert len(vectors) == len(class_index)
    return [int(row) for vectors, _ in pieces for row in vectors[:, 0].tolist()]


@given(block_sizes, st.integers(1, 60), st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_an_epoch_deals_every_protein_once_over_the_processes(block_rows, size, seed, processes):
    with ExitStack() as stack:
        fold = mapped(block_rows, stack)
        rows = []
        for rank in range(processes):
            share = Share(rank, processes)
            batches = MappedBatches(fold, size, generator(seed), share=share)
            assert len(list(batches)) == len(batches)
            rows += drawn(MappedBatches(fold, size, generator(seed), share=share))
        assert sorted(rows) == list(range(len(fold)))


@given(block_sizes, st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_windows_take_whole_blocks_and_shuffle_them_all(block_rows, seed, window):
    with ExitStack() as stack:
        fold = mapped(block_rows, stack)
        pieces = list(shuffled_pieces(fold, generator(seed), window_blocks=window))
        assert len(pieces) == -(-len(block_rows) // window)
        rows = [set(map(int, vectors[:, 0])) for vectors, _ in pieces]
        for block in range(fold.blocks):
            own = set(range(*fold.rows_of(block).indices(len(fold))))
            assert sum(own <= window_rows for window_rows in rows) == 1


@given(block_sizes, st.integers(0, 2**32 - 1))
def test_the_same_seed_gives_the_same_order_and_each_epoch_another(block_rows, seed):
    with ExitStack() as stack:
        fold = mapped([*block_rows, 40], stack)
        one, two = generator(seed), generator(seed)
        first = drawn(MappedBatches(fold, 16, one))
        assert first == drawn(MappedBatches(fold, 16, two))
        second = drawn(MappedBatches(fold, 16, one))
        assert second == drawn(MappedBatches(fold, 16, two)) != first


@given(block_sizes, st.integers(1, 60))
def test_without_a_generator_the_order_is_that_of_the_file(block_rows, size):
    with ExitStack() as stack:
        fold = mapped(block_rows, stack)
        assert drawn(MappedBatches(fold, size)) == list(range(len(fold)))


def test_weights_decide_how_often_a_row_is_drawn():
    with ExitStack() as stack:
        fold = mapped([400, 400, 400], stack)
        weight = torch.tensor([8.0, 1.0, 1.0])[fold.class_index]
        pieces = list(shuffled_pieces(fold, generator(3), weight, window_blocks=2))
        assert sum(len(class_index) for _, class_index in pieces) == 1200
        share = torch.bincount(torch.cat([index for _, index in pieces])) / 1200
        np.testing.assert_allclose(share, [0.8, 0.1, 0.1], atol=0.04)
        assert len(drawn(iter(pieces))) == 1200


@given(st.lists(st.integers(0, 9), max_size=9), st.data())
def test_cutting_keeps_all_rows_in_order(lengths, data):
    total, sizes = sum(lengths), []
    while (left := total - sum(sizes)) > 0:
        sizes.append(data.draw(st.integers(1, left)))
    rows = torch.arange(total)
    pieces = ((part[:, None].float(), part) for part in rows.split(lengths))
    batches = list(cut(pieces, sizes))
    assert [len(class_index) for _, class_index in batches] == sizes
    assert [row for _, index in batches for row in index.tolist()] == rows.tolist()
    assert all(vectors[:, 0].tolist() == index.tolist() for vectors, index in batches)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_piece_shares_the_memory_of_the_file_without_a_warning(dtype):
    with ExitStack() as stack, warnings.catch_warnings():
        warnings.simplefilter("error")
        fold = mapped([5, 3], stack, dtype)
        vectors, class_index = fold.piece(1)
        assert vectors.dtype == {np.float16: torch.float16, np.float32: torch.float32}[dtype]
        assert vectors.tolist() == [[5, 2], [6, 0], [7, 1]]
        assert class_index.tolist() == [2, 0, 1]
        assert vectors.data_ptr() == fold.piece(1)[0].data_ptr()


@given(st.integers(0, 300), st.integers(1, 9))
def test_shares_make_up_a_batch_and_differ_by_one_row_at_most(number, processes):
    parts = [torch.arange(number)[Share(rank, processes).rows(number)] for rank in range(processes)]
    assert torch.cat(parts).tolist() == list(range(number))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
