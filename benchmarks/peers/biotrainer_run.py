"""biotrainer, run in an environment of its own on the same vectors through its own files.

Its networks are fixed; of them `DeeperFNN` (d → 128 → 64 → 32 → k) is the nearest and does less
work than the others' network. Everything else is as biotrainer has it by default (batches of 128,
Adam), but for epochs, patience and its own scaling of vectors, as the others scale them too. Time
is that of its training alone, without start and reading. It answers with the epoch of the lowest
validation loss, which is also its final score.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from sklearn.metrics import matthews_corrcoef

from peers.contest import Budget, Data, Fit, Fold, NotInstalledError, Probability, Targets, Vectors

HIDDEN = (128, 64, 32)  # DeeperFNN's layers
RUNNER = Path(__file__).with_name("biotrainer_runner.py")
RESIDUES = "ACDEFGHIKLMNPQRS"  # one for each hexadecimal digit
SETS = {"train": "train", "validation": "val", "test": "test"}
COPY = "again"  # the set that holds validation once more, to be answered after training


def train_biotrainer(data: Data, budget: Budget) -> Fit:
    """Train in biotrainer's environment and take over its answers.

    Raises:
        NotInstalledError: No interpreter was named.
    """
    if budget.biotrainer is None:
        raise NotInstalledError("--biotrainer PYTHON")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_files(data, folder)
        config = _write_config(budget, folder)
        result = _run(budget.biotrainer, config)
    answer = _read_answers(result["answers"][COPY], COPY, data.validation)
    last = float(matthews_corrcoef(data.validation.target, answer))
    seconds = [time for time, _ in result["epochs"]]
    scores = [*(score for _, score in result["epochs"][1:]), last]
    tested = _read_answers(result["answers"]["test"], "test", data.test)

    def predict(vectors: Vectors) -> Probability:
        if len(vectors) != len(tested):
            raise ValueError(f"answered the {len(tested)} proteins of the test fold only")
        return np.asarray(np.eye(len(data.classes))[tested])

    history = list(zip(seconds, scores, strict=True))
    return Fit(predict, history, (result["seconds"], result["core_seconds"]))


def _sequence(fold: str, row: int) -> str:
    """Return a made-up sequence that no other protein has: biotrainer knows vectors by it."""
    digits = hashlib.sha256(f"{fold} {row}".encode()).hexdigest()
    return "M" + "".join(RESIDUES[int(digit, 16)] for digit in digits)


def _key(sequence: str) -> str:
    """Return the name under which biotrainer looks for the vector of a sequence."""
    return hashlib.sha256(f"{sequence}_{len(sequence)}".encode()).hexdigest()


def _write_files(data: Data, folder: Path) -> None:
    """Write proteins with their classes and sets as FASTA, and their vectors as HDF5."""
    folds = {name: (getattr(data, name), set_name) for name, set_name in SETS.items()}
    folds[COPY] = (data.validation, COPY)
    with (
        (folder / "proteins.fasta").open("w", encoding="ascii") as fasta,
        h5py.File(folder / "vectors.h5", "w") as file,
    ):
        for name, (fold, set_name) in folds.items():
            for row, target in enumerate(fold.target.tolist()):
                sequence = _sequence(name, row)
                fasta.write(f">{name}{row} TARGET=class{target} SET={set_name}\n{sequence}\n")
                file[_key(sequence)] = fold.vectors[row]


def _write_config(budget: Budget, folder: Path) -> Path:
    """Write what biotrainer is to do; JSON is YAML."""
    config = {
        "protocol": "sequence_to_class",
        "input_file": str(folder / "proteins.fasta"),
        "embeddings_file": str(folder / "vectors.h5"),
        "output_dir": str(folder / "output"),
        "model_choice": "DeeperFNN",
        "num_epochs": budget.epochs,
        "patience": budget.epochs,
        "seed": budget.seed,
        "device": "cpu",
        "save_split_ids": True,
        "sanity_check": False,
        "bootstrapping_iterations": 0,
        "scaling_method": "standard",
        "external_writer": "none",
    }
    path = folder / "config.yml"
    path.write_text(json.dumps(config, indent=1), "utf-8")
    return path


def _run(python: Path, config: Path) -> dict[str, Any]:
    """Return what the runner prints.

    Raises:
        RuntimeError: It failed.
    """
    command = [str(python), str(RUNNER), str(config)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=config.parent, check=False)
    if done.returncode:
        raise RuntimeError(f"biotrainer failed:\n{done.stderr[-4000:]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _read_answers(answers: Mapping[str, str], name: str, fold: Fold) -> Targets:
    """Return the class that was answered for each protein of a fold."""
    words = [answers[_key(_sequence(name, row))] for row in range(len(fold.target))]
    return np.array([int(word.removeprefix("class")) for word in words])
