"""Time, memory and speed of the split's comparisons of all pairs, beside torch and scikit-learn.

Run `python benchmarks/similarity.py`; `--proteins` and `--peer-proteins` set the sizes. Each row
is measured in a process of its own, whose peak memory includes the vectors and the imports. Speed
counts two operations a pair and number, for clustering each pair once; beside it stands the share
of what torch's matrix product of blocks as large reaches, measured just before and just after.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float32, Int
from measuring import in_own_process, machine, markdown

MAX_SIMILARITY = 0.5
HELD_OUT = 0.4
TORCH_REPEATS = 100


def make_unit_rows(proteins: int, width: int) -> Float32[np.ndarray, "n d"]:
    """Return unit rows in families of about ten."""
    from arginator.similarity import centre_and_scale

    rng = np.random.default_rng(0)
    centres = rng.standard_normal((max(proteins // 10, 1), width), dtype=np.float32)
    matrix = 0.8 * rng.standard_normal((proteins, width), dtype=np.float32)
    matrix += centres[rng.integers(0, len(centres), proteins)]
    return centre_and_scale(matrix)


def cluster(unit: Float32[np.ndarray, "n d"]) -> Int[np.ndarray, " n"]:
    """Cluster as the stage `split` does."""
    from arginator.similarity import cluster_by_similarity

    return cluster_by_similarity(unit, MAX_SIMILARITY)


def audit(unit: Float32[np.ndarray, "n d"]) -> Int[np.ndarray, " n"]:
    """Find the nearest training protein of each held-out one as the stage `split` does."""
    from arginator.similarity import nearest

    train = int(len(unit) * (1 - HELD_OUT))
    return nearest(unit[train:], unit[:train])[0]


def cluster_with_scikit_learn(unit: Float32[np.ndarray, "n d"]) -> Int[np.ndarray, " n"]:
    """Cluster by scikit-learn's neighbour graph and SciPy's connected components."""
    from scipy.sparse.csgraph import connected_components
    from sklearn.neighbors import radius_neighbors_graph

    graph = radius_neighbors_graph(unit, 1 - MAX_SIMILARITY, metric="cosine")
    return np.asarray(connected_components(graph, directed=False)[1])


def measure(
    method: Callable[[Float32[np.ndarray, "n d"]], Int[np.ndarray, " n"]], proteins: int, width: int
) -> tuple[float, float, int]:
    """Return seconds, peak memory in MiB and the number of distinct answers."""
    unit = make_unit_rows(proteins, width)
    start = time.perf_counter()
    answer = method(unit)
    seconds = time.perf_counter() - start
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return seconds, peak_mib, len(np.unique(answer))


def torch_speed(width: int) -> float:
    """Return the GFLOP/s of torch's product of two blocks, after warming up."""
    import torch

    from arginator.similarity import BLOCK_ROWS

    left, right = torch.randn(2, BLOCK_ROWS, width).unbind()
    product = torch.empty(BLOCK_ROWS, BLOCK_ROWS)
    for repeat in range(TORCH_REPEATS + 3):
        if repeat == 3:
            start = time.perf_counter()
        torch.mm(left, right.T, out=product)
    return TORCH_REPEATS * 2e-9 * BLOCK_ROWS**2 * width / (time.perf_counter() - start)


def comparisons(method: str, proteins: int) -> float:
    """Return how many pairs a method compares."""
    if method == "audit":
        train = int(proteins * (1 - HELD_OUT))
        return float(train * (proteins - train))
    return proteins * (proteins + 1) / 2


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table of the methods."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--proteins", type=int, default=66_000)
    parser.add_argument("--peer-proteins", type=int, default=10_000)
    parser.add_argument("--width", type=int, default=1024)
    args = parser.parse_args(argv)
    rows: list[tuple[str, Callable[..., Int[np.ndarray, " n"]], int]] = [
        ("cluster", cluster, args.proteins),
        ("audit", audit, args.proteins),
        ("cluster", cluster, args.peer_proteins),
        ("scikit-learn radius_neighbors_graph", cluster_with_scikit_learn, args.peer_proteins),
    ]
    table = []
    before = in_own_process(torch_speed, args.width)
    for name, method, proteins in rows:
        seconds, peak_mib, distinct = in_own_process(measure, method, proteins, args.width)
        after = in_own_process(torch_speed, args.width)
        speed = 2e-9 * comparisons(name, proteins) * args.width / seconds
        torch, before = (before + after) / 2, after
        figures = (f"{proteins:,}", f"{seconds:.1f}", f"{peak_mib:,.0f}", f"{distinct:,}")
        table.append((name, *figures, f"{speed:.0f}", f"{torch:.0f}", f"{speed / torch:.0%}"))
    header = ("method", "proteins", "s", "peak MiB", "distinct", "GFLOP/s", "torch", "share")
    print(machine() + "\n")
    print(markdown(header, table))


if __name__ == "__main__":
    main()
