"""HDF5 files that hold one plain data set a protein, read without opening each data set.

libhdf5 lists the links of the root group with the addresses that they lead to, and explains the
first data set; the headers of the others are compared with its bytes. What is left is a table of
addresses, from which numbers are copied. Some fifty times as fast as opening data set by data set.
"""

from __future__ import annotations

import mmap
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from operator import lt
from pathlib import Path

import h5py
import numpy as np
from h5py import h5, h5a, h5d, h5f, h5g, h5l, h5o, h5p, h5t
from jaxtyping import Int64, UInt64
from numpy.lib.stride_tricks import sliding_window_view

from arginator.readers.hdf5_headers import (
    Header,
    UnfamiliarError,
    end_of_file,
    locate_numbers,
    parse_header,
)
from arginator.readers.vector_checks import BATCH_ROWS, MAX_WIDTH, Batch, cast

DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError)
FLOAT_BYTES = (2, 4, 8)
BATCHES_A_MAPPING = 8


@dataclass(frozen=True)
class PlainVectors:
    """Vectors of n proteins that stand as they are in a mapped file.

    Attributes:
        ids: The proteins, in libhdf5's order.
        addresses: Where the vector of each begins.
        dtype: Type of the numbers.
        width: Numbers in a vector, d.
        mapping: The file.
    """

    ids: list[str]
    addresses: Int64[np.ndarray, " n"]
    dtype: np.dtype[np.generic]
    width: int
    mapping: mmap.mmap

    def batches(self) -> Iterator[Batch]:
        """Yield the vectors; no more of the file stays in memory than a few batches touch."""
        memory = np.frombuffer(self.mapping, np.uint8)
        rows = sliding_window_view(memory, self.width * self.dtype.itemsize)
        for number, start in enumerate(range(0, len(self.ids), BATCH_ROWS), 1):
            chosen = slice(start, start + BATCH_ROWS)
            yield self.ids[chosen], cast(rows[self.addresses[chosen]].view(self.dtype))
            if number % BATCHES_A_MAPPING == 0:
                self.mapping.madvise(mmap.MADV_DONTNEED)


def find_plain_vectors(path: Path) -> PlainVectors | None:
    """Return the vectors of a file, or None unless all of it is plain and sound.

    Plain are links of the root group to data sets of the same shape, (d,) or (1, d), and type,
    IEEE floats of 16, 32 or 64 bits, contiguous or compact, without attributes and filters. The
    file is closed again: what libhdf5 keeps of a damaged one would change what it says next.
    """
    try:
        with h5py.File(path, "r") as file:
            return _plain_vectors(file.id)
    except (UnfamiliarError, *DAMAGE):
        return None


def _plain_vectors(file: h5f.FileID) -> PlainVectors:
    """Return the vectors of a file.

    Raises:
        UnfamiliarError: The file is not plain.
    """
    mapping = mmap.mmap(file.get_vfd_handle(), 0, access=mmap.ACCESS_READ)
    whole = np.frombuffer(mapping, np.uint8)
    memory = whole[: end_of_file(whole)]
    names, headers = _links(h5g.open(file, b"/"))
    header = parse_header(memory, int(headers[0]))
    first = _explained(file, names[0], header)
    width, row_bytes = first.shape[-1], first.get_storage_size()
    release = partial(mapping.madvise, mmap.MADV_DONTNEED)
    addresses = locate_numbers(memory, headers, header, row_bytes, release)
    ids = [name.decode("utf-8") for name in names]
    return PlainVectors(ids, addresses, first.dtype, width, mapping)


def _links(root: h5g.GroupID) -> tuple[list[bytes], UInt64[np.ndarray, " n"]]:
    """Return the names in a group, as h5py orders them, and the headers' addresses."""
    names: list[bytes] = []
    addresses = array("Q")

    def take(name: bytes, link: h5l.LinkInfo) -> bool | None:
        if link.type != h5l.TYPE_HARD:
            return True  # ends the iteration
        names.append(name)
        addresses.append(link.u)
        return None

    h5o.get_info(root)  # fails where a part of the group is damaged that a listing never reads
    is_by_age = root.get_create_plist().get_link_creation_order() & h5p.CRT_ORDER_TRACKED
    order = h5.INDEX_CRT_ORDER if is_by_age else h5.INDEX_NAME
    stopped, _ = root.links.iterate(take, idx_type=order, info=True)
    if stopped or not names:
        raise UnfamiliarError("link")
    if not is_by_age and not all(map(lt, names, names[1:])):
        raise UnfamiliarError("names out of order, so some are damaged")
    return names, np.frombuffer(addresses, np.uint64)


def _explained(file: h5f.FileID, name: bytes, header: Header) -> h5d.DatasetID:
    """Return a data set after libhdf5 has read its header just as it was parsed."""
    data_set = h5o.open(file, name)
    if not isinstance(data_set, h5d.DatasetID):
        raise UnfamiliarError("group or named type")
    if not (_holds_a_row(data_set) and _stands_as_parsed(data_set, header)):
        raise UnfamiliarError("data set")
    return data_set


def _holds_a_row(data_set: h5d.DatasetID) -> bool:
    """Tell whether a data set is d floats of a common type, in one dimension or one row."""
    shape, dtype = data_set.shape, data_set.dtype
    if dtype.kind != "f" or dtype.itemsize not in FLOAT_BYTES:
        return False
    is_row = len(shape) == 1 or (len(shape) == 2 and shape[0] == 1)
    exact = data_set.get_type() == h5t.py_create(dtype)  # numpy has no word for odd floats
    return is_row and 1 <= shape[-1] <= MAX_WIDTH and exact


def _stands_as_parsed(data_set: h5d.DatasetID, header: Header) -> bool:
    """Tell whether libhdf5 finds the numbers where the header says, and nothing to do to them."""
    plan = data_set.get_create_plist()
    stored = data_set.get_storage_size()
    if plan.get_nfilters() or plan.get_external_count() or h5a.get_num_attrs(data_set):
        return False
    if stored != data_set.shape[-1] * data_set.dtype.itemsize:
        return False
    field = header.pattern[header.numbers]
    if header.is_compact:
        return bool(plan.get_layout() == h5d.COMPACT and len(field) == stored)
    address = int.from_bytes(field.tobytes(), "little")
    return bool(plan.get_layout() == h5d.CONTIGUOUS and data_set.get_offset() == address)
