"""Training from a memory-mapped file beside training from memory: speed and resident memory.

    python benchmarks/mapped_training.py [--proteins 45500] [--width 1024] [--epochs 5] [--runs 3]

Random vectors around a centre a class are written as a prepared data set, five sixths of them to
train on and the rest to validate. Each run opens the folds and trains with params.yaml's settings,
with one thread, in a process of its own; runs are interleaved, figures are medians.

Columns: seconds to open the folds; seconds to train; processor seconds of training; proteins x
epochs by processor second, and that as a share of the first line's; MiB of memory beyond that of
the process before it opened the folds: the peak of what is its own (anonymous) and of all that is
resident, pages of the mapped file included, which the system takes back when it needs them.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

import numpy as np
from measuring import core_seconds, in_own_process, machine, markdown

from arginator.console import fix_threads
from arginator.embeddings import Embeddings
from arginator.folds import Folds
from arginator.params import MulticlassTask
from arginator.prepared import Prepared, Provenance, write_prepared
from arginator.tasks import define_task

LABELS = ("A", "B", "C", "D", "non")
SAMPLE_S = 0.01
HEADER = (
    "vectors", "s to open", "s to train", "core-s", "proteins/core-s", "of held", "own MiB",
    "resident MiB",
)  # fmt: skip
Memory = Literal["held", "mapped"]


@dataclass(frozen=True)
class Result:
    """One run; memory in MiB."""

    open_s: float
    train_s: float
    core_s: float
    own_mib: float
    resident_mib: float


def measure(memory: Memory, prepared: Path, folds: Folds, epochs: int) -> Result:
    """Train once in this process."""
    from peers.contest import shipped_params

    from arginator.mapped_folds import open_folds
    from arginator.training import train

    fix_threads(1)
    params = shipped_params()
    settings = params.train.model_copy(update={"epochs": epochs, "patience": epochs})
    before = resident_mib()
    with sampled_memory() as samples:
        start = time.perf_counter()
        with open_folds(prepared, folds, memory) as (training, validation):
            opened, core = time.perf_counter(), core_seconds()
            task = define_task("contest", MulticlassTask(kind="multiclass"), training.about)
            train(training, validation, task, params.model, settings, params.seed)
            ended, core = time.perf_counter(), core_seconds() - core
    peaks = [
        max(values) - old for values, old in zip(zip(*samples, strict=True), before, strict=True)
    ]
    return Result(opened - start, ended - opened, core, *peaks)


def resident_mib() -> tuple[float, float]:
    """Return this process's own and its whole resident memory."""
    text = Path("/proc/self/status").read_text("utf-8")
    kib = {name: int(value) for name, value in re.findall(r"(\w+):\s+(\d+) kB", text)}
    return kib["RssAnon"] / 1024, kib["VmRSS"] / 1024


@contextmanager
def sampled_memory() -> Iterator[list[tuple[float, float]]]:
    """Yield a list that fills with the process's memory until the block ends."""
    samples, stop = [resident_mib()], threading.Event()

    def sample() -> None:
        while not stop.wait(SAMPLE_S):
            samples.append(resident_mib())

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        stop.set()
        thread.join()


def write_data(proteins: int, width: int, path: Path) -> Folds:
    """Write so many proteins to train on, and a fifth of that to validate, and return the folds."""
    random, total = np.random.default_rng(0), proteins + proteins // 5
    centre = random.normal(size=(len(LABELS), width)).astype(np.float32)
    index = random.integers(len(LABELS), size=total)
    matrix = random.standard_normal((total, width), dtype=np.float32)
    matrix += centre[index]
    ids, nothing = tuple(f"P{row:09}" for row in range(total)), (None,) * total
    about = Provenance("random", "", True, "", "", "", "", {label: label for label in LABELS})
    labels = tuple(LABELS[i] for i in index.tolist())
    data = Prepared(Embeddings(ids, matrix), labels, nothing, nothing, nothing, nothing, about)
    write_prepared(data, path)
    fold = tuple("validation" if row % 6 == 5 else "train" for row in range(total))
    return Folds(ids, np.arange(total, dtype=np.int32), fold, np.zeros(total, np.float32))


def row(memory: str, results: Sequence[Result], work: int, held_core_s: float) -> tuple[str, ...]:
    """Return a row of the table; `work` is the number of proteins in all epochs."""
    core = median(result.core_s for result in results)
    return (
        memory,
        f"{median(result.open_s for result in results):.2f}",
        f"{median(result.train_s for result in results):.2f}",
        f"{core:.2f}",
        f"{work / core:,.0f}",
        f"{held_core_s / core:.0%}",
        f"{median(result.own_mib for result in results):,.0f}",
        f"{median(result.resident_mib for result in results):,.0f}",
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table of the two ways."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--proteins", type=int, default=45_500, help="to train on")
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args(argv)
    ways: dict[Memory, list[Result]] = {"held": [], "mapped": []}
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.parquet"
        folds = in_own_process(write_data, args.proteins, args.width, prepared)
        for _ in range(args.runs):
            for memory, results in ways.items():
                results.append(in_own_process(measure, memory, prepared, folds, args.epochs))
    held = median(result.core_s for result in ways["held"])
    print(machine() + "\n")
    print(
        f"{args.proteins:,} proteins of {args.width:,} float32 numbers "
        f"({args.proteins * args.width * 4 / 2**20:,.0f} MiB), {args.epochs} epochs, "
        f"medians of {args.runs} runs\n"
    )
    work = args.epochs * args.proteins
    print(markdown(HEADER, [row(memory, found, work, held) for memory, found in ways.items()]))


if __name__ == "__main__":
    main()
