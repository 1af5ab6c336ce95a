"""HDF5 files of vectors in UniProt's layout that say what made them."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
from h5py import h5a

from arginator.errors import DataError
from arginator.readers.hdf5_vectors import DAMAGE
from arginator.readers.vector_checks import naming_damage

EMBEDDER = "embedder"  # the attribute that names it


def write_embedded(batches: Iterator[pa.RecordBatch], facts: Mapping[str, str], path: Path) -> None:
    """Write a data set a protein, float16, and the facts as attributes of the file.

    Args:
        batches: Columns `id` and `vector`, a list of d numbers.
        facts: What made the vectors, the name of the embedder as `embedder`.
        path: The file, replaced.

    Raises:
        OSError: It cannot be written.
    """
    try:
        with h5py.File(path, "w", locking=False) as file:  # `replacing` holds a lock already
            file.attrs.update({name: np.bytes_(fact.encode()) for name, fact in facts.items()})
            for batch in batches:
                matrix = batch.column("vector").flatten().to_numpy().reshape(len(batch), -1)
                for name, vector in zip(batch.column("id").to_pylist(), matrix, strict=True):
                    file[name] = vector
    except RuntimeError as error:  # as HDF5 says on closing that the disk is full
        reason = f"cannot be written ({' '.join(str(error).split())})"
        raise OSError(errno.EIO, reason, str(path)) from None


def read_fact(path: Path, name: str = EMBEDDER) -> str | None:
    """Return a fact that an HDF5 file states about itself; None if it does not.

    Text of variable length, which may stand anywhere in a file, is never read.

    Args:
        path: The file.
        name: Name of the attribute.

    Raises:
        DataError: The file is damaged, or the fact is no text of fixed length.
    """
    with naming_damage(path, *DAMAGE), h5py.File(path, "r") as file:
        if not h5a.exists(file.id, name.encode()):
            return None
        attribute = h5a.open(file.id, name.encode())
        if attribute.shape != () or attribute.dtype.kind != "S":
            problem = f"says {name!r} in another way than as text of fixed length"
            raise DataError(path, problem, f"store it anew as numpy.bytes_, or remove {name!r}")
        said = np.empty((), attribute.dtype)
        attribute.read(said)
        return bytes(said[()]).decode(errors="replace")
