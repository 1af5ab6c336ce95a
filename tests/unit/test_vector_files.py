"""Ready vectors come out as they went in, whatever file holds them; what is faulty is named."""

import contextlib
import csv
import gzip
import pickle
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from arginator.embeddings import Embeddings
from arginator.errors import DataError
from arginator.vector_files import read_vectors, vector_format

ODD_IDS = ("../../etc/passwd", "=cmd|calc", "a\tb", 'say "x"', "Ä ß 蛋白", "tr|A/B.1|C", "it's, so")
WIDTH = 4
VECTORS = np.arange(len(ODD_IDS) * WIDTH, dtype=np.float32).reshape(-1, WIDTH) / 7


def read(path: Path, **options: object) -> Embeddings:
    batches = list(read_vectors(path, **options))
    ids = tuple(name for batch in batches for name in batch.ids)
    none = np.empty((0, WIDTH), np.float32)
    return Embeddings(ids, np.concatenate([batch.matrix for batch in batches] or [none]))


def write_hdf5(path: Path, ids: tuple[str, ...], matrix: np.ndarray) -> dict[str, object]:
    with h5py.File(path, "w") as file:
        for name, vector in zip(ids, matrix, strict=True):
            data_set = file.create_dataset(f"{len(file)}", data=vector)
            data_set.attrs["original_id"] = name
    return {}


def write_hdf5_matrix(path: Path, ids: tuple[str, ...], matrix: np.ndarray) -> dict[str, object]:
    with h5py.File(path, "w") as file:
        file["all/vectors"] = matrix
        file["all/names"] = [name.encode() for name in ids]
    return {"matrix": "all/vectors", "names": "/all/names"}


def write_parquet(path: Path, ids: tuple[str, ...], matrix: np.ndarray) -> dict[str, object]:
    rows = pa.array(list(matrix), pa.list_(pa.from_numpy_dtype(matrix.dtype)))
    pq.write_table(pa.table({"id": list(ids), "embedding": rows, "year": [1] * len(ids)}), path)
    return {}


def write_fixed_parquet(path: Path, ids: tuple[str, ...], matrix: np.ndarray) -> dict[str, object]:
    rows = pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), matrix.shape[1])
    pq.write_table(pa.table({"name": list(ids), "vector": rows}), path)
    return {"names": "name", "matrix": "vector"}


def write_npz(path: Path, ids: tuple[str, ...], matrix: np.ndarray) -> dict[str, object]:
    np.savez_compressed(path, embeddings=matrix, ids=np.array(ids))
    return {}


def write_npy(path: Path, ids: tuple[str, ...], matrix: np.ndarray) -> dict[str, object]:
    np.save(path, np.asfortranarray(matrix))
    path.with_suffix(".txt").write_bytes("\r\n".join([*ids, ""]).encode())
    return {"ids": path.with_suffix(".txt")}


def write_csv(path: Path, ids: tuple[str, ...], matrix: np.ndarray) -> dict[str, object]:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        rows.writerow(["id", *range(matrix.shape[1])])
        rows.writerows([name, *vector.tolist()] for name, vector in zip(ids, matrix, strict=True))
    return {}


WRITERS = {
    "proteins.h5": write_hdf5,
    "matrix.hdf5": write_hdf5_matrix,
    "lists.parquet": write_parquet,
    "fixed.pq": write_fixed_parquet,
    "arrays.npz": write_npz,
    "matrix.npy": write_npy,
    "table.csv": write_csv,
    "table.tsv": write_csv,
}
EACH_FORMAT = pytest.mark.parametrize("name", WRITERS)


@EACH_FORMAT
def test_ids_and_numbers_come_out_as_they_went_in(name: str, tmp_path: Path) -> None:
    options = WRITERS[name](tmp_path / name, ODD_IDS, VECTORS)
    found = read(tmp_path / name, **options)
    assert found.ids == ODD_IDS
    assert found.matrix.dtype == np.float32
    np.testing.assert_array_equal(found.matrix, VECTORS)


@EACH_FORMAT
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_matrix_survives_every_format(name: str, data: st.DataObject, tmp_path: Path) -> None:
    rows, width = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 5)))
    numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)
    matrix = data.draw(arrays(np.float32, (rows, width), elements=numbers))
    ids = tuple(f"P{row}" for row in range(rows))
    options = WRITERS[name](tmp_path / name, ids, matrix)
    found = read(tmp_path / name, **options)
    assert found.ids == ids
    np.testing.assert_array_equal(found.matrix, matrix)


