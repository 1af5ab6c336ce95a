"""Files of ready protein vectors: HDF5, Parquet, npz, npy with ids, CSV."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from arginator.embeddings import Embeddings
from arginator.errors import DataError
from arginator.readers.hdf5_files import read_hdf5
from arginator.readers.numpy_files import read_npy, read_npz
from arginator.readers.table_files import read_csv, read_parquet
from arginator.readers.vector_checks import Batch, Inspection

Format = Literal["hdf5", "parquet", "npz", "npy", "csv", "pickle"]

SUFFIXES: dict[str, Format] = {
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".hdf": "hdf5",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".npz": "npz",
    ".npy": "npy",
    ".csv": "csv",
    ".tsv": "csv",
    ".pt": "pickle",
    ".pth": "pickle",
    ".ckpt": "pickle",
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".joblib": "pickle",
}
MAGIC: dict[bytes, Format] = {
    b"\x89HDF\r\n\x1a\n": "hdf5",
    b"PAR1": "parquet",
    b"\x93NUMPY": "npy",
    b"\x80\x02": "pickle",
    b"\x80\x03": "pickle",
    b"\x80\x04": "pickle",
    b"\x80\x05": "pickle",
    b"id,": "csv",
    b"id\t": "csv",
    b'"id",': "csv",
    b'"id"\t': "csv",
}
ZIP = b"PK\x03\x04"
SEQUENCES = (b">", b"\x1f\x8b")  # FASTA, plain or gzip
HEAD_BYTES = 1024
KEYS: dict[Format, tuple[str, ...]] = {
    "hdf5": ("matrix", "names"),
    "parquet": ("matrix", "names"),
    "npz": ("matrix", "names"),
    "npy": ("ids",),
}


def vector_format(path: Path) -> Format | None:
    """Return the format that the first bytes of a file tell, or its suffix where they tell nothing.

    None means that it is no file of vectors; it may hold sequences.
    """
    with path.open("rb") as file:
        start = file.read(HEAD_BYTES).removeprefix(codecs.BOM_UTF8)
    if start.startswith(ZIP):
        return _zip_format(start) or SUFFIXES.get(path.suffix.lower())
    if start.lstrip().startswith(SEQUENCES):
        return None
    told = (kind for magic, kind in MAGIC.items() if start.startswith(magic))
    return next(told, None) or SUFFIXES.get(path.suffix.lower())


def _zip_format(start: bytes) -> Format | None:
    """Return what the name of a zip archive's first member tells."""
    length = int.from_bytes(start[26:28], "little")
    member = start[30 : 30 + length]
    if member.endswith(b".npy"):
        return "npz"
    return "pickle" if member.endswith(b".pkl") else None


def refuse_idle_keys(path: Path, **keys: object) -> None:
    """Refuse a key of dataset.yaml that means nothing for the format of a file.

    Args:
        path: The file.
        keys: `matrix`, `names` and `ids` as given; None where a key is not.

    Raises:
        DataError: One is given that the format does not know.
    """
    kind = vector_format(path)
    takes = KEYS.get(kind, ()) if kind else ()
    for key, value in keys.items():
        if value is not None and key not in takes:
            known = [name for name, others in KEYS.items() if key in others]
            problem = f"is {kind or 'FASTA'}, but has {key!r}, which is for {', '.join(known)} only"
            raise DataError(path, problem, f"remove {key!r}")


def read_vectors(
    path: Path,
    *,
    width: int | None = None,
    matrix: str | None = None,
    names: str | None = None,
    ids: Path | None = None,
) -> Iterator[Embeddings]:
    """Yield the vectors of a file in batches, in the order of the file.

    float16 and float32 are kept, other floats become float32. Faulty vectors are counted over the
    whole file, so the error may come after the last batch: use no batch before the end is reached.
    Batches with a fault are left out.

    Args:
        path: A file in one of the formats.
        width: Numbers that each vector must have; None leaves it to the first vector.
        matrix: What holds the vectors: array (HDF5, npz) or column (Parquet).
        names: What holds the ids: array (HDF5, npz) or column (Parquet).
        ids: Text file with one id a line (npy).

    Raises:
        DataError: The file is missing, damaged, hostile or of no known format, or a vector or an
            id in it is faulty.
    """
    _require_content(path)
    refuse_idle_keys(path, matrix=matrix, names=names, ids=ids)
    inspection = Inspection(path, width)
    for names_read, vectors in _open(inspection, matrix, names, ids):
        if (batch := inspection.admit(names_read, vectors)) is not None:
            yield batch
    inspection.close()


def _open(
    inspection: Inspection, matrix: str | None, names: str | None, ids: Path | None
) -> Iterator[Batch]:
    """Return the batches of a file as its format's reader yields them."""
    match vector_format(inspection.path):
        case "hdf5":
            return read_hdf5(inspection, matrix, names)
        case "parquet":
            return read_parquet(inspection, matrix, names)
        case "npz":
            return read_npz(inspection, matrix, names)
        case "npy":
            return read_npy(inspection, ids)
        case "csv":
            return read_csv(inspection)
        case "pickle":
            problem = "is a pickle or a checkpoint, which can run code when read"
        case None:
            problem = "is of no known format"
    raise DataError(
        inspection.path, problem, "save the vectors as HDF5, Parquet, npz, npy with ids or CSV"
    )


def _require_content(path: Path) -> None:
    """Refuse a path that is no file with bytes in it.

    Raises:
        DataError: It is missing, a folder or empty.
    """
    if not path.is_file():
        problem = "is a folder, expected a file" if path.is_dir() else "no such file"
        raise DataError(path, problem, "correct the path or fetch the file")
    if path.stat().st_size == 0:
        raise DataError(path, "is empty (0 bytes)", "fetch or export it again")
