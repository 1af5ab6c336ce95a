"""What this machine can do at most: matrix products of three kinds, and memory bandwidth.

    python benchmarks/roofline.py [--threads 2] [--seconds 2]

Each figure is the best of several runs, measured in a process of its own, on one core and on all.
The shapes are those of the network in benchmarks/training.py at 1,024 proteins a batch, beside a
large square.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from measuring import in_own_process, machine, markdown

from arginator.onnx_graphs import serialize_integer_product

Shape = tuple[int, int, int]  # rows, inputs and outputs of a product

SHAPES: tuple[Shape, ...] = ((2048, 2048, 2048), (1024, 1024, 256), (1024, 256, 128))
SQUARE = SHAPES[0]
KINDS = {"sgemm": torch.float32, "bf16": torch.bfloat16}
STREAM_NUMBERS = 2**25  # 128 MiB of float32 an array, far more than any cache


def best_seconds(work: Callable[[], object], seconds: float) -> float:
    """Return the shortest time of `work`, repeated for `seconds`; at least once."""
    times: list[float] = []
    while not times or sum(times) < seconds:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def torch_product(kind: str, shape: Shape, threads: int, seconds: float) -> float:
    """Return GFLOP/s of torch's product in the type of `kind`."""
    torch.set_num_threads(threads)
    rows, inputs, outputs = shape
    left = torch.randn(rows, inputs).to(KINDS[kind])
    right = torch.randn(inputs, outputs).to(KINDS[kind])
    product = torch.empty(rows, outputs, dtype=KINDS[kind])
    best = best_seconds(lambda: torch.mm(left, right, out=product), seconds)
    return 2e-9 * rows * inputs * outputs / best


def integer_product(_: str, shape: Shape, threads: int, seconds: float) -> float:
    """Return GOP/s of ONNX Runtime's product of 8-bit vectors and 7-bit weights."""
    import onnxruntime

    rows, inputs, outputs = shape
    rng = np.random.default_rng(0)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    weight = rng.integers(-63, 64, (inputs, outputs), dtype=np.int8)
    session = onnxruntime.InferenceSession(
        serialize_integer_product(weight), options, providers=["CPUExecutionProvider"]
    )
    vectors = {"vectors": rng.integers(1, 256, (rows, inputs), dtype=np.uint8)}
    best = best_seconds(lambda: session.run(None, vectors), seconds)
    return 2e-9 * rows * inputs * outputs / best


def numpy_copy(threads: int, seconds: float) -> float:
    """Return GB/s read and written by NumPy's copy, which uses one core whatever `threads` is."""
    source = np.ones(STREAM_NUMBERS, dtype=np.float32)
    target = np.empty_like(source)
    return 2e-9 * source.nbytes / best_seconds(lambda: np.copyto(target, source), seconds)


def triad(threads: int, seconds: float) -> float:
    """Return GB/s read and written by STREAM's triad a = b + s × c in torch.

    References:
        McCalpin 1995, IEEE TCCA Newsletter, https://www.cs.virginia.edu/stream
    """
    torch.set_num_threads(threads)
    left, right = torch.ones(2, STREAM_NUMBERS).unbind()
    total = torch.empty(STREAM_NUMBERS)
    best = best_seconds(lambda: torch.add(left, right, alpha=3.0, out=total), seconds)
    return 3e-9 * total.nbytes / best


def product_rows(threads: int, seconds: float) -> list[tuple[str, ...]]:
    """Return a row for each kind of product and shape."""
    rows: list[tuple[str, ...]] = []
    for kind in (*KINDS, "int8"):
        work = integer_product if kind == "int8" else torch_product
        for shape in SHAPES:
            one = in_own_process(work, kind, shape, 1, seconds)
            every = in_own_process(work, kind, shape, threads, seconds)
            name = f"{kind} {' × '.join(map(str, shape))}"
            unit = "GOP/s" if kind == "int8" else "GFLOP/s"
            rows.append((name, unit, f"{one:,.1f}", f"{every:,.1f}"))
    return rows


def bandwidth_rows(threads: int, seconds: float) -> list[tuple[str, ...]]:
    """Return a row for each way to move memory."""
    copied = in_own_process(numpy_copy, 1, seconds)
    one, every = (in_own_process(triad, cores, seconds) for cores in (1, threads))
    return [
        ("memory, NumPy copy", "GB/s", f"{copied:.1f}", "–"),
        ("memory, triad", "GB/s", f"{one:.1f}", f"{every:.1f}"),
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="all cores")
    parser.add_argument("--seconds", type=float, default=2.0, help="spent on each figure")
    args = parser.parse_args(argv)
    rows = product_rows(args.threads, args.seconds) + bandwidth_rows(args.threads, args.seconds)
    print(machine() + "\n")
    print(markdown(("peak", "unit", "one core", f"{args.threads} cores"), rows))


if __name__ == "__main__":
    main()