@pytest.mark.parametrize("name", ["proteins.h5", "matrix.hdf5", "arrays.npz", "matrix.npy"])
@pytest.mark.parametrize(
    ("dtype", "kept"),
    [("<f2", "f2"), (">f2", "f2"), (">f4", "f4"), ("<f8", "f4"), (">f8", "f4")],
)
def test_half_precision_stays_and_others_become_single(
    name: str, dtype: str, kept: str, tmp_path: Path
) -> None:
    options = WRITERS[name](tmp_path / name, ODD_IDS, VECTORS.astype(dtype))
    found = read(tmp_path / name, **options)
    assert found.matrix.dtype == np.dtype(kept)
    np.testing.assert_array_equal(found.matrix, VECTORS.astype(dtype).astype(kept))


@pytest.mark.parametrize(("dtype", "kept"), [("f2", "f2"), ("f8", "f4")])
def test_parquet_keeps_half_precision_too(dtype: str, kept: str, tmp_path: Path) -> None:
    write_parquet(tmp_path / "x.parquet", ODD_IDS, VECTORS.astype(dtype))
    assert read(tmp_path / "x.parquet").matrix.dtype == np.dtype(kept)


@EACH_FORMAT
def test_faulty_numbers_are_counted_over_the_file(name: str, tmp_path: Path) -> None:
    faulty = VECTORS.copy()
    faulty[2, 1], faulty[4, 0] = np.nan, np.inf
    path = tmp_path / name
    options = WRITERS[name](path, ODD_IDS, faulty)
    with pytest.raises(DataError) as error:
        read(path, **options)
    assert str(error.value) == (
        f"{path}: 2 of 7 vectors hold NaN, infinite or too large numbers "
        f"(first: {ODD_IDS[2]!r}); make these vectors again"
    )


