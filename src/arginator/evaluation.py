"""Evaluation: the files that a bundle ships, and simple methods, judged on proteins held out."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from arginator.baseline_models import Baseline
from arginator.baselines import load_baselines
from arginator.classifiers import OnnxClassifier
from arginator.errors import ModelError
from arginator.files import write_json, write_text
from arginator.folds import Folds
from arginator.metrics import classification_report
from arginator.params import EvaluateParams
from arginator.plot_data import HEADERS, Rows, curve_rows, prediction_rows
from arginator.prepared import Prepared
from arginator.reports import write_report
from arginator.tasks import Signature, Task

REFERENCE = "network"
Classifier = Baseline | OnnxClassifier
Probabilities = dict[str, Float64[np.ndarray, "n k"]]


@dataclass(frozen=True)
class Evaluation:
    """How good each model is, and which one ships.

    Attributes:
        test: Report of each model on the test fold, and what the numbers may be used for.
        validation: The same on the validation fold, by which models were chosen.
        choice: The model that ships, and why.
        curves: Rows of each table of `arginator.plot_data.HEADERS`, all on the test fold.
    """

    test: dict[str, Any]
    validation: dict[str, Any]
    choice: dict[str, Any]
    curves: dict[str, Rows]


def evaluate(
    prepared: Prepared,
    folds: Folds,
    audit: Mapping[str, Any],
    task: Task,
    baseline_folder: Path,
    onnx_paths: Mapping[str, Path],
    params: EvaluateParams,
    max_mcc_drop: float,
) -> Evaluation:
    """Judge the baselines and the ONNX files on the validation and test folds.

    Args:
        prepared: The data set.
        folds: The fold of each of its proteins.
        audit: What `arginator.splits` found out about the folds; its `source` and `claims` go
            with every number.
        task: What the models tell apart.
        baseline_folder: Where the baselines are.
        onnx_paths: ONNX file of "network" and of each smaller model.
        params: What to report.
        max_mcc_drop: The MCC on validation that the model that ships may lose against "network".

    Raises:
        DataError: The folds are of other proteins, or one holds a single class.
        ModelError: A model is missing, damaged or made for other vectors or classes.
    """
    baselines, signature = load_baselines(baseline_folder)
    networks = {name: OnnxClassifier(path) for name, path in onnx_paths.items()}
    _refuse_misfit(baseline_folder, signature, task, prepared)
    for name, network in networks.items():
        _refuse_misfit(onnx_paths[name], network.signature, task, prepared)
    held_out = {fold: folds.select(prepared, fold) for fold in ("validation", "test")}
    models: dict[str, Classifier] = {**baselines, **networks}
    answers = {fold: _predict(models, proteins) for fold, proteins in held_out.items()}
    reports = {
        fold: _report(proteins, fold, audit, task, answers[fold])
        for fold, proteins in held_out.items()
    }
    choice = {"source": audit["source"]}
    choice |= choose_model(networks, reports["validation"], answers["validation"], max_mcc_drop)
    test, chosen = held_out["test"], answers["test"][choice["model"]]
    curves = curve_rows(test, task, answers["test"], params.curve_points)
    curves["predictions"] = prediction_rows(test, task, chosen)
    return Evaluation(reports["test"], reports["validation"], choice, curves)


def choose_model(
    networks: Mapping[str, OnnxClassifier],
    report: Mapping[str, Any],
    probability: Probabilities,
    max_mcc_drop: float,
) -> dict[str, Any]:
    """Choose the smallest file whose MCC is at most `max_mcc_drop` below that of "network".

    Of files of one size the first in `networks` is taken.

    Args:
        networks: Files to choose from, "network" among them.
        report: Report of each on the validation fold.
        probability: What each says about the validation fold.
        max_mcc_drop: 0 to 1.
    """
    drop = {name: round(report[REFERENCE]["mcc"] - report[name]["mcc"], 4) for name in networks}
    good = [name for name in networks if drop[name] <= max_mcc_drop]
    chosen = min(good, key=lambda name: networks[name].size_bytes)
    label = {name: probability[name].argmax(axis=1) for name in networks}
    agreement = {name: float(np.mean(label[name] == label[REFERENCE])) for name in networks}
    return {
        "model": chosen,
        "reason": _reason(chosen, networks[chosen].size_bytes, report, max_mcc_drop),
        "bytes": {name: network.size_bytes for name, network in networks.items()},
        "parameters": {name: network.parameters for name, network in networks.items()},
        "agreement_with_network": {name: round(share, 4) for name, share in agreement.items()},
    }


def write_metrics(evaluation: Evaluation, folder: Path) -> None:
    """Write the reports on both folds and choice.json into `folder`."""
    write_report(evaluation.test, folder)
    write_report(evaluation.validation, folder)
    write_json(evaluation.choice, folder / "choice.json")


def write_curves(evaluation: Evaluation, folder: Path) -> None:
    """Write roc.csv, precision_recall.csv and predictions.csv into `folder`."""
    for name, header in HEADERS.items():
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(header)
        table.writerows(evaluation.curves[name])
        write_text(text.getvalue(), folder / f"{name}.csv")


def _refuse_misfit(path: Path, signature: Signature, task: Task, prepared: Prepared) -> None:
    """Refuse a model that was not made for these vectors and classes."""
    made_for = {
        "embedder": signature.embedder,
        "width": signature.width,
        "classes": list(signature.classes),
    }
    asked_of = {
        "embedder": prepared.about.embedder,
        "width": prepared.embeddings.width,
        "classes": list(task.classes),
    }
    for name, value in made_for.items():
        if value != asked_of[name]:
            problem = f"was made for {name} {value!r}, but the data has {asked_of[name]!r}"
            raise ModelError(path, problem, "train on this data with `dvc repro`")


def _predict(models: Mapping[str, Classifier], proteins: Prepared) -> Probabilities:
    """Return each model's probabilities."""
    matrix = proteins.embeddings.matrix
    return {name: model.predict_probability(matrix) for name, model in models.items()}


def _report(
    proteins: Prepared,
    fold: str,
    audit: Mapping[str, Any],
    task: Task,
    probability: Probabilities,
) -> dict[str, Any]:
    """Return the report of each model on a fold, headed by what was judged."""
    target = task.encode(proteins.labels)
    head = {
        "source": audit["source"],
        "claims": audit["claims"],
        "fold": fold,
        "proteins": len(target),
    }
    binary = task.kind == "binary"
    return head | {
        name: classification_report(target, answer, task.classes, binary)
        for name, answer in probability.items()
    }


def _reason(chosen: str, size: int, report: Mapping[str, Any], max_mcc_drop: float) -> str:
    """Say why a model was chosen."""
    mcc, reference = report[chosen]["mcc"], report[REFERENCE]["mcc"]
    if chosen == REFERENCE:
        return (
            f"no smaller file is within {max_mcc_drop:g} of the network's MCC on validation "
            f"({reference:.4f})"
        )
    return (
        f"smallest file ({size:,} bytes) within {max_mcc_drop:g} of the network's MCC on "
        f"validation ({mcc:.4f} against {reference:.4f})"
    )
