"""Reports on candidates: what each weighs, and what it loses beside the network it is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int

from arginator.answers import Answers, HeldOut
from arginator.bootstrap import resample_clusters
from arginator.calibration_reports import score_probabilities
from arginator.candidates import Candidate, candidate_path
from arginator.choices import choose_candidate
from arginator.conformal import Conformal
from arginator.intervals import with_interval
from arginator.params import EvaluateParams
from arginator.reports import NETWORK, rounded
from arginator.weighted_metrics import WeightedReport, expected_mcc

SCORES = ("mcc", "macro_f1", "ece")
Judge = Callable[[Int[np.ndarray, "b n"]], Float64[np.ndarray, " b"]]


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
        max_mcc_drop: The expected MCC that the candidate that ships may lose on validation.
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

    `mcc_loss` is the MCC of "network" less that of the candidate, `expected_mcc_loss` the same of
    `expected_mcc`, and `low` to `high` their paired intervals over clusters. `agreement` is the
    share of proteins that both call alike, `coverage` that whose set holds their class.

    Args:
        answers: What the candidates, "network" among them, say about a fold.
        rules: The rule of each candidate's sets; only what is named here is reported.
        bins: Bins of the calibration error.
        resamples: Times that the clusters are drawn.
        seed: For drawing them.
    """
    held_out, calibrated = answers.held_out, answers.calibrated
    lost = mcc_losses(held_out, {name: calibrated[name] for name in rules}, resamples, seed)
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
            **lost[name],
        }
    return found


def mcc_losses(
    held_out: HeldOut,
    probability: Mapping[str, Float64[np.ndarray, "n k"]],
    resamples: int,
    seed: int,
) -> dict[str, dict[str, dict[str, float]]]:
    """Return what each candidate loses of both MCC of "network", on the same resamples for all."""
    target, binary = held_out.target, held_out.task.kind == "binary"
    judges: dict[tuple[str, str], Judge] = {}
    for name, rows in probability.items():
        judges[name, "mcc_loss"] = WeightedReport(target, rows, binary).mcc
        judges[name, "expected_mcc_loss"] = partial(expected_mcc, target, rows)
    everyone = np.ones((1, len(target)), dtype=np.int32)
    value = {key: float(judge(everyone)[0]) for key, judge in judges.items()}
    blocks: dict[tuple[str, str], list[Float64[np.ndarray, " b"]]] = {key: [] for key in judges}
    for weight in resample_clusters(held_out.cluster, resamples, seed):
        for key, judge in judges.items():
            blocks[key].append(judge(weight))
    drawn = {key: np.concatenate(parts) for key, parts in blocks.items()}
    found: dict[str, dict[str, dict[str, float]]] = {name: {} for name in probability}
    for name, loss in judges:
        own, whole = (name, loss), (NETWORK, loss)
        found[name][loss] = with_interval(value[whole] - value[own], drawn[whole] - drawn[own])
    return found
