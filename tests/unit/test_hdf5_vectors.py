"""Fast reading gives what libhdf5 gives, or leaves the file to it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from h5py import h5d, h5o, h5p, h5s, h5t
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arginator.errors import DataError
from arginator.readers import hdf5_files, hdf5_vectors
from arginator.readers.hdf5_files import read_hdf5
from arginator.readers.hdf5_vectors import find_plain_vectors
from arginator.readers.vector_checks import Batch, Inspection

LIBVER = ["earliest", "v108", "latest"]
EACH_LIBVER = pytest.mark.parametrize("libver", LIBVER)
NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=12
).filter(lambda name: name.strip("."))
NUMBERS = np.random.default_rng(0).integers(0, 256, 2**16, np.uint8)  # all kinds of floats

Outcome = list[tuple[list[str], str, tuple[int, ...], bytes]] | str


def write(
    path: Path,
    names: list[str],
    dtype: str = "<f2",
    shape: tuple[int, ...] = (4,),
    libver: str = "latest",
    **options: object,
) -> None:
    """Write a data set a name, the numbers of each its own."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    with h5py.File(path, "w", libver=libver) as file:
        for index, name in enumerate(names):
            vector = NUMBERS[index * 8 :][:size].view(dtype).reshape(shape)
            file.create_dataset(name, data=vector, dtype=dtype, **options)


def write_compact(path: Path, names: list[str], libver: str) -> None:
    """Write data sets whose numbers stand in their headers."""
    plan = h5p.create(h5p.DATASET_CREATE)
    plan.set_layout(h5d.COMPACT)
    with h5py.File(path, "w", libver=libver) as file:
        for index, name in enumerate(names):
            vector = np.arange(4, dtype=np.float32) + index
            space = h5s.create_simple((4,))
            data_set = h5d.create(file.id, name.encode(), h5t.IEEE_F32LE, space, dcpl=plan)
            data_set.write(h5s.ALL, h5s.ALL, vector)


def outcome(path: Path, read: Callable[[Inspection], Iterator[Batch]]) -> Outcome:
    """Return all that reading a file yields, or its error."""
    try:
        batches = list(read(Inspection(path)))
    except DataError as error:
        return str(error)
    return [
        (list(ids), matrix.dtype.str, matrix.shape, matrix.tobytes()) for ids, matrix in batches
    ]


def by_libhdf5(inspection: Inspection) -> Iterator[Batch]:
    """Read a file data set by data set."""
    with hdf5_files.naming_damage(inspection.path, OSError):
        file = h5py.File(inspection.path, "r")
    with file:
        yield from hdf5_files._one_a_protein(file.id, inspection)


def fast(inspection: Inspection) -> Iterator[Batch]:
    """Read a file as users do."""
    return read_hdf5(inspection, None, None)


def require_agreement(path: Path) -> Outcome:
    """Read a file both ways; return what both give."""
    found = outcome(path, fast)
    assert found == outcome(path, by_libhdf5)
    return found


def is_plain(path: Path) -> bool:
    return find_plain_vectors(path) is not None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.h5"


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    names=st.lists(NAMES, max_size=40, unique=True),
    more=st.sampled_from([0, 0, 20, 260]),
    dtype=st.sampled_from(["<f2", ">f2", "<f4", ">f4", "<f8", ">f8"]),
    shape=st.integers(1, 70).flatmap(lambda width: st.sampled_from([(width,), (1, width)])),
    libver=st.sampled_from(LIBVER),
    options=st.sampled_from(
        [{}, {"track_times": True}, {"fillvalue": 1.0}, {"chunks": True}, {"compression": "gzip"}]
    ),
)
def test_every_file_reads_as_by_libhdf5(
    names: list[str],
    more: int,
    dtype: str,
    shape: tuple[int, ...],
    libver: str,
    options: dict[str, object],
    path: Path,
) -> None:
    names = list(dict.fromkeys([*names, *(f"P{index:03}" for index in range(more))]))
    write(path, names, dtype, shape, libver, **options)
    require_agreement(path)
    stored_plainly = "chunks" not in options and "compression" not in options
    assert is_plain(path) == (stored_plainly and names != [])


