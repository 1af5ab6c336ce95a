"""A pair of small bundles, and proteins to ask about, that the tests of prediction share."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from arginator.bundles import write_bundle
from arginator.calibration_files import CalibrationFile
from arginator.embeddings import Embeddings
from arginator.ffnn import FeedForward, Shape
from arginator.kmers import KmerEmbedder
from arginator.novelty import NoveltyIndex
from arginator.onnx_export import export_onnx
from arginator.prepared import Provenance
from arginator.quantization import quantize_by_vector
from arginator.tasks import Signature

WIDTH = 32
LABELS = ("A", "B", "non")
RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
ABOUT = Provenance(
    "toy", "Toy", False, "made up", "CC0-1.0", "", "kmer-2", dict.fromkeys(LABELS, "")
)
TASKS = {
    "group": Signature("group", "binary", ("other", "hit"), "hit", WIDTH, "kmer-2", "toy", False),
    "classes": Signature("classes", "multiclass", LABELS, None, WIDTH, "kmer-2", "toy", False),
}
SETTINGS = {
    "group": {"kind": "binary", "positive": ["A", "B"], "positive_name": "hit"},
    "classes": {"kind": "multiclass"},
}
KMERS = KmerEmbedder((2,), WIDTH)


def _make_sequences(n, seed=0):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list(RESIDUES), rng.integers(20, 60))) for _ in range(n)]


def _calibration(signature, quantile):
    shares = dict.fromkeys(signature.classes, 1 / len(signature.classes))
    model = {
        "calibration": {
            "classes": signature.classes, "method": "temperature", "training_prior": shares,
            "prevalence": shares, "temperature": 0.7, "bias": [0.0] * len(signature.classes),
        },
        "conformal": {
            "classes": signature.classes, "alpha": 0.1,
            "quantile": dict.fromkeys(signature.classes, quantile),
        },
        "confidence_threshold": 0.2,
    }  # fmt: skip
    content = {
        "format_version": 1, "task": signature.task, "classes": signature.classes, "alpha": 0.1,
        "prevalence": shares, "models": {"network": model},
        "novelty": {"neighbours": 2, "threshold": 0.9},
    }  # fmt: skip
    return CalibrationFile.model_validate_json(json.dumps(content))


def _reference():
    matrix = KMERS.embed(_make_sequences(40, seed=9))
    mean = matrix.mean(axis=0)
    unit = matrix - mean
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    ids = tuple(f"train {row}" for row in range(40))
    labels = tuple(LABELS[row % 3] for row in range(40))
    return NoveltyIndex(mean, unit.astype(np.float16), ids, labels, 2, 0.9)


def _write(folder, task, *, quantized=True, simulated=False):
    """Write the bundle of a task."""
    signature = replace(TASKS[task], simulated=simulated)
    torch.manual_seed(len(task))
    outputs = 1 if signature.positive else len(LABELS)
    network = FeedForward(Shape(WIDTH, (16,), outputs, 0.0, "relu", "batch")).eval()
    with torch.no_grad():  # make it say different things of different proteins
        logit = network(torch.from_numpy(KMERS.embed(_make_sequences(200, seed=5))))
        network.output.weight *= 2 / logit.std(dim=0)[:, None]
        network.output.bias -= logit.mean(dim=0)
        network.output.bias *= 2 / logit.std(dim=0)
    folder.mkdir(parents=True)
    export_onnx(network, signature, folder / "whole.onnx")
    quantize_by_vector(folder / "whole.onnx", folder / "small.onnx")
    model = folder / ("small.onnx" if quantized else "whole.onnx")
    facts = {"params": {"task": SETTINGS[task]}}
    known = _calibration(signature, 0.52 if task == "group" else 0.6)
    write_bundle(
        folder / "bundle",
        model,
        "# Card\n",
        known,
        _reference(),
        replace(ABOUT, simulated=simulated),
        facts,
    )


@pytest.fixture(scope="session")
def make_sequences():
    return _make_sequences


@pytest.fixture(scope="session")
def unit():
    """Return a function that scales rows to length 1, as k-mer vectors are, in half precision."""
    return lambda rows: (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float16)


@pytest.fixture(scope="session")
def kmers():
    return KMERS


@pytest.fixture(scope="session")
def write_task():
    return _write


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Give a folder with the bundles of both tasks."""
    folder = tmp_path_factory.mktemp("models")
    for task in TASKS:
        _write(folder / task, task)
    return folder


@pytest.fixture(scope="session")
def proteins():
    """Give fifty proteins; the fourth and the last have nothing but zeros."""
    matrix = KMERS.embed(_make_sequences(50))
    matrix[[3, 49]] = 0
    return Embeddings(tuple(f"protein {row}" for row in range(50)), matrix)
