"""Headers are read within the file's bytes, whatever they claim."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arginator.readers.hdf5_headers import (
    SUPERBLOCKS,
    Header,
    UnfamiliarError,
    end_of_file,
    locate_numbers,
    parse_header,
)

SIGNATURE = b"\x89HDF\r\n\x1a\n"
NOWHERE = b"\xff" * 8


def field(number: int, size: int = 8) -> bytes:
    return number.to_bytes(size, "little")


def message(kind: int, content: bytes, flags: int = 0) -> bytes:
    return field(kind, 2) + field(len(content), 2) + field(flags, 4) + content


def contiguous(address: int) -> bytes:
    return message(8, b"\x03\x01" + field(address) + field(8) + bytes(6))


def first_version(*messages: bytes) -> bytes:
    """Return a header of version 1."""
    body = b"".join(messages)
    return field(1, 2) + field(len(messages), 2) + field(1, 4) + field(len(body), 8) + body


SHAPE, TYPE = message(1, bytes(24)), message(3, b"\x11" + bytes(23), flags=1)
CHANGED = message(0x12, field(1, 4) + field(1_700_000_000, 4))
PLAIN = first_version(SHAPE, TYPE, contiguous(16), CHANGED, message(0, bytes(8)))


def parse(content: bytes, address: int = 0) -> Header:
    return parse_header(np.frombuffer(content, np.uint8), address)


def locate(content: bytes, *headers: int, row_bytes: int = 8) -> list[int]:
    memory = np.frombuffer(content, np.uint8)
    header = parse_header(memory, headers[0])
    released: list[bool] = []
    addresses = locate_numbers(
        memory, np.array(headers, np.uint64), header, row_bytes, lambda: released.append(True)
    )
    assert released == [True]  # all headers are in one block
    return addresses.tolist()


@pytest.mark.parametrize(("libver", "version"), [("earliest", 0), ("v108", 2), ("latest", 3)])
def test_the_end_of_a_file_is_found(libver: str, version: int, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w", libver=libver) as file:
        file["a"] = np.arange(4.0)
    content = (tmp_path / "x.h5").read_bytes()
    assert content[8] == version
    assert end_of_file(np.frombuffer(content + bytes(100), np.uint8)) == len(content)


def superblock(version: int, end: int) -> bytearray:
    start = bytearray(100)
    start[:9] = SIGNATURE + bytes([version])
    sizes, _, place = SUPERBLOCKS[version]
    start[sizes : sizes + 2] = b"\x08\x08"
    start[place : place + 8] = field(end)
    return start


@pytest.mark.parametrize("version", SUPERBLOCKS)
def test_a_superblock_says_where_the_file_ends(version: int) -> None:
    assert end_of_file(np.frombuffer(superblock(version, 99), np.uint8)) == 99


@pytest.mark.parametrize("version", SUPERBLOCKS)
@pytest.mark.parametrize("fault", ["signature", "version", "size", "base", "short"])
def test_an_odd_superblock_is_unfamiliar(fault: str, version: int) -> None:
    start = superblock(version, 52 if fault == "short" else 99)
    sizes, base, _ = SUPERBLOCKS[version]
    match fault:
        case "signature":
            start[0] = 0
        case "version":
            start[8] = 4
        case "size":
            start[sizes + 1] = 4
        case "base":
            start[base + 1] = 2
        case "short":
            start = start[:51]
    with pytest.raises(UnfamiliarError):
        end_of_file(np.frombuffer(start, np.uint8))


@pytest.mark.parametrize("end", [0, 51, 101, 2**63, 2**64 - 1])
def test_an_end_beyond_the_file_or_before_its_data_is_unfamiliar(end: int) -> None:
    with pytest.raises(UnfamiliarError, match="end of file"):
        end_of_file(np.frombuffer(superblock(0, end), np.uint8))


def test_addresses_times_and_gaps_vary_and_nothing_else() -> None:
    header = parse(bytes(7) + PLAIN + bytes(9), 7)
    assert header.pattern.tobytes() == PLAIN
    varying = sorted({place for part in header.varying for place in range(len(PLAIN))[part]})
    address = PLAIN.index(b"\x03\x01" + field(16)) + 2
    changed = PLAIN.index(field(1_700_000_000, 4))
    gap = range(len(PLAIN) - 8, len(PLAIN))
    assert varying == [*range(address, address + 8), *range(changed, changed + 4), *gap]
    assert (header.numbers.start, header.numbers.stop) == (address, address + 8)
    assert (header.is_compact, header.has_checksum) == (False, False)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\x02" + PLAIN[1:], "object header"),
        (PLAIN[:-1], "length of an object header"),
        (PLAIN[:8] + field(2**32 - 1, 4) + PLAIN[12:], "length of an object header"),
        (PLAIN[:18] + b"\xff\xff" + PLAIN[20:], "length of a message"),
        (first_version(SHAPE, TYPE), "messages"),
        (first_version(SHAPE, TYPE, contiguous(16), contiguous(16)), "messages"),
        (first_version(contiguous(16), message(0xC, bytes(8))), "messages"),  # attribute
        (first_version(contiguous(16), message(0xB, bytes(8))), "messages"),  # filters
        (first_version(contiguous(16), message(7, bytes(8))), "messages"),  # external files
        (first_version(contiguous(16), message(0x10, bytes(16))), "messages"),  # continuation
        (first_version(contiguous(16), message(3, bytes(8), flags=2)), "shared message"),
        (first_version(message(8, b"\x03\x02" + bytes(22))), "data layout"),  # chunks
        (first_version(message(8, b"\x01\x01" + bytes(22))), "data layout"),  # old version
        (first_version(message(8, b"\x03\x01" + bytes(6))), "length of a data layout"),
        (first_version(message(8, b"\x03\x00\x05\x00" + bytes(4))), "length of a data layout"),
        (first_version(message(8, b"")), "data layout"),
        (b"OHDR\x02\x04" + bytes(50), "object header"),
        (b"OHDR", "object header"),
        (b"OHDR\x02\x03" + NOWHERE + bytes(50), "length of an object header"),
        (b"", "object header"),
    ],
)
def test_an_odd_header_is_unfamiliar(content: bytes, problem: str) -> None:
    with pytest.raises(UnfamiliarError, match=f"^{problem}$"):
        parse(content)


@pytest.mark.parametrize("address", [-1, 2**63, 2**64 - 1])
def test_a_header_outside_the_file_is_unfamiliar(address: int) -> None:
    with pytest.raises(UnfamiliarError, match="address of an object header"):
        parse(PLAIN, address)


@given(
    st.sampled_from([PLAIN, b"OHDR\x02\x21" + bytes(60), b"OHDR\x02\x13" + bytes(60), b""]),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255))),
    st.binary(max_size=30),
    st.integers(0, 250),
)
def test_whatever_a_header_claims_it_stays_in_the_file(
    start: bytes, changes: list[tuple[int, int]], more: bytes, cut: int
) -> None:
    content = bytearray(start + more)[:cut]
    for place, value in changes:
        content[place : place + 1] = bytes([value]) if place < len(content) else b""
    try:
        header = parse(bytes(content))
    except UnfamiliarError:
        return
    assert content.startswith(header.pattern.tobytes())
    places = range(len(header.pattern))
    assert all(0 <= part.start <= len(places) >= part.stop for part in header.varying)


def other(address: int, start: bytes = PLAIN) -> bytes:
    return start.replace(b"\x03\x01" + field(16), b"\x03\x01" + field(address))


def test_each_header_leads_to_its_numbers() -> None:
    content = PLAIN + other(24) + other(0).replace(field(1_700_000_000, 4), field(7, 4))
    size = len(PLAIN)
    assert locate(content, 0, size, 2 * size) == [16, 24, 0]
    assert locate(content, 2 * size, 0, size) == [0, 16, 24]


def test_numbers_reach_to_the_end_of_the_file_and_no_further() -> None:
    size = len(PLAIN)
    assert locate(other(size - 8), 0) == [size - 8]
    for address in (size - 7, size, 2**63, 2**64 - 1):
        with pytest.raises(UnfamiliarError, match="address"):
            locate(other(address), 0)
    with pytest.raises(UnfamiliarError, match="address"):
        locate(PLAIN, 0, row_bytes=size + 1)


@pytest.mark.parametrize("address", [1, 2**63, 2**64 - 1])
def test_headers_reach_no_further_than_the_file(address: int) -> None:
    with pytest.raises(UnfamiliarError, match="address"):
        locate(PLAIN, 0, address)


@given(st.integers(0, len(PLAIN) - 1), st.integers(1, 255))
def test_a_header_unlike_the_first_is_noticed(place: int, change: int) -> None:
    second = bytearray(PLAIN)
    second[place] ^= change
    header = parse(PLAIN)
    if any(part.start <= place < part.stop for part in header.varying):
        return
    with pytest.raises(UnfamiliarError, match="header unlike the first"):
        locate(PLAIN + second, 0, len(PLAIN))