@EACH_LIBVER
@pytest.mark.parametrize("shape", [(1024,), (1, 1024)])
def test_uniprots_layout_opens_no_data_set_after_the_first(
    shape: tuple[int, ...], libver: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(path, [f"P{index:05}" for index in range(50)], "<f2", shape, libver)
    expected = outcome(path, by_libhdf5)
    monkeypatch.delattr(hdf5_files, "_one_a_protein")
    assert outcome(path, fast) == expected


@EACH_LIBVER
def test_numbers_inside_headers_are_read(libver: str, path: Path) -> None:
    write_compact(path, ["b", "a", "c"], libver)
    assert is_plain(path)
    [(ids, _, _, numbers)] = require_agreement(path)
    assert ids == ["a", "b", "c"]
    assert np.frombuffer(numbers, np.float32).reshape(3, 4)[:, 0].tolist() == [1, 0, 2]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    proteins=st.integers(1, 40),
    rows=st.integers(1, 9),
    batches=st.integers(1, 4),
)
def test_batches_are_cut_as_by_libhdf5_however_often_pages_are_given_back(
    proteins: int, rows: int, batches: int, path: Path
) -> None:
    write(path, [f"P{index * 7 % 41}" for index in range(proteins)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hdf5_vectors, "BATCH_ROWS", rows)
        patch.setattr(hdf5_files, "BATCH_ROWS", rows)
        patch.setattr(hdf5_vectors, "BATCHES_A_MAPPING", batches)
        found = require_agreement(path)
    assert len(found) == -(-proteins // rows)


@EACH_LIBVER
def test_ids_keep_the_order_of_writing_where_the_file_does(libver: str, path: Path) -> None:
    with h5py.File(path, "w", libver=libver, track_order=True) as file:
        for name in ("b", "c", "a"):
            file.create_dataset(name, data=np.zeros(4, np.float16))
    assert is_plain(path)
    [(ids, *_)] = require_agreement(path)
    assert ids == ["b", "c", "a"]


@EACH_LIBVER
def test_two_names_of_one_data_set_read_as_by_libhdf5(libver: str, path: Path) -> None:
    write(path, ["P1"], libver=libver)
    with h5py.File(path, "a", libver=libver) as file:
        file["P2"] = file["P1"]
    [(ids, *_)] = require_agreement(path)
    assert ids == ["P1", "P2"]


def add_attribute(file: h5py.File) -> None:
    file["P2"].attrs["original_id"] = "other"


def add_soft_link(file: h5py.File) -> None:
    file["link"] = h5py.SoftLink("/P2")


def add_external_link(file: h5py.File) -> None:
    file["link"] = h5py.ExternalLink("other.h5", "/P2")


def add_group(file: h5py.File) -> None:
    file["group/P9"] = file["P2"][:]


def add_empty_group(file: h5py.File) -> None:
    file.create_group("A")  # the first member


def add_other_shape(file: h5py.File) -> None:
    file["P9"] = file["P2"][:][None]


def add_other_width(file: h5py.File) -> None:
    file["P9"] = file["P2"][:-1]


def add_other_type(file: h5py.File) -> None:
    file["P9"] = file["P2"][:].astype(np.float32)


def add_other_order(file: h5py.File) -> None:
    file["P9"] = file["P2"][:].astype(">f2")


def add_whole_numbers(file: h5py.File) -> None:
    file["P9"] = np.arange(4, dtype=np.int16)


def add_text(file: h5py.File) -> None:
    file["P9"] = ["a", "b"]


def add_unwritten(file: h5py.File) -> None:
    file.create_dataset("P9", (4,), "<f2")


def add_chunked(file: h5py.File) -> None:
    file.create_dataset("P9", data=file["P2"][:], chunks=True)


def add_checked(file: h5py.File) -> None:
    file.create_dataset("P9", data=file["P2"][:], fletcher32=True)


def add_virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), "<f2")
    layout[:] = h5py.VirtualSource(".", "P2", (4,))
    file.create_virtual_dataset("P9", layout)


def add_outside(file: h5py.File) -> None:
    file.create_dataset("P9", (4,), "<f2", external=[(file.filename + ".raw", 0, 8)])


def add_named_type(file: h5py.File) -> None:
    file["A"] = np.dtype("<f2")
    file.create_dataset("P9", data=file["P2"][:], dtype=file["A"])


def put_floats(file: h5py.File, kind: h5t.TypeFloatID) -> None:
    data_set = h5d.create(file.id, b"P9", kind, h5s.create_simple((4,)))
    data_set.write(h5s.ALL, h5s.ALL, np.ones(4, np.float32))


def add_bfloat16(file: h5py.File) -> None:
    kind = h5t.IEEE_F16LE.copy()
    kind.set_fields(15, 7, 8, 0, 7)
    kind.set_ebias(127)
    put_floats(file, kind)


def add_float_that_h5py_takes_for_float16(file: h5py.File) -> None:
    kind = h5t.IEEE_F16LE.copy()
    kind.set_fields(15, 10, 5, 1, 9)
    put_floats(file, kind)


ODDITIES = [value for name, value in list(globals().items()) if name.startswith("add_")]


@EACH_LIBVER
@pytest.mark.parametrize("add", ODDITIES)
@pytest.mark.parametrize("others", [["P1", "P2", "P3"], ["P2"]])
def test_a_file_with_anything_odd_is_left_to_libhdf5(
    others: list[str], add: Callable[[h5py.File], None], libver: str, path: Path
) -> None:
    write(path, others, libver=libver)
    assert is_plain(path)
    with h5py.File(path, "a", libver=libver) as file:
        add(file)
    assert not is_plain(path)
    require_agreement(path)


