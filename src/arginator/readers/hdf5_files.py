"""Vectors in HDF5: one data set a protein, or a matrix with names.

Files may come from strangers, so nothing that leads out of the file is followed: links other than
hard ones, virtual data sets and external storage (which returns any file of the machine as
numbers) are refused by name, on the header.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5l, h5o, h5s
from jaxtyping import Shaped

from arginator.errors import DataError
from arginator.readers.hdf5_vectors import DAMAGE, find_plain_vectors
from arginator.readers.vector_checks import (
    BATCH_ROWS,
    Batch,
    Inspection,
    check_ids_match,
    kept_type,
    naming_damage,
    refuse_bomb,
    require_floats,
)

ID_ATTRIBUTE = "original_id"
MATRIX, NAMES = "matrix of numbers", "column of text"
MAX_CHUNK_BYTES = 256 * 2**20


def read_hdf5(inspection: Inspection, matrix: str | None, names: str | None) -> Iterator[Batch]:
    """Yield the vectors of an HDF5 file in batches.

    Without `matrix` each data set is a protein. Its id is its path without the leading '/',
    verbatim, unless it has a text attribute `original_id`, as bio_embeddings and biotrainer write
    (their data sets are named by a running number or hash). With `matrix` or `names`, or if the
    file holds nothing but the two, vectors are the rows of the data set `matrix` and ids stand in
    `names`; one that is not given is the only data set of numbers with two dimensions, or of text
    with one.

    Raises:
        DataError: The file is damaged, leads out of itself or holds something else.
    """
    path = inspection.path
    plain = None if matrix or names else find_plain_vectors(path)
    if plain is not None and inspection.width in (None, plain.width):
        yield from plain.batches()
        return
    with naming_damage(path, OSError):
        file = h5py.File(path, "r")
    with file:
        if matrix or names or _is_pair(file.id, path):
            yield from _matrix(file.id, path, matrix, names)
        else:
            yield from _one_a_protein(file.id, inspection)


def _one_a_protein(root: h5g.GroupID, inspection: Inspection) -> Iterator[Batch]:
    """Yield vectors that are a data set each."""
    ids: list[str] = []
    rows: list[Shaped[np.ndarray, " d"]] = []
    for name, data_set in _data_sets(root, inspection.path):
        _check_header(data_set, inspection.path, name)
        with naming_damage(inspection.path, *DAMAGE):
            protein = _original_id(data_set, inspection.path) or name
            if inspection.fits(protein, data_set.shape):
                ids.append(protein)
                rows.append(_read_vector(data_set))
        if len(ids) == BATCH_ROWS:
            yield ids, np.stack(rows)
            ids, rows = [], []
    if ids:
        yield ids, np.stack(rows)


def _is_pair(root: h5g.GroupID, path: Path) -> bool:
    """Tell whether a file holds a matrix, a column of text and nothing else."""
    first = [_kind(data, path) for _, data in islice(_data_sets(root, path), 3)]
    return sorted(first) == sorted([MATRIX, NAMES])


def _kind(data_set: h5d.DatasetID, path: Path) -> str:
    """Return `MATRIX`, `NAMES` or, for anything else, nothing."""
    with naming_damage(path, *DAMAGE):
        dimensions = len(data_set.shape or ())
        try:
            dtype = data_set.dtype
        except TypeError:
            return ""
    if h5py.check_string_dtype(dtype) is not None:
        return NAMES if dimensions == 1 else ""
    return MATRIX if dimensions == 2 and dtype.kind in "fiu" else ""


def _choose(
    found: dict[str, h5d.DatasetID], name: str | None, kind: str, key: str, path: Path
) -> str:
    """Return the name of the data set to read."""
    if name is not None and name.strip("/") not in found:
        raise DataError(path, f"holds no data set {name!r}", f"correct {key!r}")
    if name is not None:
        return name.strip("/")
    fitting = [other for other, data in found.items() if _kind(data, path) == kind]
    if len(fitting) != 1:
        problem = f"holds {len(fitting)} data sets that are a {kind}, expected 1"
        raise DataError(path, problem, f"name the one to read under {key!r}")
    return fitting[0]


def _matrix(
    root: h5g.GroupID, path: Path, matrix: str | None, names: str | None
) -> Iterator[Batch]:
    """Yield the rows of one data set, with the ids that another holds."""
    found = dict(_data_sets(root, path))
    matrix = _choose(found, matrix, MATRIX, "matrix", path)
    names = _choose(found, names, NAMES, "names", path)
    vectors, labels = found[matrix], found[names]
    _check_header(vectors, path, matrix)
    with naming_damage(path, *DAMAGE):
        shape, stored = vectors.shape, vectors.get_storage_size()
        claimed = math.prod(shape) * vectors.dtype.itemsize
    if len(shape) != 2:
        problem = f"{matrix!r} has {len(shape)} dimensions, expected one row a protein"
        raise DataError(path, problem, "correct 'matrix'")
    refuse_bomb(path, repr(matrix), claimed, stored)
    rows = shape[0]
    ids = _read_names(labels, path, names, rows)
    for start in range(0, rows, BATCH_ROWS):
        with naming_damage(path, *DAMAGE):
            batch = h5py.Dataset(vectors)[start : start + BATCH_ROWS]
        yield ids[start : start + BATCH_ROWS], batch


def _data_sets(root: h5g.GroupID, path: Path) -> Iterator[tuple[str, h5d.DatasetID]]:
    """Yield every data set below `root` with its path, in a fixed order."""
    groups, seen = [("", root)], {_address(root, path)}
    while groups:
        prefix, group = groups.pop()
        with naming_damage(path, *DAMAGE):
            members = list(group)
        for member in members:
            name = prefix + _decode(member, path)
            item = _open(group, member, path, name)
            if isinstance(item, h5d.DatasetID):
                yield name, item
            elif isinstance(item, h5g.GroupID):
                address = _address(item, path)
                if address in seen:
                    raise _refusal(path, f"group {name!r} is reached twice (a loop of links)")
                seen.add(address)
                groups.append((f"{name}/", item))


def _address(group: h5g.GroupID, path: Path) -> int:
    """Return where in the file a group stands; links to the same group share it."""
    with naming_damage(path, *DAMAGE):
        return int(h5o.get_info(group).addr)


def _open(group: h5g.GroupID, member: bytes, path: Path, name: str) -> object:
    """Open a member of `group` that stands in the file itself."""
    with naming_damage(path, *DAMAGE):
        kind = group.links.get_info(member).type
    if kind != h5l.TYPE_HARD:
        what = {h5l.TYPE_SOFT: "a soft", h5l.TYPE_EXTERNAL: "an external"}.get(kind, "a custom")
        raise _refusal(path, f"{name!r} is {what} link")
    with naming_damage(path, *DAMAGE):
        return h5o.open(group, member)


def _check_header(data_set: h5d.DatasetID, path: Path, name: str) -> None:
    """Refuse a data set whose numbers are not floats or stand elsewhere."""
    with naming_damage(path, *DAMAGE):
        plan = data_set.get_create_plist()
        layout = plan.get_layout()
        if layout == h5d.VIRTUAL:
            raise _refusal(path, f"{name!r} is a virtual data set")
        if plan.get_external_count():
            raise _refusal(path, f"{name!r} has external storage")
        chunk = plan.get_chunk() if layout == h5d.CHUNKED else ()
        try:
            dtype = data_set.dtype
        except TypeError:
            dtype = "unknown to numpy"
    require_floats(dtype, path, f"data set {name!r}")
    if math.prod(chunk) * dtype.itemsize > MAX_CHUNK_BYTES:
        raise _refusal(path, f"{name!r} has chunks of more than {MAX_CHUNK_BYTES:,} bytes")


def _read_vector(data_set: h5d.DatasetID) -> Shaped[np.ndarray, " d"]:
    """Read a data set of shape (d,) or (1, d)."""
    vector = np.empty(data_set.shape, kept_type(data_set.dtype))
    data_set.read(h5s.ALL, h5s.ALL, vector)
    return vector.reshape(-1)


def _original_id(data_set: h5d.DatasetID, path: Path) -> str | None:
    """Return the id that the embedding program kept as an attribute, if any."""
    if not h5a.exists(data_set, ID_ATTRIBUTE.encode()):
        return None
    attribute = h5a.open(data_set, ID_ATTRIBUTE.encode())
    if attribute.shape != () or h5py.check_string_dtype(attribute.dtype) is None:
        raise DataError(
            path,
            f"attribute {ID_ATTRIBUTE!r} is no text but {attribute.dtype}",
            "write the protein's id there or remove it",
        )
    value = h5py.Dataset(data_set).attrs[ID_ATTRIBUTE]
    return _decode(value, path) if isinstance(value, bytes) else str(value)


def _read_names(data_set: h5d.DatasetID, path: Path, name: str, rows: int) -> list[str]:
    """Read the ids of a matrix of `rows` rows."""
    with naming_damage(path, *DAMAGE):
        plan = data_set.get_create_plist()
        if plan.get_layout() == h5d.VIRTUAL or plan.get_external_count():
            raise _refusal(path, f"{name!r} stands outside the file")
        dtype, shape = data_set.dtype, data_set.shape
    if h5py.check_string_dtype(dtype) is None or len(shape) != 1:
        raise DataError(path, f"{name!r} is no column of text but {dtype}", "correct 'names'")
    check_ids_match(path, shape[0], rows)
    refuse_bomb(path, repr(name), rows * dtype.itemsize, data_set.get_storage_size())
    with naming_damage(path, *DAMAGE):
        return [_decode(value, path) for value in h5py.Dataset(data_set)[()]]


def _decode(name: bytes, path: Path) -> str:
    """Return a name as text."""
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(path, f"the name {name!r} is no UTF-8", "export it again") from None


def _refusal(path: Path, problem: str) -> DataError:
    """Return the error for what must not be followed."""
    return DataError(path, f"{problem}, which is not followed", "write the vectors into the file")