def test_a_number_too_large_for_single_precision_is_faulty(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", ids=np.array(["a"]), m=np.array([[1e300]]))
    with pytest.raises(DataError, match="1 of 1 vectors hold NaN, infinite or too large"):
        read(tmp_path / "x.npz")


@EACH_FORMAT
def test_another_width_names_both(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    options = WRITERS[name](path, ODD_IDS, VECTORS)
    with pytest.raises(DataError) as error:
        list(read_vectors(path, width=5, **options))
    assert str(error.value) == (
        f"{path}: 7 of 7 vectors have width 4, expected 5 (first: {ODD_IDS[0]!r}); "
        "one run takes one embedder"
    )


@EACH_FORMAT
def test_ids_must_differ(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    options = WRITERS[name](path, ("a", "b", "a", "b"), VECTORS[:4])
    with pytest.raises(DataError) as error:
        read(path, **options)
    assert str(error.value) == (
        f"{path}: 2 of 4 vectors repeat the id of another (first: 'a'); "
        "give each protein its own id"
    )


def test_ids_must_not_be_endless(tmp_path: Path) -> None:
    options = write_parquet(tmp_path / "x.parquet", ("x" * 1001, "y" * 1000), VECTORS[:2])
    with pytest.raises(DataError, match="1 of 2 vectors have an id that is empty or longer than"):
        read(tmp_path / "x.parquet", **options)


@pytest.mark.parametrize("name", ["x.h5", "x.parquet", "x.npz", "x.npy", "x.csv"])
def test_an_empty_file_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    with pytest.raises(DataError) as error:
        read(tmp_path / name)
    assert str(error.value) == (f"{tmp_path / name}: is empty (0 bytes); fetch or export it again")


@pytest.mark.parametrize("name", ["proteins.h5", "lists.parquet", "arrays.npz", "matrix.npy"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_truncated_file_is_damaged(
    name: str, share: float, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    options = WRITERS[name](path, ODD_IDS, np.repeat(VECTORS, 50, axis=1))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(DataError, match=r"damaged or incomplete \(.+\); fetch or export it again"):
        read(path, **options)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "name", ["lists.parquet", "fixed.pq", "arrays.npz", "matrix.npy", "table.csv"]
)
def test_flipped_bits_are_named_or_read_never_a_crash(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    options = WRITERS[name](path, ("a", "b", "c"), VECTORS[:3])
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(100):
        broken = bytearray(whole)
        broken[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        path.write_bytes(broken)
        with contextlib.suppress(DataError):
            read(path, **options)
    assert capfd.readouterr().err == ""


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.h5: no such file; correct the path or fetch the file"):
        read(tmp_path / "x.h5")
    (tmp_path / "y.h5").mkdir()
    with pytest.raises(DataError, match=r"y\.h5: is a folder, expected a file"):
        read(tmp_path / "y.h5")


@pytest.mark.parametrize("name", ["x.pt", "x.ckpt", "x.pkl", "x.joblib", "nameless"])
def test_pickles_are_refused_unread(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(pickle.dumps({"a": 1.0}))
    with pytest.raises(DataError) as error:
        read(tmp_path / name)
    assert str(error.value) == (
        f"{tmp_path / name}: is a pickle or a checkpoint, which can run code when read; "
        "save the vectors as HDF5, Parquet, npz, npy with ids or CSV"
    )


@EACH_FORMAT
@pytest.mark.parametrize("other", ["vectors", "x.csv", "x.npz", "x.h5", "x.pt", "x.fasta"])
def test_the_first_bytes_tell_the_format_whatever_the_name(
    name: str, other: str, tmp_path: Path
) -> None:
    options = WRITERS[name](tmp_path / name, ODD_IDS, VECTORS)
    found = read((tmp_path / name).rename(tmp_path / other), **options)
    assert found.ids == ODD_IDS
    np.testing.assert_array_equal(found.matrix, VECTORS)


@pytest.mark.parametrize("name", ["AMRProt", "x.csv", "x.h5"])
@pytest.mark.parametrize("content", [b">a\nMKV\n", b"\n>a\nMKV\n", gzip.compress(b">a\nMKV\n")])
def test_sequences_are_no_vectors_whatever_the_name(
    name: str, content: bytes, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    assert vector_format(tmp_path / name) is None


@pytest.mark.parametrize("name", ["x.pt", "x.npz", "nameless"])
def test_zipped_checkpoints_are_refused_unread(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": 1.0}))
    with pytest.raises(DataError, match="is a pickle or a checkpoint, which can run code"):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "key", "kind", "known"),
    [
        ("proteins.h5", "ids", "hdf5", "npy"),
        ("lists.parquet", "ids", "parquet", "npy"),
        ("arrays.npz", "ids", "npz", "npy"),
        ("matrix.npy", "matrix", "npy", "hdf5, parquet, npz"),
        ("matrix.npy", "names", "npy", "hdf5, parquet, npz"),
        ("table.csv", "matrix", "csv", "hdf5, parquet, npz"),
        ("table.tsv", "names", "csv", "hdf5, parquet, npz"),
    ],
)
def test_keys_that_mean_nothing_are_refused(
    name: str, key: str, kind: str, known: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    options = WRITERS[name](path, ODD_IDS, VECTORS)
    with pytest.raises(DataError) as error:
        read(path, **options | {key: path if key == "ids" else "x"})
    assert str(error.value) == (
        f"{path}: is {kind}, but has {key!r}, which is for {known} only; remove {key!r}"
    )


@pytest.mark.parametrize("odd", ["a\nb", "a\rb", "a\x00b", "a\u2028b", " a", "a ", "\ta"])
def test_ids_hold_no_control_characters_and_no_outer_blanks(odd: str, tmp_path: Path) -> None:
    write_parquet(tmp_path / "x.parquet", ("P1", odd), VECTORS[:2])
    with pytest.raises(DataError) as error:
        read(tmp_path / "x.parquet")
    assert str(error.value) == (
        f"{tmp_path / 'x.parquet'}: 1 of 2 vectors have an id with control characters or with "
        f"blanks before or after it (first: {odd!r}); take them out"
    )


def test_what_is_neither_vectors_nor_named_so_is_of_no_known_format(tmp_path: Path) -> None:
    (tmp_path / "AMRProt").write_text(">a\nMKV\n")
    with pytest.raises(DataError, match="AMRProt: is of no known format"):
        read(tmp_path / "AMRProt")
