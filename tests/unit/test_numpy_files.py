"""npz and npy: arrays are found and checked on their headers; nothing pickled is read."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy

from arginator.errors import DataError
from arginator.readers.numpy_files import read_ids
from arginator.vector_files import read_vectors

MATRIX = np.arange(8, dtype=np.float32).reshape(2, 4)
NAMES = np.array(["a", "b"])


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(DataError) as error:
        list(read_vectors(path, **options))
    return str(error.value).removeprefix(f"{path}: ")


def claim(path: Path, shape: tuple[int, ...]) -> None:
    """Write an npy header for float32 numbers that do not follow."""
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(file, header)


def test_npz_arrays_can_be_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", m=MATRIX, n=NAMES, other=MATRIX, more=NAMES)
    (batch,) = read_vectors(tmp_path / "x.npz", matrix="m", names="n")
    assert batch.ids == ("a", "b")


def test_ids_may_be_bytes(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", m=MATRIX, n=np.char.encode(np.array(["ä", "b"]), "utf-8"))
    (batch,) = read_vectors(tmp_path / "x.npz")
    assert batch.ids == ("ä", "b")


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        (
            {"m": MATRIX, "v": MATRIX, "n": NAMES},
            {},
            "holds 2 arrays with 2 dimensions, expected 1 (there: m, v, n); "
            "name the one to read under 'matrix'",
        ),
        (
            {"m": MATRIX},
            {},
            "holds 0 arrays with 1 dimensions, expected 1 (there: m); "
            "name the one to read under 'names'",
        ),
        (
            {"m": MATRIX, "n": NAMES},
            {"matrix": "x"},
            "holds no array 'x' (there: m, n); correct 'matrix'",
        ),
        ({"m": MATRIX, "n": NAMES[:1]}, {}, "1 ids for 2 vectors; give one id a row"),
        (
            {"m": MATRIX, "n": np.array("a")},
            {"names": "n"},
            "'n' has 0 dimensions, expected one id a protein",
        ),
        (
            {"m": MATRIX.astype(int), "n": NAMES},
            {},
            "'m' is of type int64, expected float16, float32 or float64; "
            "export the vectors again as floats",
        ),
        (
            {"m": MATRIX, "n": np.arange(2)},
            {},
            "'n' is of type int64, expected text of at most 1,000 characters; save the ids as text",
        ),
        (
            {"m": MATRIX[None], "n": NAMES},
            {"matrix": "m"},
            "'m' has shape 1 × 2 × 4, expected one row a protein; "
            "save one vector a protein; average over residues first",
        ),
        (
            {"m": MATRIX, "n": np.array(["a", "b"], object)},
            {},
            "'n' holds pickled objects, which can run code when read; save plain numbers and text",
        ),
    ],
)
def test_unfit_npz_files_say_why(
    arrays: dict[str, np.ndarray], options: dict[str, str], message: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    assert refusal(tmp_path / "x.npz", **options) == message


def test_an_npz_bomb_is_refused_on_its_header(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x.npz", m=np.zeros((20_000, 1024), np.float32), n=NAMES)
    assert refusal(tmp_path / "x.npz").startswith("'m' claims 81,920,128 bytes, but holds ")


def test_an_npz_member_that_claims_terabytes_is_refused(tmp_path: Path) -> None:
    claim(tmp_path / "m.npy", (2**31, 4096))
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.write(tmp_path / "m.npy", "m.npy")
    expected = "'m' claims 35,184,372,088,832 bytes, but holds 128; the file is incomplete or"
    assert refusal(tmp_path / "x.npz").startswith(expected)


def test_something_else_in_a_zip_is_named_or_damaged(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("m.npy", b"")
    assert refusal(tmp_path / "x.npz").startswith("is a pickle or a checkpoint, which can run")
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("word/document.xml", b"<xml/>")
    assert refusal(tmp_path / "x.npz").startswith("damaged or incomplete (")


def test_an_npy_header_that_claims_terabytes_is_refused(tmp_path: Path) -> None:
    claim(tmp_path / "x.npy", (2**31, 4096))
    assert refusal(tmp_path / "x.npy", ids=tmp_path / "ids.txt") == (
        "damaged or incomplete (claims 35,184,372,088,832 bytes, but holds 0); "
        "fetch or export it again"
    )


def test_pickled_npy_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{"a": 1}]), allow_pickle=True)
    assert refusal(tmp_path / "x.npy", ids=tmp_path / "ids.txt") == (
        "the array holds pickled objects, which can run code when read; save plain numbers and text"
    )


def test_npy_needs_its_ids(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", MATRIX)
    assert refusal(tmp_path / "x.npy") == (
        "holds no ids; name a text file, one id a line, under 'ids'"
    )
    (tmp_path / "ids.txt").write_text("a\nb\nc\n")
    with pytest.raises(DataError) as error:
        list(read_vectors(tmp_path / "x.npy", ids=tmp_path / "ids.txt"))
    assert str(error.value) == f"{tmp_path / 'ids.txt'}: 3 ids for 2 vectors; give one id a row"


def test_an_npy_file_without_rows_has_no_vectors(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", MATRIX[:0])
    (tmp_path / "ids.txt").touch()
    assert list(read_vectors(tmp_path / "x.npy", ids=tmp_path / "ids.txt")) == []


@pytest.mark.parametrize("text", ["a b\nc", "a b\nc\n", "a b\r\nc\r\n", "\ufeffa b\nc\n"])
def test_ids_are_lines_verbatim(text: str, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_bytes(text.encode())
    assert read_ids(tmp_path / "ids.txt") == ["a b", "c"]


def test_blank_lines_and_other_encodings_are_no_ids(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("a\n\nb\n")
    with pytest.raises(DataError, match=r"ids\.txt:2: is a blank line; list one id a line"):
        read_ids(path)
    path.write_bytes("ä".encode("utf-16"))
    with pytest.raises(DataError, match=r"ids\.txt: damaged or incomplete \('utf-8' codec"):
        read_ids(path)
