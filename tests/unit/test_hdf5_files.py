"""HDF5: every layout is read, nothing outside the file is ever touched."""

import contextlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from arginator.errors import DataError
from arginator.vector_files import read_vectors

VECTOR = np.arange(4, dtype=np.float32)
SECRET = b"root:x:0:0:secret" * 4


def read(path: Path, **options: str) -> dict[str, list[float]]:
    return {
        name: vector.tolist()
        for batch in read_vectors(path, **options)
        for name, vector in zip(batch.ids, batch.matrix, strict=True)
    }


def refusal(path: Path, **options: str) -> str:
    with pytest.raises(DataError) as error:
        read(path, **options)
    assert str(error.value).startswith(f"{path}: ")
    return str(error.value).removeprefix(f"{path}: ")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.h5"


def test_the_path_in_nested_groups_is_the_id(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["sp|P62593"] = VECTOR
        file["E. coli/tem/1 a"] = VECTOR[None]
    assert read(path) == {"sp|P62593": [0, 1, 2, 3], "E. coli/tem/1 a": [0, 1, 2, 3]}


def test_the_id_that_the_embedding_program_kept_wins(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["0"] = VECTOR
        file["0"].attrs["original_id"] = "sp|P62593|BLAT"
        file["1"] = VECTOR
        file["1"].attrs["original_id"] = np.bytes_(b"bytes")
    assert read(path).keys() == {"sp|P62593|BLAT", "bytes"}


def test_an_id_that_is_no_text_is_refused(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["0"] = VECTOR
        file["0"].attrs["original_id"] = 7
    assert refusal(path) == (
        "attribute 'original_id' is no text but int64; write the protein's id there or remove it"
    )


def test_a_file_without_data_sets_holds_no_vectors(path: Path) -> None:
    h5py.File(path, "w").close()
    assert read(path) == {}


def test_widths_are_counted_over_the_file(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for number in range(5):
            file[f"P{number}"] = VECTOR[: 3 if number in (1, 4) else 4]
    assert refusal(path) == (
        "2 of 5 vectors have width 3, expected 4 (first: 'P1'); one run takes one embedder"
    )


@pytest.mark.parametrize(
    ("shape", "words"),
    [((250, 4), "250 × 4"), ((), "a single number"), ((1, 2, 4), "1 × 2 × 4")],
)
def test_anything_but_one_row_of_numbers_is_refused(
    shape: tuple[int, ...], words: str, path: Path
) -> None:
    with h5py.File(path, "w") as file:
        file["a"] = VECTOR
        file["b"] = np.zeros(shape, np.float32)
    assert refusal(path) == (
        f"1 of 2 vectors are no vectors but {words}, expected one row of numbers a protein "
        "(first: 'b'); average over the residues first; a matrix with one row a protein is named "
        "under 'matrix' and its ids under 'names' in dataset.yaml"
    )


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (np.arange(4), "int64"),
        (np.ones(4, np.uint8), "uint8"),
        (np.ones(4, bool), "bool"),
        (np.ones(4, complex), "complex128"),
        (np.array([b"a", b"b"]), r"|S1"),
        (["text"], "object"),
        (np.zeros(2, [("x", "f4")]), "[('x', '<f4')]"),
    ],
)
def test_types_other_than_floats_are_named(value: object, name: str, path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["a"] = value
    assert refusal(path) == (
        f"data set 'a' is of type {name}, expected float16, float32 or float64; "
        "export the vectors again as floats"
    )


def test_types_that_numpy_does_not_know_are_refused(path: Path) -> None:
    with h5py.File(path, "w") as file:
        h5py.h5d.create(file.id, b"t", h5py.h5t.UNIX_D32LE.copy(), h5py.h5s.create_simple((4,)))
    assert refusal(path).startswith("data set 't' is of type unknown to numpy, expected float16")


def test_external_links_are_not_followed(path: Path, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = VECTOR
    with h5py.File(path, "w") as file:
        file["a"] = VECTOR
        file["b"] = h5py.ExternalLink("other.h5", "/secret")
    assert refusal(path) == (
        "'b' is an external link, which is not followed; write the vectors into the file"
    )


def test_soft_links_are_not_followed(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["a/b"] = VECTOR
        file["a/loop"] = h5py.SoftLink("/a")
    assert refusal(path) == (
        "'a/loop' is a soft link, which is not followed; write the vectors into the file"
    )


def test_loops_of_hard_links_end(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["a/b"] = VECTOR
        file["a/up"] = file["/"]
    assert refusal(path).startswith("group 'a/up' is reached twice (a loop of links), which is not")


def test_virtual_data_sets_are_refused_unread(path: Path, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = VECTOR
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "secret", (4,))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("v", layout)
    assert refusal(path) == (
        "'v' is a virtual data set, which is not followed; write the vectors into the file"
    )


@pytest.mark.parametrize("options", [{}, {"matrix": "m", "names": "n"}])
def test_bytes_of_other_files_are_never_read(
    options: dict[str, str], path: Path, tmp_path: Path
) -> None:
    (tmp_path / "passwd").write_bytes(SECRET)
    with h5py.File(path, "w") as file:
        outside = [(str(tmp_path / "passwd"), 0, 16)]
        file.create_dataset("m", (4,) if not options else (1, 4), "f4", external=outside)
        if options:
            file["n"] = ["a"]
    assert refusal(path, **options) == (
        "'m' has external storage, which is not followed; write the vectors into the file"
    )


def test_names_outside_the_file_are_never_read(path: Path, tmp_path: Path) -> None:
    (tmp_path / "passwd").write_bytes(SECRET)
    with h5py.File(path, "w") as file:
        file["m"] = VECTOR[None]
        file.create_dataset("n", (1,), "S16", external=[(str(tmp_path / "passwd"), 0, 16)])
    assert refusal(path, matrix="m", names="n").startswith("'n' stands outside the file, which")


@pytest.mark.parametrize("shape", [(2**40,), (2**40, 4)])
def test_terabytes_are_refused_on_the_header(shape: tuple[int, ...], path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("a", shape, "f4", chunks=(1024,) if len(shape) == 1 else (256, 4))
        file["n"] = ["x"]
    if len(shape) == 1:
        file_options = {}
        with h5py.File(path, "a") as file:
            del file["n"]
        expected = "vector 'a' claims width 1099511627776, expected 1 to 65536; export the vectors"
    else:
        file_options = {"matrix": "a", "names": "n"}
        expected = "'a' claims 17,592,186,044,416 bytes, but holds 0; the file is incomplete or"
    assert refusal(path, **file_options).startswith(expected)


def test_enormous_chunks_are_refused_on_the_header(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (4,), "f4", chunks=(2**28,), maxshape=(None,))
    assert refusal(path).startswith("'a' has chunks of more than 268,435,456 bytes")


def test_compressed_vectors_are_read(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=VECTOR, compression="gzip", chunks=True)
    assert read(path) == {"a": [0, 1, 2, 3]}


@pytest.mark.parametrize("options", [{}, {"matrix": "embeddings"}, {"names": "ids"}])
def test_a_matrix_and_its_names_alone_need_no_keys(options: dict[str, str], path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["embeddings"], file["ids"] = np.stack([VECTOR, VECTOR + 1]), ["a", "b"]
    assert read(path, **options) == {"a": [0, 1, 2, 3], "b": [1, 2, 3, 4]}


def test_what_is_not_named_must_be_the_only_one(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["m"], file["w"] = np.stack([VECTOR] * 2), np.stack([VECTOR] * 2)
        file["n"] = ["a", "b"]
    assert read(path, matrix="m").keys() == {"a", "b"}
    assert refusal(path, names="n") == (
        "holds 2 data sets that are a matrix of numbers, expected 1; "
        "name the one to read under 'matrix'"
    )
    with h5py.File(path, "a") as file:
        del file["n"]
    assert refusal(path, matrix="m") == (
        "holds 0 data sets that are a column of text, expected 1; "
        "name the one to read under 'names'"
    )


def test_whole_numbers_with_names_are_no_vectors(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["m"], file["n"] = np.ones((2, 4), int), ["a", "b"]
    assert refusal(path).startswith("data set 'm' is of type int64, expected float16")


def test_a_matrix_needs_its_own_names(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["m"] = np.stack([VECTOR, VECTOR])
        file["n"] = ["a"]
        file["v"] = VECTOR
    assert refusal(path, matrix="m", names="gone") == ("holds no data set 'gone'; correct 'names'")
    assert refusal(path, matrix="m", names="n") == "1 ids for 2 vectors; give one id a row"
    assert refusal(path, matrix="m", names="v") == (
        "'v' is no column of text but float32; correct 'names'"
    )
    assert refusal(path, matrix="v", names="n") == (
        "'v' has 1 dimensions, expected one row a protein; correct 'matrix'"
    )


@pytest.mark.parametrize("options", [{}, {"matrix": "m", "names": "n"}])
def test_flipped_bits_are_named_or_read_never_a_crash(options: dict[str, str], path: Path) -> None:
    # text of fixed length: libhdf5 itself can loop for ever in a damaged heap of variable text
    with h5py.File(path, "w") as file:
        if options:
            file["m"], file["n"] = np.stack([VECTOR] * 5), np.array(list("abcde"), "S1")
        else:
            for number in range(5):
                file[f"g/P{number}"] = VECTOR
                file[f"g/P{number}"].attrs["original_id"] = np.bytes_(f"id {number}")
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(300):
        broken = bytearray(whole)
        broken[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        path.write_bytes(broken)
        with contextlib.suppress(DataError):
            read(path, **options)
