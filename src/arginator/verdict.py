"""Verdict: is the network worth it, by intervals over clusters and seeds, in numbers and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from jaxtyping import Float64, Int

from arginator.bootstrap import CONFIDENCE, resample_clusters
from arginator.errors import DataError
from arginator.intervals import with_interval
from arginator.reports import BASELINES, NETWORK, rounded
from arginator.weighted_metrics import METRICS, Scores, WeightedReport

COMPARED = ("mcc", "macro_f1", "auprc")
IN_WORDS = {
    "majority": "the majority class",
    "nearest_neighbour": "the nearest neighbour",
    "logistic_regression": "logistic regression",
}
Numbers = dict[str, float]


def judge(
    target: Int[np.ndarray, " n"],
    cluster: Int[np.ndarray, " n"],
    probability: Mapping[str, Float64[np.ndarray, "n k"]],
    repeats: Sequence[Float64[np.ndarray, "n k"]],
    classes: Sequence[str],
    binary: bool,
    resamples: int,
    seed: int,
    *,
    source: str,
    claims: bool,
    fold: str = "test",
) -> dict[str, Any]:
    """Judge each model with intervals, and compare the networks to the best baseline.

    A resample draws whole clusters and, for "network", one of the networks that differ by their
    seed alone; it is the same for all models, so that differences are paired. The value of
    "network" is the mean over those networks, that of every other model its own score. The best
    baseline of a metric is the one with the highest value on this very fold, the first of equals,
    which favours the baseline. Nothing depends on the order of the proteins.

    Args:
        target: True class of each protein, an index into `classes`.
        cluster: Cluster of each protein.
        probability: Calibrated probabilities of each model, "network" and a baseline among them.
        repeats: Those of the networks of the other seeds.
        classes: The k names.
        binary: True if the second class is the one looked for.
        resamples: Times the clusters are drawn.
        seed: Where the draws come from.
        source: Name of the data set; "(simulated)" in it goes into the sentence.
        claims: False if the folds are random.
        fold: Name of the fold that the proteins are.

    Returns:
        The content of verdict.json; numbers have four decimals. `seed_spread` has no `deviation`
        without repeats.

    Raises:
        DataError: There are no proteins of two classes.
    """
    _refuse_single_class(target, fold)
    reports = {name: WeightedReport(target, rows, binary) for name, rows in probability.items()}
    seeds = [reports[NETWORK], *(WeightedReport(target, rows, binary) for rows in repeats)]
    values = {name: _on_all(report, len(target)) for name, report in reports.items()}
    by_seed = [_on_all(report, len(target)) for report in seeds]
    values[NETWORK] = {name: fmean(one[name] for one in by_seed) for name in METRICS}
    drawn = _draw(reports, seeds, cluster, resamples, seed)
    differences = _differences(values, drawn)
    return {
        "source": source,
        "claims": claims,
        "fold": fold,
        **_count(target, cluster, classes),
        "resamples": resamples,
        "resamples_left_out": int(np.isnan(drawn[NETWORK]["mcc"]).sum()),
        "seeds": len(seeds),
        "confidence": CONFIDENCE,
        "models": {name: _intervals(values[name], drawn[name]) for name in reports},
        "differences": differences,
        "seed_spread": {name: _spread([one[name] for one in by_seed]) for name in METRICS},
        "sentence": _sentence(differences[NETWORK]["mcc"], source, claims),
    }


def _count(
    target: Int[np.ndarray, " n"], cluster: Int[np.ndarray, " n"], classes: Sequence[str]
) -> dict[str, Any]:
    """Count proteins and clusters: what the intervals rest on."""
    per_class = {
        name: len(np.unique(cluster[target == index])) for index, name in enumerate(classes)
    }
    return {
        "proteins": len(target),
        "clusters": len(np.unique(cluster)),
        "clusters_per_class": per_class,
    }


def _refuse_single_class(target: Int[np.ndarray, " n"], fold: str) -> None:
    """Refuse a fold on which no metric is defined."""
    found = len(np.unique(target))
    if found < 2:
        problem = f"holds proteins of {found} classes, expected two or more"
        raise DataError(f"fold {fold!r}", problem, "judge on another fold")


def _on_all(report: WeightedReport, proteins: int) -> Numbers:
    """Return each metric on the fold as it is."""
    scores = report.score(np.ones((1, proteins), dtype=np.int32))
    return {metric: float(values[0]) for metric, values in scores.items()}


def _draw(
    reports: Mapping[str, WeightedReport],
    seeds: Sequence[WeightedReport],
    cluster: Int[np.ndarray, " n"],
    resamples: int,
    seed: int,
) -> dict[str, Scores]:
    """Return each model's scores on the same resamples; those of "network" of any of its seeds."""
    rng = np.random.default_rng([seed, len(seeds)])
    drawn_seed = rng.integers(len(seeds), size=resamples)
    blocks: dict[str, list[Scores]] = {name: [] for name in reports}
    start = 0
    for weight in resample_clusters(cluster, resamples, seed):
        chosen = drawn_seed[start : start + len(weight)]
        start += len(weight)
        for name, report in reports.items():
            one = _score_seeds(seeds, chosen, weight) if name == NETWORK else report.score(weight)
            blocks[name].append(one)
    return {
        name: {metric: np.concatenate([one[metric] for one in parts]) for metric in METRICS}
        for name, parts in blocks.items()
    }


