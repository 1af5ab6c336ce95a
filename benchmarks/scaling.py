"""How time and memory of each step grow with the number of proteins.

    python benchmarks/scaling.py [--sizes 1000 10000 100000 1000000]
                                 [--only read split train predict]

Reading is of UniProt-style HDF5 with one float16 data set a protein, each checked as the stages
check it; splitting is clustering all pairs and auditing the folds; training is one epoch with the
shipped parameters; predicting is by a network in 8 bits, from vectors in memory. Each figure comes
from a process of its own, whose peak memory includes imports and vectors. Splitting compares all
pairs, so that ten times the proteins take a hundred times as long; above `MOST_SPLIT` it is left
out.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from measuring import in_own_process, machine, markdown, peak_mib

SIZES = (1_000, 10_000, 100_000, 1_000_000)
MOST_SPLIT = 100_000
WIDTH = 1024
CLASSES = ("A", "B", "C", "D", "non")
Figure = tuple[float, float]  # seconds, MiB


def read(proteins: int) -> Figure:
    """Read a file that is in the page cache."""
    from reading import read_and_check, write_hdf5

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.h5"
        in_own_process(write_hdf5, path, "earliest", proteins, WIDTH)
        start = time.perf_counter()
        read_and_check(path)
        return time.perf_counter() - start, peak_mib()


def split(proteins: int) -> Figure:
    """Cluster all proteins and audit the held-out ones."""
    from similarity import audit, cluster, make_unit_rows

    unit = make_unit_rows(proteins, WIDTH)
    start = time.perf_counter()
    cluster(unit)
    audit(unit)
    return time.perf_counter() - start, peak_mib()


def train(proteins: int) -> Figure:
    """Train one epoch; a tenth as many proteins more are validated."""
    from peers.contest import shipped_params

    from arginator.embeddings import Embeddings
    from arginator.params import MulticlassTask
    from arginator.prepared import Prepared, Provenance
    from arginator.tasks import define_task
    from arginator.training import train as fit

    random = np.random.default_rng(0)
    about = Provenance("random", "", True, "", "", "", "", {name: name for name in CLASSES})
    folds = []
    for number in (proteins, max(proteins // 10, 100)):
        matrix = random.standard_normal((number, WIDTH), dtype=np.float32)
        labels = tuple(CLASSES[row % len(CLASSES)] for row in range(number))
        ids, nothing = tuple(map(str, range(number))), (None,) * number
        embeddings = Embeddings(ids, matrix)
        folds.append(Prepared(embeddings, labels, nothing, nothing, nothing, nothing, about))
    params = shipped_params()
    settings = params.train.model_copy(update={"epochs": 1})
    task = define_task("multiclass", MulticlassTask(kind="multiclass"), about)
    start = time.perf_counter()
    fit(folds[0], folds[1], task, params.model, settings, params.seed)
    return time.perf_counter() - start, peak_mib()


def predict(proteins: int) -> Figure:
    """Give every protein its probabilities."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.onnx"
        in_own_process(write_model, path)
        from arginator.classifiers import OnnxClassifier

        classifier = OnnxClassifier(path)
        vectors = np.random.default_rng(0).standard_normal((proteins, WIDTH), dtype=np.float32)
        classifier.predict_probability(vectors[:1])
        start = time.perf_counter()
        classifier.predict_probability(vectors)
        return time.perf_counter() - start, peak_mib()


def write_model(path: Path) -> None:
    """Write a network of the shipped shape in 8 bits."""
    from peers.contest import shipped_params

    from arginator.ffnn import build_network
    from arginator.onnx_export import export_onnx
    from arginator.quantization import quantize_by_vector
    from arginator.tasks import Signature

    signature = Signature("multiclass", "multiclass", CLASSES, None, WIDTH, "any", "random", True)
    network = build_network(shipped_params().model, WIDTH, len(CLASSES)).eval()
    export_onnx(network, signature, path.with_name("whole.onnx"))
    quantize_by_vector(path.with_name("whole.onnx"), path)


STEPS: dict[str, Callable[[int], Figure]] = {
    "read": read,
    "split": split,
    "train": train,
    "predict": predict,
}


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table of the steps by size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--only", nargs="+", choices=STEPS, default=list(STEPS))
    args = parser.parse_args(argv)
    print(machine() + "\n")
    rows = []
    for step in args.only:
        for proteins in args.sizes:
            if step == "split" and proteins > MOST_SPLIT:
                continue
            seconds, memory_mib = in_own_process(STEPS[step], proteins)
            speed = f"{proteins / seconds:,.0f}"
            rows.append((step, f"{proteins:,}", f"{seconds:.2f}", speed, f"{memory_mib:,.0f}"))
    print(markdown(("step", "proteins", "s", "proteins/s", "peak MiB"), rows))


if __name__ == "__main__":
    main()
