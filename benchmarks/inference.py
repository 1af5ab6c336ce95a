"""Start-up, latency, throughput, memory and size of every model of a task, in one run.

    python benchmarks/inference.py --task binary [--json FILE] [--figure FILE]

Each model answers in a process of its own, on one thread and again on as many as there are cores.
`start` is the time from an empty process to the first answer with the files in the page cache,
imports included, `then` its memory at that point, `peak` that with the 65,536 vectors. Latency is
of single proteins, throughput of whole batches; both include the checks and the conversion that a
user gets. `of peak` is the share of what one product of that kind reaches in the same run, in
batches of 1,024; proteins a core-second in the JSON count the processor time. The figure shows the
quality of every candidate, from metrics/<task>/compression.json, against its time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32
from measuring import in_own_process, machine, markdown, peak_mib

BATCHES = (32, 1_024, 65_536)
SINGLE_CALLS, WARM_UP = 3_000, 50
EFFORTS = {
    "throughput_us": "µs a protein in batches of 1,024",
    "latency_us": "µs for a protein alone",
}
SECONDS = 0.5  # that each batch size is measured for, and one whole batch at least
TORCH = "torch"
BASELINES = ("logistic_regression", "nearest_neighbour")

Predict = Callable[[Float[np.ndarray, "n d"]], object]


def load(name: str, models: Path, threads: int) -> tuple[Predict, int]:
    """Return what answers for a model, and the width of its vectors; imports what it needs."""
    if name not in (TORCH, *BASELINES):
        from arginator.candidates import candidate_path
        from arginator.classifiers import OnnxClassifier

        classifier = OnnxClassifier(candidate_path(models, name), threads)
        return classifier.predict_probability, classifier.signature.width
    if name in BASELINES:
        from arginator.baselines import load_baselines

        baselines, signature = load_baselines(models / "baseline")
        return baselines[name].predict_probability, signature.width
    import torch

    from arginator.ffnn import load_network
    from arginator.tasks import class_probability

    torch.set_num_threads(threads)
    network, signature = load_network(models / "ffnn")

    def predict(matrix: Float[np.ndarray, "n d"]) -> object:
        with torch.inference_mode():
            return class_probability(network(torch.from_numpy(matrix)).numpy())

    return predict, signature.width


def measure(name: str, models: Path, threads: int, born: float) -> dict[str, Any]:
    """Return what one model costs; `born` is when its process was started (seconds since 1970)."""
    predict, width = load(name, models, threads)
    predict(np.ones((1, width), np.float32))
    found: dict[str, Any] = {"start_s": time.time() - born, "peak_mib_single": peak_mib()}
    vectors = np.random.default_rng(0).standard_normal((max(BATCHES), width), dtype=np.float32)
    found["latency_us"] = measure_latency(predict, vectors)
    found["throughput"] = {str(rows): measure_batches(predict, vectors[:rows]) for rows in BATCHES}
    return found | {"peak_mib": peak_mib()}


def measure_latency(predict: Predict, vectors: Float32[np.ndarray, "n d"]) -> dict[str, float]:
    """Return microseconds of single answers: first, median, 95th and 99th percentile, processor."""
    seconds = np.empty(SINGLE_CALLS + WARM_UP)
    for call in range(len(seconds)):
        if call == WARM_UP:
            processor = time.process_time()
        row = vectors[call % len(vectors)][None]
        start = time.perf_counter()
        predict(row)
        seconds[call] = time.perf_counter() - start
    used = time.process_time() - processor
    p50, p95, p99 = np.quantile(seconds[WARM_UP:], [0.5, 0.95, 0.99]) * 1e6
    return {"p50": p50, "p95": p95, "p99": p99, "processor": used / SINGLE_CALLS * 1e6}


def measure_batches(predict: Predict, vectors: Float32[np.ndarray, "n d"]) -> dict[str, float]:
    """Return proteins a second and a core-second of batches of this size."""
    predict(vectors)
    start, processor, calls = time.perf_counter(), time.process_time(), 0
    while calls == 0 or time.perf_counter() - start < SECONDS:
        predict(vectors)
        calls += 1
    proteins = calls * len(vectors)
    wall, used = time.perf_counter() - start, time.process_time() - processor
    return {"per_second": proteins / wall, "per_core_second": proteins / used}


def measure_alone(name: str, task: str, threads: int) -> dict[str, Any]:
    """Measure a model in a fresh process."""
    words = [sys.executable, __file__, "--task", task, "--threads", str(threads)]
    words += ["--one", name, "--born", str(time.time())]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def size_bytes(name: str, models: Path) -> int:
    """Return the size of the file or files that a model is read from."""
    from arginator.candidates import candidate_path

    if name not in (TORCH, *BASELINES):
        return candidate_path(models, name).stat().st_size
    folder = models / ("ffnn" if name == TORCH else "baseline")
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def measure_peaks(threads: int) -> dict[bool, float]:
    """Return GOP/s of one product as the first layer's: of whole numbers (True) and of floats."""
    from roofline import SHAPES, integer_product, torch_product  # torch, not for each model

    shape = SHAPES[1]
    return {
        True: in_own_process(integer_product, "int8", shape, threads, SECONDS),
        False: in_own_process(torch_product, "sgemm", shape, threads, SECONDS),
    }


