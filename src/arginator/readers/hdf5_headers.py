"""Object headers of HDF5 data sets, read straight from the bytes of a file.

One program writes the same header for every data set of one type and shape, but for the address of
the numbers, times and checksums. So one header is parsed, and the others need only agree with it.
Fields and sections are those of the HDF5 File Format Specification Version 3.0. Whatever is not
plain is left to libhdf5 by raising `UnfamiliarError`; no number in a file is trusted unchecked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from jaxtyping import Int64, UInt8, UInt64
from numpy.lib.stride_tricks import sliding_window_view

from arginator.readers.hdf5_checksums import CHECKSUM_BYTES, checksums_agree

Bytes = UInt8[np.ndarray, " b"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"
ADDRESS_BYTES = 8
# Of each superblock version: where the sizes, the base address and the end-of-file address stand.
SUPERBLOCKS = {0: (13, 24, 40), 1: (13, 28, 44), 2: (9, 12, 28), 3: (9, 12, 28)}
SUPERBLOCK_BYTES = 52

MAX_HEADER_BYTES = 2**17  # data inside a header take at most 2^16
BLOCK_BYTES = 4 * 2**20
NIL, DATASPACE, DATATYPE, OLD_FILL_VALUE, FILL_VALUE = 0x0, 0x1, 0x3, 0x4, 0x5
LAYOUT, MODIFICATION_TIME = 0x8, 0x12
PLAIN = {NIL, DATASPACE, DATATYPE, OLD_FILL_VALUE, FILL_VALUE, LAYOUT, MODIFICATION_TIME}
SHARED_FLAG = 2
COMPACT, CONTIGUOUS = 0, 1


class UnfamiliarError(Exception):
    """Something in a file is not as plain as fast reading needs it; libhdf5 must judge."""


@dataclass(frozen=True)
class Header:
    """The header of one data set, as a pattern for those of others.

    Attributes:
        pattern: Its b bytes.
        varying: Parts of it that may differ between data sets.
        numbers: Where the numbers' address stands in it, or the numbers themselves.
        is_compact: The numbers themselves stand there.
        has_checksum: It ends with a checksum.
    """

    pattern: Bytes
    varying: tuple[slice, ...]
    numbers: slice
    is_compact: bool
    has_checksum: bool


@dataclass(frozen=True)
class Message:
    """One message of a header: its kind, its flags and where its content stands."""

    kind: int
    flags: int
    content: slice


def end_of_file(memory: Bytes) -> int:
    """Return the end-of-file address of a superblock (II.A) at the start of a file."""
    start = memory[:SUPERBLOCK_BYTES].tobytes()
    if not start.startswith(SIGNATURE) or len(start) < SUPERBLOCK_BYTES:
        _leave("signature")
    if start[8] not in SUPERBLOCKS:
        _leave("version of the superblock")
    sizes, base, end = SUPERBLOCKS[start[8]]
    if start[sizes : sizes + 2] != bytes([ADDRESS_BYTES] * 2) or any(start[base : base + 8]):
        _leave("sizes or base address")
    address = int.from_bytes(start[end : end + ADDRESS_BYTES], "little")
    if not SUPERBLOCK_BYTES <= address <= len(memory):
        _leave("end of file")
    return address


def parse_header(memory: Bytes, address: int) -> Header:
    """Parse the object header at `address`, all of it in one piece (IV.A.1)."""
    if not 0 <= address <= len(memory):
        _leave("address of an object header")
    start = memory[address : address + MAX_HEADER_BYTES].tobytes()
    has_checksum = start.startswith(b"OHDR")
    first, end, varying = _second_prefix(start) if has_checksum else _first_prefix(start)
    if end > len(start):
        _leave("length of an object header")
    messages = list(_messages(start, first, end, has_checksum))
    return _header(start[: end + CHECKSUM_BYTES * has_checksum], messages, varying, has_checksum)


def _first_prefix(start: bytes) -> tuple[int, int, list[slice]]:
    """Return where the messages of a header of version 1 begin and end, and what varies (IV.A.1.a).

    Version 1 byte, reserved 1, number of messages 2, reference count 4, size 4, padding 4.
    """
    if start[:2] != b"\x01\x00":
        _leave("object header")
    return 16, 16 + int.from_bytes(start[8:12], "little"), []


def _second_prefix(start: bytes) -> tuple[int, int, list[slice]]:
    """Return where the messages of a header of version 2 begin and end, and what varies (IV.A.1.b).

    Signature 4 bytes, version 1, flags 1, times 16 if bit 5 of the flags is set, limits of
    attributes 4 if bit 4 is, size of the messages 1, 2, 4 or 8 as bits 0 and 1 tell; checksum 4.
    """
    if len(start) < 6 or start[4] != 2 or start[5] & 0b100:  # messages with a creation order
        _leave("object header")
    flags = start[5]
    times = slice(6, 6 + 16 * (flags >> 5 & 1))
    size = times.stop + 4 * (flags >> 4 & 1)
    first = size + (1 << (flags & 3))
    end = first + int.from_bytes(start[size:first], "little")
    return first, end, [times, slice(end, end + CHECKSUM_BYTES)]


def _messages(start: bytes, first: int, end: int, short: bool) -> Iterator[Message]:
    """Yield the messages of a header (IV.A.1).

    Version 1: type 2 bytes, size 2, flags 1, reserved 3. Version 2: type 1, size 2, flags 1.
    """
    kind_bytes, prefix = (1, 4) if short else (2, 8)
    while end - first >= prefix:
        kind = int.from_bytes(start[first : first + kind_bytes], "little")
        size = int.from_bytes(start[first + kind_bytes : first + kind_bytes + 2], "little")
        content = slice(first + prefix, first + prefix + size)
        if content.stop > end:
            _leave("length of a message")
        yield Message(kind, start[first + kind_bytes + 2], content)
        first = content.stop


def _header(
    whole: bytes, messages: list[Message], varying: list[slice], has_checksum: bool
) -> Header:
    """Return a header of plain messages only, one of each kind."""
    kinds = [message.kind for message in messages if message.kind != NIL]
    if len(set(kinds)) != len(kinds) or not {LAYOUT} <= set(kinds) <= PLAIN:
        _leave("messages")
    if any(message.flags & SHARED_FLAG for message in messages):
        _leave("shared message")
    layout = next(message.content for message in messages if message.kind == LAYOUT)
    numbers, is_compact = _numbers(whole, layout)
    for message in messages:
        if message.kind == NIL:
            varying.append(message.content)
        elif message.kind == MODIFICATION_TIME:  # version 1 byte, reserved 3, seconds 4 (IV.A.2.s)
            varying.append(slice(message.content.start + 4, message.content.stop))
    pattern = np.frombuffer(whole, np.uint8)
    return Header(pattern, (*varying, numbers), numbers, is_compact, has_checksum)


def _numbers(whole: bytes, layout: slice) -> tuple[slice, bool]:
    """Return where a data layout message (IV.A.2.i) of version 3 or 4 leads to, and if by itself.

    Version 1 byte, layout class 1; contiguous: address 8, size 8; compact: size 2, the numbers.
    """
    version, kind = (whole[layout][:2] + b"\0\0")[:2]
    first = layout.start + 2
    if version in (3, 4) and kind == CONTIGUOUS:
        numbers = slice(first, first + ADDRESS_BYTES)
    elif version in (3, 4) and kind == COMPACT:
        size = int.from_bytes(whole[first : first + 2], "little")
        numbers = slice(first + 2, first + 2 + size)
    else:
        _leave("data layout")
    if numbers.stop > layout.stop:
        _leave("length of a data layout")
    return numbers, kind == COMPACT


def locate_numbers(
    memory: Bytes,
    headers: UInt64[np.ndarray, " n"],
    header: Header,
    row_bytes: int,
    release: Callable[[], object],
) -> Int64[np.ndarray, " n"]:
    """Return where the `row_bytes` numbers of each data set begin, all within `memory`.

    Args:
        memory: The file up to its end-of-file address.
        headers: Address of each data set's header.
        header: The header of one of them.
        row_bytes: Bytes of its numbers.
        release: Called now and then, to let go of the pages that were touched.

    Raises:
        UnfamiliarError: A header differs from the pattern, or an address leads out of the file.
    """
    length = len(header.pattern)
    places = _inside(headers, memory, length)
    if header.is_compact:
        addresses = headers + np.uint64(header.numbers.start)
    else:
        addresses = np.empty(len(places), np.uint64)
    order = np.argsort(places)  # so that each page of the file is touched once
    rows = max(1, BLOCK_BYTES // length)
    for start in range(0, len(places), rows):
        chosen = order[start : start + rows]
        blocks = sliding_window_view(memory, length)[places[chosen]]
        _require_agreement(blocks, header)
        if not header.is_compact:
            addresses[chosen] = np.ascontiguousarray(blocks[:, header.numbers]).view("<u8")[:, 0]
        release()
    return _inside(addresses, memory, row_bytes)


def _require_agreement(blocks: UInt8[np.ndarray, "n b"], header: Header) -> None:
    """Require headers to be the pattern but for what may vary, and to have sound checksums."""
    differing = np.bitwise_or.reduce(blocks ^ header.pattern, axis=0)
    for part in header.varying:
        differing[part] = 0
    if differing.any():
        _leave("header unlike the first")
    if header.has_checksum and not checksums_agree(blocks):
        _leave("checksum")


def _inside(
    addresses: UInt64[np.ndarray, " n"], memory: Bytes, length: int
) -> Int64[np.ndarray, " n"]:
    """Return addresses of `length` bytes each that all stand in the file."""
    if length > len(memory) or (addresses > np.uint64(len(memory) - length)).any():
        _leave("address")
    return addresses.astype(np.int64)


def _leave(what: str) -> NoReturn:
    """Leave a file to libhdf5."""
    raise UnfamiliarError(what)
