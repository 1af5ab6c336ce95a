"""Evaluation: the files that a bundle ships, and simple methods, judged on proteins held out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from arginator.answers import Answers, HeldOut, hold_out
from arginator.band_reports import report_bands
from arginator.calibrated import (
    REPEATS,
    CalibratedClassifier,
    CalibratedModel,
    load_calibrated,
    load_calibrated_repeats,
    load_novelty,
)
from arginator.calibration_reports import report_calibration, score_probabilities
from arginator.category_reports import report_categories
from arginator.choices import choose_model
from arginator.classifiers import OnnxClassifier, onnx_paths
from arginator.coverage_reports import report_coverage
from arginator.files import write_json
from arginator.folds import Folds
from arginator.novelty import NoveltyIndex
from arginator.novelty_reports import report_novelty
from arginator.params import Bands, EvaluateParams
from arginator.plot_data import (
    Table,
    band_tables,
    curve_tables,
    prediction_table,
    reliability_table,
)
from arginator.prepared import Prepared
from arginator.repeats import repeat_path
from arginator.reports import NETWORK, write_report
from arginator.tasks import Signature, Task, refuse_misfit, sign
from arginator.verdict import judge

CURVES_BY = "auprc"  # the baseline best in it stands beside the network in the curves


@dataclass(frozen=True)
class Models:
    """The models of a task, read from files.

    Attributes:
        calibrated: Baselines and networks with their calibration, by name.
        networks: The ONNX files among them.
        repeats: Networks that differ from "network" by their seed, each with its own calibration.
        novelty: The training proteins as points.
    """

    calibrated: dict[str, CalibratedModel]
    networks: dict[str, OnnxClassifier]
    repeats: list[CalibratedClassifier[OnnxClassifier]]
    novelty: NoveltyIndex


@dataclass(frozen=True)
class Evaluation:
    """How good each model is, and which one ships.

    Attributes:
        test: Report of each model on the test fold, and what the numbers may be used for.
        validation: The same on the validation fold, by which models were chosen.
        details: Further reports by the name of their file: "choice", the model that ships, and
            why; and on the test fold "verdict", "calibration", "coverage", "bands", "categories"
            and "novelty".
        tables: Data of the plots, by the name of their file, all on the test fold.
    """

    test: dict[str, Any]
    validation: dict[str, Any]
    details: dict[str, dict[str, Any]]
    tables: dict[str, Table]


def evaluate(
    prepared: Prepared,
    folds: Folds,
    audit: Mapping[str, Any],
    task: Task,
    models_folder: Path,
    params: EvaluateParams,
    bands: Bands,
    max_mcc_drop: float,
    seed: int,
) -> Evaluation:
    """Judge the calibrated probabilities of all models on the validation and test folds.

    Args:
        prepared: The data set.
        folds: The fold of each of its proteins.
        audit: What `arginator.audits` found out about the folds; its `source` and `claims` go
            with every number.
        task: What the models tell apart.
        models_folder: Where the task's models, their calibration and their repeats are.
        params: What to report.
        bands: The similarities to training that part near, middle and far.
        max_mcc_drop: The MCC on validation that the model that ships may lose against "network".
        seed: For the resamples of clusters.

    Raises:
        DataError: The folds are of other proteins, or one holds a single class.
        ModelError: A model is missing, damaged or made for other vectors or classes.
    """
    models = load_models(models_folder)
    _refuse_misfits(models, models_folder, sign(task, prepared.embeddings.width, prepared.about))
    validation, calibration, test = (
        hold_out(prepared, folds, fold, task, audit, bands)
        for fold in ("validation", "calibration", "test")
    )
    asked, answers = _ask(models, validation), _ask(models, test)
    scores = _report(asked, params.bins)
    choice = choose_model(models.networks, scores, asked.calibrated, max_mcc_drop)
    chosen, details = choice["model"], {"choice": {"source": audit["source"]} | choice}
    novelty = models.novelty.score(test.proteins.embeddings.matrix)
    details |= _describe(models, answers, chosen, calibration, params, seed)
    details["bands"] = report_bands(answers, bands)
    details["novelty"] = report_novelty(
        answers, chosen, novelty, models.novelty, models.calibrated[chosen].confidence_threshold
    )
    best = details["verdict"]["differences"][NETWORK][CURVES_BY]["against"]
    tables = {
        **curve_tables(answers, params.curve_points),
        **band_tables(answers, [NETWORK, best], seed),
        "predictions": _predictions(models, answers, chosen, novelty),
        "reliability": reliability_table(answers, params.bins),
    }
    return Evaluation(_report(answers, params.bins), scores, details, tables)


def load_models(folder: Path) -> Models:
    """Read the models of a task.

    Raises:
        DataError: The index of the repeats is missing.
        ModelError: A model is missing or damaged, or its calibration is of another.
    """
    calibrated = load_calibrated(folder)
    networks = {
        name: model.classifier
        for name, model in calibrated.items()
        if isinstance(model.classifier, OnnxClassifier)
    }
    return Models(calibrated, networks, load_calibrated_repeats(folder), load_novelty(folder))


def write_metrics(evaluation: Evaluation, folder: Path) -> None:
    """Write the reports on both folds and every further report into `folder`."""
    write_report(evaluation.test, folder)
    write_report(evaluation.validation, folder)
    for name, content in evaluation.details.items():
        write_json(content, folder / f"{name}.json")


def _refuse_misfits(models: Models, folder: Path, asked: Signature) -> None:
    """Refuse models that were not made for these vectors and classes."""
    for name, model in models.calibrated.items():
        refuse_misfit(onnx_paths(folder).get(name, folder / "baseline"), model.signature, asked)
    for number, repeat in enumerate(models.repeats, 1):
        refuse_misfit(repeat_path(folder / REPEATS, number), repeat.classifier.signature, asked)


def _ask(models: Models, held_out: HeldOut) -> Answers:
    """Return what every model says about a fold."""
    matrix = held_out.proteins.embeddings.matrix
    raw = {name: model.raw(matrix) for name, model in models.calibrated.items()}
    calibrated = {name: models.calibrated[name].calibrate(own) for name, own in raw.items()}
    return Answers(held_out, raw, calibrated)


def _report(answers: Answers, bins: int) -> dict[str, Any]:
    """Return the report of each model on a fold, headed by what was judged."""
    held_out = answers.held_out
    return held_out.head() | {
        name: score_probabilities(held_out.target, probability, held_out.task, bins)
        for name, probability in answers.calibrated.items()
    }


def _describe(
    models: Models,
    answers: Answers,
    chosen: str,
    calibration: HeldOut,
    params: EvaluateParams,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Return those reports on the test fold whose intervals come from resampled clusters."""
    maps = {name: model.calibration for name, model in models.calibrated.items()}
    rule, resamples = models.calibrated[chosen].conformal, params.resamples
    return {
        "verdict": _judge(models, answers, resamples, seed),
        "calibration": report_calibration(answers, maps, params.bins),
        "coverage": report_coverage(answers, chosen, rule, calibration, resamples, seed),
        "categories": report_categories(answers, chosen, resamples, seed),
    }


def _judge(models: Models, answers: Answers, resamples: int, seed: int) -> dict[str, Any]:
    """Return the verdict over all models and repeats."""
    held_out = answers.held_out
    matrix = held_out.proteins.embeddings.matrix
    return judge(
        held_out.target,
        held_out.cluster,
        answers.calibrated,
        [repeat.predict_probability(matrix) for repeat in models.repeats],
        held_out.task.classes,
        held_out.task.kind == "binary",
        resamples,
        seed,
        source=held_out.source,
        claims=held_out.claims,
        fold=held_out.fold,
    )


def _predictions(
    models: Models, answers: Answers, chosen: str, novelty: Float64[np.ndarray, " n"]
) -> Table:
    """Return all that the model that ships says about each protein."""
    sets = models.calibrated[chosen].sets(answers.raw[chosen])
    return prediction_table(answers, chosen, sets, novelty, models.novelty.flag(novelty))