def share_of_peak(
    name: str, per_second: float, compression: dict[str, Any], peaks: dict[bool, float]
) -> str:
    """Return the share of the peak that a network reaches, in per cent; nothing for baselines."""
    if name in BASELINES:
        return "–"
    products = compression["candidates"]["network" if name == TORCH else name]["multiply_adds"]
    return f"{2e-9 * products * per_second / peaks['int8' in name]:.0%}"


def table(found: dict[str, dict[str, Any]], threads: int, compression: dict[str, Any]) -> str:
    """Return the figures on `threads` threads as Markdown, ratios against torch in brackets."""
    rows, peaks = [], measure_peaks(threads)
    reference = found[TORCH][str(threads)]
    for name, by_threads in found.items():
        one = by_threads[str(threads)]
        faster = reference["latency_us"]["p50"] / one["latency_us"]["p50"]
        label = f"**{name}**" if name == compression["model"] else name
        row = [
            label,
            f"{by_threads['bytes']:,}",
            f"{one['start_s']:.2f}",
            f"{one['peak_mib_single']:,.0f}",
            f"{one['peak_mib']:,.0f}",
        ]
        row += [f"{one['latency_us'][key]:,.0f}" for key in ("p50", "p95", "p99")]
        row[-3] += f" ({faster:.1f}×)"
        for batch in map(str, BATCHES):
            speed = one["throughput"][batch]["per_second"]
            ratio = speed / reference["throughput"][batch]["per_second"]
            row.append(f"{speed:,.0f} ({ratio:.1f}×)")
        per_second = one["throughput"]["1024"]["per_second"]
        rows.append([*row, share_of_peak(name, per_second, compression, peaks)])
    header = ["model", "bytes", "start (s)", "then (MiB)", "peak (MiB)"]
    header += ["p50 (µs)", "p95 (µs)", "p99 (µs)"]
    header += [f"{rows:,} a batch (/s)" for rows in BATCHES]
    return markdown([*header, "of peak"], rows)


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table of the models for one thread and one for all cores."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--task", required=True, help="name of the task, in the folder of a record")
    parser.add_argument("--json", type=Path, help="also write everything there")
    parser.add_argument("--figure", type=Path, help="also draw quality against time there")
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--born", type=float, default=0.0, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.one:
        print(json.dumps(measure(args.one, Path("models", args.task), args.threads, args.born)))
        return
    compression = json.loads(Path("metrics", args.task, "compression.json").read_text("utf-8"))
    cores = os.cpu_count() or 1
    found = {
        name: {"bytes": size_bytes(name, Path("models", args.task))}
        | {str(n): measure_alone(name, args.task, n) for n in sorted({1, cores})}
        for name in (TORCH, *compression["candidates"], *BASELINES)
    }
    print(machine())
    for threads in sorted({1, cores}):
        print(f"\n{threads} thread{'s' if threads > 1 else ''}\n")
        print(table(found, threads, compression))
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps({"machine": machine(), "models": found}, indent=2) + "\n")
    if args.figure:
        draw(compression, found, args.task, args.figure)


def draw(
    compression: dict[str, Any], found: dict[str, dict[str, Any]], task: str, path: Path
) -> None:
    """Draw quality against time on one thread."""
    from arginator.drawing.canvas import write_figure
    from arginator.drawing.compression_figures import draw_compression

    for name, row in compression["candidates"].items():
        one = found[name]["1"]
        row["throughput_us"] = 1e6 / one["throughput"]["1024"]["per_second"]
        row["latency_us"] = one["latency_us"]["p50"]
    write_figure(draw_compression(compression, task, EFFORTS), path)


if __name__ == "__main__":
    main()
