"""Evaluation: the files that a bundle ships, and simple methods, judged on proteins held out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from arginator.answers import Answers, HeldOut, hold_out
from arginator.band_reports import report_bands
from arginator.calibration_reports import report_calibration, score_probabilities
from arginator.category_reports import report_categories
from arginator.compression_reports import judge_candidates
from arginator.coverage_reports import report_coverage
from arginator.files import write_json
from arginator.folds import Folds
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
from arginator.reports import NETWORK, SHIPPED, write_report
from arginator.task_models import Models, load_models, refuse_misfits, ship
from arginator.tasks import Task, sign
from arginator.verdict import judge

CURVES_BY = "auprc"  # the baseline best in it stands beside the network in the curves


@dataclass(frozen=True)
class Evaluation:
    """How good each model is, and which one ships.

    Attributes:
        test: Report of each model on the test fold, and what the numbers may be used for.
        validation: The same on the validation fold, by which models were chosen.
        details: Further reports by the name of their file: "choice", the candidate that ships,
            and why; "compression", all candidates; and on the test fold "verdict",
            "calibration", "coverage", "bands", "categories" and "novelty".
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
        max_mcc_drop: The expected MCC on validation that what ships may lose against
            "network", at the upper end of its interval.
        seed: For the resamples of clusters.

    Raises:
        DataError: The folds are of other proteins, or one holds a single class.
        ModelError: A model is missing, damaged or made for other vectors or classes.
    """
    models = load_models(models_folder)
    refuse_misfits(models, models_folder, sign(task, prepared.embeddings.width, prepared.about))
    validation, calibration, test = (
        hold_out(prepared, folds, fold, task, audit, bands)
        for fold in ("validation", "calibration", "test")
    )
    answers = {held_out.fold: _ask(models, held_out) for held_out in (validation, test)}
    details = judge_candidates(
        answers, models.candidates, models.rules(), models_folder, params, max_mcc_drop, seed
    )
    chosen = details["choice"]["model"]
    models = replace(models, calibrated=ship(models.calibrated, models.candidates, chosen))
    asked, answered = (
        replace(
            said,
            raw=ship(said.raw, models.candidates, chosen),
            calibrated=ship(said.calibrated, models.candidates, chosen),
        )
        for said in answers.values()
    )
    novelty = models.novelty.score(test.proteins.embeddings.matrix)
    details |= _describe(models, answered, calibration, params, seed)
    details["bands"] = report_bands(answered, bands)
    details["novelty"] = report_novelty(
        answered,
        SHIPPED,
        novelty,
        models.novelty,
        models.calibrated[SHIPPED].confidence_threshold,
    )
    best = details["verdict"]["differences"][NETWORK][CURVES_BY]["against"]
    tables = {
        **curve_tables(answered, params.curve_points),
        **band_tables(answered, [NETWORK, best], seed),
        "predictions": _predictions(models, answered, novelty),
        "reliability": reliability_table(answered, params.bins),
    }
    return Evaluation(_report(answered, params.bins), _report(asked, params.bins), details, tables)


def write_metrics(evaluation: Evaluation, folder: Path) -> None:
    """Write the reports on both folds and every further report into `folder`."""
    write_report(evaluation.test, folder)
    write_report(evaluation.validation, folder)
    for name, content in evaluation.details.items():
        write_json(content, folder / f"{name}.json")


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
    calibration: HeldOut,
    params: EvaluateParams,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Return those reports on the test fold whose intervals come from resampled clusters."""
    maps = {name: model.calibration for name, model in models.calibrated.items()}
    rule, resamples = models.calibrated[SHIPPED].conformal, params.resamples
    return {
        "verdict": _judge(models, answers, resamples, seed),
        "calibration": report_calibration(answers, maps, params.bins),
        "coverage": report_coverage(answers, SHIPPED, rule, calibration, resamples, seed),
        "categories": report_categories(answers, SHIPPED, resamples, seed),
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


def _predictions(models: Models, answers: Answers, novelty: Float64[np.ndarray, " n"]) -> Table:
    """Return all that the model that ships says about each protein."""
    sets = models.calibrated[SHIPPED].sets(answers.raw[SHIPPED])
    return prediction_table(answers, SHIPPED, sets, novelty, models.novelty.flag(novelty))
