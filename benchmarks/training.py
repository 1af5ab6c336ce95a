"""Time to train, and what it is worth: this project beside what people would otherwise use.

    python benchmarks/training.py [--proteins 45500] [--epochs 5] [--runs 3] [--mcc 0.9]
                                  [--only NAME ...] [--biotrainer PYTHON]
                                  [--prepared data/prepared.parquet --splits data/splits.parquet]

All get the same folds of the multiclass task. Those with torch train the same network,
1024 → 256 → 128 → k, with the other settings of params.yaml; boosting and logistic regression have
no epochs, and biotrainer trains a smaller network of its own. Without files, protein families are
simulated, embedded and split as params.yaml says; training keeps `--proteins` of them. Every peer
runs in a process of its own, takes part once on few proteins to warm up, and is timed from vectors
in memory to the last epoch judged on the validation fold. Runs are interleaved; figures are
medians.

Columns: seconds; proteins × epochs by processor seconds; GFLOP by processor second, and that as a
share of torch's sgemm measured before each run; seconds to reach the lowest of all final validation
MCC of the run, or `--mcc`; MCC and macro-F1 on the test fold; peak memory of the largest process,
vectors included. What counts as GFLOP are the products: six a weight and protein, four for those of
the first layer, two for a validation protein.
"""

from __future__ import annotations

import argparse
import importlib
import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from measuring import core_seconds, in_own_process, machine, markdown, peak_mib

NETWORK = (256, 128)
BIOTRAINER_NETWORK = (128, 64, 32)
WARM_UP_PROTEINS = 20  # of each class
SGEMM_SIDE = 2048
SGEMM_REPEATS = 20
HEADER = (
    "training",
    "s",
    "proteins/core-s",
    "GFLOP/core-s",
    "of sgemm",
    "s to MCC",
    "test MCC",
    "test macro-F1",
    "peak MiB",
)


@dataclass(frozen=True)
class Entrant:
    """Who takes part.

    Attributes:
        module: Module of `peers`.
        function: Function in it.
        hidden: Neurons in its hidden layers, empty if it has none.
        passes: Whether it goes through the training fold once an epoch.
        warm: Whether it runs on few proteins first.
    """

    module: str
    function: str
    hidden: tuple[int, ...] = NETWORK
    passes: bool = True
    warm: bool = True


ENTRANTS = {
    "arginator": Entrant("ours", "train_arginator"),
    "bare loop": Entrant("plain_loop", "train_bare_loop"),
    "plain loop, batch 512": Entrant("plain_loop", "train_plain_loop"),
    "plain loop, batch 32": Entrant("plain_loop", "train_small_batches"),
    "ARGinator-style": Entrant("arginator_style", "train_arginator_style"),
    "biotrainer": Entrant("biotrainer_run", "train_biotrainer", BIOTRAINER_NETWORK, warm=False),
    "MLPClassifier": Entrant("scikit_learn", "train_perceptron"),
    "LogisticRegression": Entrant("scikit_learn", "train_logistic_regression", (), passes=False),
    "LightGBM": Entrant("boosting", "train_boosting", (), passes=False),
}


@dataclass(frozen=True)
class Result:
    """One run of one entrant; `missing` says what to install if it could not take part."""

    missing: str = ""
    seconds: float = 0.0
    core_seconds: float = 0.0
    history: tuple[tuple[float, float], ...] = ()
    gflop: float = 0.0
    mcc: float = 0.0
    macro_f1: float = 0.0
    peak_mib: float = 0.0


def measure(name: str, folder: Path, epochs: int, seed: int, biotrainer: Path | None) -> Result:
    """Train one entrant in this process and judge it on the test fold."""
    from peers.contest import Budget, NotInstalledError
    from peers.folds import read_folds

    from arginator.metrics import classification_report

    entrant, data = ENTRANTS[name], read_folds(folder)
    train = getattr(importlib.import_module(f"peers.{entrant.module}"), entrant.function)
    try:
        if entrant.warm:
            train(data.first_of_each_class(WARM_UP_PROTEINS), Budget(1, seed, biotrainer))
        start, core_start = time.perf_counter(), core_seconds()
        fit = train(data, Budget(epochs, seed, biotrainer))
        cost = time.perf_counter() - start, core_seconds() - core_start
    except NotInstalledError as reason:
        return Result(missing=str(reason))
    seconds, core = fit.cost or cost
    probability = fit.predict(data.test.vectors)
    report = classification_report(data.test.target, probability, data.classes, binary=False)
    widths = (data.train.vectors.shape[1], *entrant.hidden, len(data.classes))
    proteins = len(data.train.target), len(data.validation.target)
    return Result(
        seconds=seconds,
        core_seconds=core,
        history=tuple(fit.history),
        gflop=epochs * gflop_of_epoch(widths, *proteins) if entrant.hidden else 0.0,
        mcc=report["mcc"],
        macro_f1=report["macro_f1"],
        peak_mib=peak_mib(),
    )


