"""Time and memory of `arginator predict` on a file of Swiss-Prot's size, beside ARGinator's way.

    python benchmarks/prediction.py [--proteins 570000]

The input is an HDF5 file with a float16 data set a protein, as UniProt hands them out, made in a
temporary folder and read once into the page cache. The models are those in `models`; each row of
the table is a process of its own, measured from its start to its end with imports, checks and the
file that it writes, the median of three. The peer reads `f[key][:]` into a list of tuples and asks
one float32 network of the shipped shape by a DataLoader with batches of 32; it writes nothing.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from measuring import ROOT, in_own_process, machine, markdown, peak_mib
from reading import write_hdf5

SWISS_PROT, RUNS = 570_000, 3
COMMANDS: dict[str, tuple[str, ...]] = {
    "one task": ("--task", "binary", "--no-neighbours"),
    "both tasks": ("--no-neighbours",),
    "both tasks, as TSV": ("--no-neighbours", "--format", "tsv"),
    "both tasks, novelty and neighbours": (),
}
Figure = tuple[float, float]  # seconds, MiB


def run_command(path: Path, options: Sequence[str]) -> Figure:
    """Run `arginator predict` and return its wall time and its peak memory."""
    output = path.with_name("calls")
    words = [str(Path(sys.executable).with_name("arginator")), "predict", str(path)]
    words += ["--output", str(output), "--force", "--format", "parquet", *options]
    start = time.perf_counter()
    subprocess.run(words, check=True, cwd=ROOT)
    seconds = time.perf_counter() - start
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def run_peer(path: Path, width: int) -> Figure:
    """Run ARGinator's procedure for one task; imports are not counted, in its favour."""
    from peers.arginator_style import predict_file
    from peers.contest import shipped_params

    from arginator.ffnn import build_network

    network = build_network(shipped_params().model, width, 2)
    start = time.perf_counter()
    predict_file(path, network)
    return time.perf_counter() - start, peak_mib()


def median_of(figures: Iterable[Figure]) -> Figure:
    """Return the median time and the median memory."""
    seconds, memory_mib = zip(*figures, strict=True)
    return median(seconds), median(memory_mib)


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--proteins", type=int, default=SWISS_PROT)
    parser.add_argument("--width", type=int, default=1024)
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "per-protein.h5"
        in_own_process(write_hdf5, path, "earliest", args.proteins, args.width)
        with path.open("rb") as file:
            while file.read(2**24):
                pass
        found = {
            name: median_of(in_own_process(run_command, path, options) for _ in range(RUNS))
            for name, options in COMMANDS.items()
        }
        peer = in_own_process(run_peer, path, args.width)
    found["ARGinator's procedure, one task"] = peer
    rows = []
    for name, (seconds, memory) in found.items():
        row = (f"{seconds:.1f}", f"{args.proteins / seconds:,.0f}", f"{memory:,.0f}")
        rows.append((name, *row, f"{peer[0] / seconds:.1f}"))
    print(f"{args.proteins:,} proteins, width {args.width}, float16; {machine()}\n")
    print(markdown(("procedure", "s", "proteins/s", "peak MiB", "times as fast"), rows))
    twice = 2 * peer[0] / found["both tasks"][0]
    print(f"\nboth tasks against the peer's procedure for one and then the other: {twice:.1f} ×")


if __name__ == "__main__":
    main()
