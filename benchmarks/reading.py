"""Time and memory of reading a vector a protein, beside h5py alone.

Run `python benchmarks/reading.py`; `--proteins` and `--width` set the size. Files of float16 are
made in a temporary folder as UniProt's: one data set a protein, names out of order of writing, in
HDF5's old and new format; and as Parquet with the settings of `prepared.parquet`. Each row is
measured in a process of its own, whose peak memory includes the imports and the pages of the file
that are mapped. A file is read again for five seconds, five times at most, after one reading of
its bytes into the page cache; the shortest time counts. The ratio is to `f[key][:]` on the same
format (Parquet: the old one).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from unittest.mock import patch

import h5py
import numpy as np
from jaxtyping import Float16
from measuring import in_own_process, machine, markdown, peak_mib

from arginator.readers import hdf5_files
from arginator.readers.hdf5_files import read_hdf5
from arginator.readers.vector_checks import BATCH_ROWS, Inspection
from arginator.vector_files import read_vectors

FORMATS = {"old": "earliest", "new": "latest"}
SPENT_SECONDS, REPEATS = 5.0, 5
STEP = 7919  # coprime to the number of names


def make_rows(proteins: int, width: int) -> Iterator[tuple[str, Float16[np.ndarray, " d"]]]:
    """Yield names and vectors."""
    numbers = np.random.default_rng(0).standard_normal((1000, width))
    pool = (numbers / np.linalg.norm(numbers, axis=1, keepdims=True)).astype(np.float16)
    for index in range(proteins):
        yield f"A0A{index * STEP % 10_000_019:08}", pool[index % len(pool)]


def write_hdf5(path: Path, libver: str, proteins: int, width: int) -> None:
    """Write one data set a protein."""
    with h5py.File(path, "w", libver=libver) as file:
        for name, vector in make_rows(proteins, width):
            file[name] = vector


def write_parquet(path: Path, proteins: int, width: int) -> None:
    """Write the same as Parquet, batch by batch."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = make_rows(proteins, width)
    kind = pa.list_(pa.float16(), width)
    schema = pa.schema([("id", pa.string()), ("embedding", kind)])
    options = {
        "compression": "zstd",
        "use_dictionary": False,
        "use_byte_stream_split": ["embedding.list.element"],
        "write_page_checksum": True,
    }
    with pq.ParquetWriter(path, schema, **options) as writer:
        for _ in range(0, proteins, BATCH_ROWS):
            batch = [row for _, row in zip(range(BATCH_ROWS), rows, strict=False)]
            flat = pa.array(np.concatenate([vector for _, vector in batch]))
            vectors = pa.FixedSizeListArray.from_arrays(flat, width)
            writer.write_table(pa.table([[name for name, _ in batch], vectors], schema=schema))


def read_by_key(path: Path) -> int:
    """Read as h5py's manual shows."""
    with h5py.File(path) as file:
        return sum(file[key][:].shape[-1] > 0 for key in file)


def read_low_level(path: Path) -> int:
    """Read by h5py's low-level functions alone."""
    from h5py import h5d, h5s

    with h5py.File(path) as file:
        names = list(file.id)
        vector = np.empty(h5d.open(file.id, names[0]).shape, np.float16)
        for name in names:
            h5d.open(file.id, name).read(h5s.ALL, h5s.ALL, vector)
        return len(names)


def read_opening_each(path: Path) -> int:
    """Read as `read_hdf5` reads a file with anything odd in it."""
    with patch.object(hdf5_files, "find_plain_vectors", return_value=None):
        return read_plainly(path)


def read_plainly(path: Path) -> int:
    """Read as `read_hdf5` reads a plain file."""
    return sum(len(ids) for ids, _ in read_hdf5(Inspection(path), None, None))


def read_and_check(path: Path) -> int:
    """Read as the stages do: every id and number is checked."""
    return sum(len(batch.ids) for batch in read_vectors(path))


def measure(method: Callable[[Path], int], path: Path) -> tuple[float, float, int]:
    """Return the shortest time in seconds, the peak memory in MiB and the number of proteins."""
    with path.open("rb") as file:
        while file.read(2**20):
            pass
    times: list[float] = []
    while len(times) < REPEATS and sum(times) < SPENT_SECONDS:
        start = time.perf_counter()
        proteins = method(path)
        times.append(time.perf_counter() - start)
    return min(times), peak_mib(), proteins


METHODS: dict[str, Callable[[Path], int]] = {
    "`f[key][:]`": read_by_key,
    "low-level h5py": read_low_level,
    "read_hdf5, opening each": read_opening_each,
    "read_hdf5": read_plainly,
    "read_vectors": read_and_check,
}


def compare(folder: Path, proteins: int, width: int) -> list[tuple[str, ...]]:
    """Return the rows of the table."""
    cases: list[tuple[str, str, Callable[[Path], int]]] = []
    for name, libver in FORMATS.items():
        in_own_process(write_hdf5, folder / name, libver, proteins, width)
        cases.extend((name, label, method) for label, method in METHODS.items())
    in_own_process(write_parquet, folder / "Parquet", proteins, width)
    cases.append(("Parquet", "read_vectors", read_and_check))
    by_key: dict[str, float] = {}
    table: list[tuple[str, ...]] = []
    for name, label, method in cases:
        seconds, peak_mib, read = in_own_process(measure, method, folder / name)
        if read != proteins:
            raise SystemExit(f"{label} read {read:,} of {proteins:,} proteins")
        if method is read_by_key:
            by_key[name] = seconds
        size_mib = (folder / name).stat().st_size / 2**20
        ratio = by_key.get(name, by_key["old"]) / seconds
        numbers = (f"{seconds:.2f}", f"{proteins / seconds:,.0f}", f"{ratio:.1f}")
        table.append((f"{name}: {label}", *numbers, f"{peak_mib:,.0f}", f"{size_mib:,.0f}"))
    return table


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--proteins", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=1024)
    args = parser.parse_args(argv)
    print(f"{args.proteins:,} proteins, width {args.width}, float16; {machine()}\n")
    with tempfile.TemporaryDirectory() as folder:
        table = compare(Path(folder), args.proteins, args.width)
    print(markdown(("format: reader", "s", "proteins/s", "ratio", "peak MiB", "file MiB"), table))


if __name__ == "__main__":
    main()