def gflop_of_epoch(widths: Sequence[int], train: int, validation: int) -> float:
    """Return 1e9 operations of the products of one epoch.

    >>> gflop_of_epoch((1000, 100, 10), 1_000_000, 0)
    406.0
    """
    weights = [inputs * outputs for inputs, outputs in pairwise(widths)]
    total = sum(weights)
    return ((6 * total - 2 * weights[0]) * train + 2 * total * validation) / 1e9


def sgemm_rate() -> float:
    """Return torch's GFLOP by processor second in the product of two large squares."""
    import torch

    left, right = torch.randn(2, SGEMM_SIDE, SGEMM_SIDE).unbind()
    product = torch.mm(left, right)
    start = core_seconds()
    for _ in range(SGEMM_REPEATS):
        torch.mm(left, right, out=product)
    return 2e-9 * SGEMM_SIDE**3 * SGEMM_REPEATS / (core_seconds() - start)


def seconds_to(target: float, result: Result) -> float:
    """Return when a run first reached an MCC; infinite if it never did.

    >>> seconds_to(0.5, Result(history=((1.0, 0.4), (2.0, 0.6))))
    2.0
    """
    return next((seconds for seconds, mcc in result.history if mcc >= target), math.inf)


def lowest_final(results: Sequence[Result]) -> float:
    """Return the lowest final validation MCC of those who took part."""
    return min(result.history[-1][1] for result in results if result.history)


def row(
    name: str,
    results: Sequence[Result],
    targets: Sequence[float],
    work: int,
    sgemm: float,
) -> tuple[str, ...]:
    """Return a row of the table; `work` is the number of training proteins in all epochs."""
    if results[0].missing:
        return (name, f"not installed: {results[0].missing}", *["–"] * (len(HEADER) - 2))
    core = median(result.core_seconds for result in results)
    rate = results[0].gflop / core
    to_target = median(map(seconds_to, targets, results))
    return (
        name,
        f"{median(result.seconds for result in results):.2f}",
        f"{work / core:,.0f}" if ENTRANTS[name].passes else "–",
        f"{rate:.1f}" if rate else "–",
        f"{rate / sgemm:.0%}" if rate else "–",
        f"{to_target:.2f}" if math.isfinite(to_target) else "never",
        f"{median(result.mcc for result in results):.4f}",
        f"{median(result.macro_f1 for result in results):.4f}",
        f"{median(result.peak_mib for result in results):,.0f}",
    )


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--proteins", type=int, default=45_500, help="to train on, at most")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--mcc", type=float, help="to reach, instead of the lowest final one")
    parser.add_argument("--only", nargs="+", choices=ENTRANTS, default=list(ENTRANTS))
    parser.add_argument("--prepared", type=Path, help="prepared data set instead of a simulated")
    parser.add_argument("--splits", type=Path, help="its folds")
    parser.add_argument("--biotrainer", type=Path, help="Python of an environment that has it")
    args = parser.parse_args(argv)
    if (args.prepared is None) != (args.splits is None):
        parser.error("--prepared and --splits go together")
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table of the entrants."""
    from peers.folds import make_folds

    args = parse(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = in_own_process(make_folds, folder, args.proteins, args.prepared, args.splits)
        results: dict[str, list[Result]] = {name: [] for name in args.only}
        sgemm = []
        for seed in range(args.runs):
            sgemm.append(in_own_process(sgemm_rate))
            for name, runs in results.items():
                if not (runs and runs[0].missing):
                    runs.append(
                        in_own_process(measure, name, folder, args.epochs, seed, args.biotrainer)
                    )
    took_part = [runs for runs in results.values() if not runs[0].missing]
    lowest = [lowest_final(runs) for runs in zip(*took_part, strict=True)]
    targets = lowest if args.mcc is None else [args.mcc] * args.runs
    rate = median(sgemm)
    origin = args.prepared or "simulated families"
    print(machine() + "\n")
    print(f"{origin}: {', '.join(f'{size:,} {fold}' for fold, size in sizes.items())}")
    print(f"{args.epochs} epochs, medians of {args.runs} runs, sgemm {rate:.0f} GFLOP/core-s")
    print(f"MCC to reach {', '.join(f'{target:.4f}' for target in targets)}\n")
    work = args.epochs * sizes["train"]
    rows = [row(name, runs, targets, work, rate) for name, runs in results.items()]
    print(markdown(HEADER, rows))


if __name__ == "__main__":
    main()
