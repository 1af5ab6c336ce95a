"""Reports on candidates: what each weighs, and what it loses beside the network it is made from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from arginator.answers import Answers, HeldOut
from arginator.bootstrap import resample_clusters
from arginator.calibration_reports import score_probabilities
from arginator.candidates import Candidate, candidate_path
from arginator.choices import choose_candidate
from arginator.conformal import Conformal
from arginator.intervals import with_interval
from arginator.params import EvaluateParams
from arginator.reports import NETWORK, rounded
from arginator.weighted_metrics import WeightedReport

SCORES = ("mcc", "macro_f1", "ece")


def judge_candidates(
    answers: Mapping[str, Answers],
    candidates: Mapping[str, Candidate],
    rules: Mapping[str, Conformal],
    models_folder: Path,
    params: EvaluateParams,
    max_mcc_drop: float,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Return the content of choice.json and compression.json.

    Args:
        answers: What the candidates say about the folds "validation", which alone chooses, and
            "test", which only reports.
        candidates: What each candidate is, "network" first.
        rules: The rule of each candidate's sets.
        models_folder: Where the task's models are.
        params: Bins of calibration errors, and times that clusters are drawn.
        max_mcc_drop: The MCC that the candidate that ships may lose on validation.
        seed: For drawing clusters.
    """
    reports = {
        fold: report_candidates(said, rules, params.bins, params.resamples, seed)
        for fold, said in answers.items()
    }
    size = {name: candidate_path(models_folder, name).stat().st_size for name in candidates}
    choice = choose_candidate(candidates, size, reports["validation"], max_mcc_drop)
    rows = {
        name: {
            **candidate.model_dump(mode="json", exclude={"name"}),
            "bytes": size[name],
            "refused": name in choice["refused"],
            **{fold: report[name] for fold, report in reports.items()},
        }
        for name, candidate in candidates.items()
    }
    held_out = answers["validation"].held_out
    head = {"source": held_out.source, "claims": held_out.claims}
    return {
        "choice": head | choice,
        "compression": head | {"model": choice["model"], "candidates": rows},
    }


def report_candidates(
    answers: Answers,
    rules: Mapping[str, Conformal],
    bins: int,
    resamples: int,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Return for each candidate what its calibrated answers about a fold are worth.

    `mcc_loss` is the MCC of "network" less that of the candidate, `low` to `high` its paired
    interval over clusters. `agreement` is the share of proteins that both call alike, `coverage`
    that whose set holds their class.

    Args:
        answers: What the candidates, "network" among them, say about a fold.
        rules: The rule of each candidate's sets; only what is named here is reported.
        bins: Bins of the calibration error.
        resamples: Times that the clusters are drawn.
        seed: For drawing them.
    """
    held_out, calibrated = answers.held_out, answers.calibrated
    loss = mcc_losses(held_out, {name: calibrated[name] for name in rules}, resamples, seed)
    own = calibrated[NETWORK].argmax(axis=1)
    rows = np.arange(len(own))
    found = {}
    for name, rule in rules.items():
        scores = score_probabilities(held_out.target, calibrated[name], held_out.task, bins)
        held = rule.sets(answers.raw[name])[rows, held_out.target]
        found[name] = {
            **{score: scores[score] for score in SCORES},
            "coverage": rounded(held.mean()),
            "agreement": rounded((calibrated[name].argmax(axis=1) == own).mean()),
            "mcc_loss": loss[name],
        }
    return found


def mcc_losses(
    held_out: HeldOut,
    probability: Mapping[str, Float64[np.ndarray, "n k"]],
    resamples: int,
    seed: int,
) -> dict[str, dict[str, float]]:
    """Return what each candidate loses of the MCC of "network", on the same resamples for all."""
    target, binary = held_out.target, held_out.task.kind == "binary"
    reports = {name: WeightedReport(target, rows, binary) for name, rows in probability.items()}
    everyone = np.ones((1, len(target)), dtype=np.int32)
    blocks: dict[str, list[Float64[np.ndarray, " b"]]] = {name: [] for name in reports}
    for weight in resample_clusters(held_out.cluster, resamples, seed):
        for name, report in reports.items():
            blocks[name].append(report.mcc(weight))
    drawn = {name: np.concatenate(parts) for name, parts in blocks.items()}
    value = {name: float(report.mcc(everyone)[0]) for name, report in reports.items()}
    return {
        name: with_interval(value[NETWORK] - value[name], drawn[NETWORK] - drawn[name])
        for name in reports
    }