@EACH_LIBVER
@pytest.mark.parametrize(
    "add",
    [
        add_bfloat16,
        add_float_that_h5py_takes_for_float16,
        add_chunked,
        add_checked,
        add_virtual,
        add_outside,
    ],
)
def test_a_file_with_nothing_but_odd_data_sets_is_left_to_libhdf5(
    add: Callable[[h5py.File], None], libver: str, path: Path
) -> None:
    write(path, ["P2"], libver=libver)
    with h5py.File(path, "a", libver=libver) as file:
        add(file)
        del file["P2"]
    assert not is_plain(path)
    require_agreement(path)


@EACH_LIBVER
def test_the_length_of_a_soft_link_is_no_address(libver: str, path: Path) -> None:
    write(path, ["P1"], libver=libver)
    with h5py.File(path, "a", libver=libver) as file:
        address = h5o.get_info(file["P1"].id).addr
        file["link"] = h5py.SoftLink("x" * (address - 1))  # libhdf5 counts the end of the text
    assert "'link' is a soft link" in require_agreement(path)


@pytest.mark.parametrize("name", [b"A3", b"P2", b"Q3"])
def test_a_damaged_name_that_libhdf5_cannot_find_is_told(name: bytes, path: Path) -> None:
    write(path, ["P1", "P2", "P3", "P4"], libver="earliest")
    whole = path.read_bytes()
    assert whole.count(b"P3\0") == 1
    path.write_bytes(whole.replace(b"P3\0", name + b"\0"))
    assert not is_plain(path)
    require_agreement(path)


@EACH_LIBVER
def test_a_file_behind_a_user_block_is_left_to_libhdf5(libver: str, path: Path) -> None:
    with h5py.File(path, "w", libver=libver, userblock_size=512) as file:
        file["P1"] = np.arange(4, dtype=np.float16)
    assert not is_plain(path)
    require_agreement(path)


@EACH_LIBVER
def test_a_changed_file_reads_as_by_libhdf5(libver: str, path: Path) -> None:
    write(path, [f"P{index}" for index in range(30)], libver=libver)
    with h5py.File(path, "a", libver=libver) as file:
        for index in range(0, 30, 3):
            del file[f"P{index}"]
        file["P3"] = np.full(4, 3, np.float16)
        file["P4"][:] = 4
    assert is_plain(path)
    require_agreement(path)


def test_another_width_than_asked_for_is_told_as_ever(path: Path) -> None:
    write(path, ["P1", "P2"])
    inspection = Inspection(path, 5)
    assert list(read_hdf5(inspection, None, None)) == []
    with pytest.raises(DataError, match="2 of 2 vectors have width 4, expected 5"):
        inspection.close()


def test_names_that_are_no_utf8_are_told_as_ever(path: Path) -> None:
    with h5py.File(path, "w") as file:
        h5d.create(file.id, b"\xff", h5t.IEEE_F16LE, h5s.create_simple((4,)))
        file[b"\xff"][:] = 1
    assert "is no UTF-8" in require_agreement(path)


@pytest.mark.parametrize("part", [b"OHDR", b"FRHP", b"FHDB", b"FHIB", b"BTHD", b"BTLF", b"FSHD"])
def test_damage_to_any_part_of_a_new_group_is_told_as_by_libhdf5(part: bytes, path: Path) -> None:
    write(path, [f"P{index}" for index in range(40)], libver="latest")
    broken = bytearray(path.read_bytes())
    broken[broken.rindex(part) + 6] ^= 1
    path.write_bytes(broken)
    assert "damaged or incomplete" in require_agreement(path)


def damaged_copies(whole: bytes, copies: int) -> Iterator[bytes]:
    """Yield copies of a file with flipped bits or without their end."""
    rng = np.random.default_rng(1)
    for _ in range(copies):
        broken = bytearray(whole)
        for place in rng.integers(len(whole), size=rng.choice([1, 1, 1, 3])):
            broken[place] ^= 1 << int(rng.integers(8))
        yield bytes(broken)
        yield whole[: rng.integers(1, len(whole))]


@EACH_LIBVER
@pytest.mark.parametrize("layout", ["contiguous", "compact"])
def test_damage_is_told_as_by_libhdf5_or_does_no_harm(layout: str, libver: str, path: Path) -> None:
    names = [f"P{index}" for index in range(6)]
    if layout == "compact":
        write_compact(path, names, libver)
    else:
        write(path, names, libver=libver)
    assert is_plain(path)
    whole = require_agreement(path)
    for broken in damaged_copies(path.read_bytes(), 60):
        path.write_bytes(broken)
        found, expected = outcome(path, fast), outcome(path, by_libhdf5)
        # old groups have search keys without checksums, which only opening by name needs
        assert found == expected or (libver == "earliest" and found == whole)