def _score_seeds(
    seeds: Sequence[WeightedReport],
    chosen: Int[np.ndarray, " b"],
    weight: Int[np.ndarray, "b n"],
) -> Scores:
    """Return the scores of one network a resample."""
    scores = {metric: np.empty(len(weight)) for metric in METRICS}
    for index in np.unique(chosen):
        rows = chosen == index
        for metric, values in seeds[index].score(weight[rows]).items():
            scores[metric][rows] = values
    return scores


def _differences(
    values: Mapping[str, Numbers], drawn: Mapping[str, Scores]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Compare each network to the best baseline of each metric."""
    baselines = [name for name in BASELINES if name in values]
    differences: dict[str, dict[str, dict[str, Any]]] = {}
    for name in [name for name in values if name not in baselines]:
        differences[name] = {}
        for metric in COMPARED:
            best = max(baselines, key=lambda baseline: values[baseline][metric])
            value = values[name][metric] - values[best][metric]
            resampled = drawn[name][metric] - drawn[best][metric]
            differences[name][metric] = {"against": best} | with_interval(value, resampled)
    return differences


def _intervals(values: Numbers, drawn: Scores) -> dict[str, Numbers]:
    """Return each metric with its interval."""
    return {name: with_interval(values[name], drawn[name]) for name in METRICS}


def _spread(values: Sequence[float]) -> Numbers:
    """Return how far the networks of several seeds lie apart."""
    spread = {"lowest": rounded(min(values)), "highest": rounded(max(values))}
    if len(values) > 1:
        spread["deviation"] = rounded(float(np.std(values, ddof=1)))
    return spread


def _sentence(difference: Mapping[str, Any], source: str, claims: bool) -> str:
    """Say what the difference in MCC means.

    >>> difference = {"against": "logistic_regression", "value": 0.012, "low": 0.004, "high": 0.021}
    >>> _sentence(difference, "amrfinder", True)
    'The network beats logistic regression by 0.012 MCC [0.004, 0.021].'
    """
    other = IN_WORDS[difference["against"]]
    value, low, high = (difference[key] for key in ("value", "low", "high"))
    if low > 0:
        text = f"The network beats {other} by {value:.3f} MCC [{low:.3f}, {high:.3f}]"
    elif high < 0:
        text = f"The network loses against {other} by {-value:.3f} MCC [{-high:.3f}, {-low:.3f}]"
    else:
        text = (
            "No evidence that the network is worth it: its MCC differs from "
            f"{other}'s by {value:+.3f} [{low:.3f}, {high:.3f}]"
        )
    remarks = ["simulated data"] if "(simulated)" in source else []
    remarks += [] if claims else ["near-copies in training, not for claims"]
    return text + (f" ({', '.join(remarks)})" if remarks else "") + "."
