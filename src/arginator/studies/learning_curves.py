"""Learning curves: what the models score with fewer proteins to learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

import numpy as np
from jaxtyping import Float64, Int

from arginator.folds import Folds
from arginator.params import StudiesParams
from arginator.prepared import Prepared
from arginator.reports import NETWORK, rounded
from arginator.studies.runs import (
    Material,
    Recipe,
    Scores,
    answer,
    fit_network,
    fit_yardsticks,
    gather,
    score,
)
from arginator.tasks import Task

METRICS = ("mcc", "macro_f1", "auprc")


def measure_learning_curve(
    prepared: Prepared,
    folds: Folds,
    audit: Mapping[str, Any],
    task: Task,
    recipe: Recipe,
    params: StudiesParams,
) -> dict[str, Any]:
    """Judge models that learned from a growing share of the training clusters, on the test fold.

    Each share holds the smaller ones and every class; validation, calibration and test stay as
    they are.

    Args:
        prepared: The data set.
        folds: The fold of each of its proteins.
        audit: What is known about the folds; its `source` and `claims` go with the numbers.
        task: What the models tell apart.
        recipe: How they are made; networks take its seed and those after it.
        params: Shares, and networks a share.

    Returns:
        `source`, `claims`, `fold` and `points`, from the smallest share to the largest, each with
        `share`, `proteins`, `clusters` and, for the `models`, MCC, macro-F1 and AUPRC: of the
        network mean, lowest and highest over the seeds.

    Raises:
        DataError: The folds are of other proteins, or a class is missing from one.
        ModelError: A loss is not finite.
    """
    material, test = gather(prepared, folds, task), folds.select(prepared, "test")
    cluster = folds.cluster[folds.fold_mask("train")]
    rank = rank_clusters(material.train.labels, cluster, recipe.seed)
    points = []
    for share in sorted(set(params.train_shares)):
        kept = rank < share
        some = replace(material, train=material.train.select(kept))
        points.append(
            {
                "share": share,
                "proteins": int(kept.sum()),
                "clusters": len(np.unique(cluster[kept])),
                "models": _measure(some, test, recipe, params.seeds),
            }
        )
    return {
        "source": audit["source"],
        "claims": audit["claims"],
        "fold": "test",
        "seeds": params.seeds,
        "points": points,
    }


def rank_clusters(
    labels: Sequence[str], cluster: Int[np.ndarray, " n"], seed: int
) -> Float64[np.ndarray, " n"]:
    """Return for each protein from which share of the clusters on it is learned from.

    The clusters of each label stand in random order; the first of c has rank 0, the next 1/c and
    so on, and a cluster with several labels its lowest rank. So the proteins ranked below a share
    are whole clusters, always hold every label, about that share of the clusters of each, and all
    proteins that a smaller share has.
    """
    generator, label = np.random.default_rng(seed), np.array(labels)
    name, member = np.unique(cluster, return_inverse=True)
    rank = np.ones(len(name))
    for of_label in (label == value for value in sorted(set(labels))):
        order = generator.permutation(np.unique(member[of_label]))
        rank[order] = np.minimum(rank[order], np.arange(len(order)) / len(order))
    return np.asarray(rank[member])


def _measure(
    material: Material, test: Prepared, recipe: Recipe, seeds: int
) -> dict[str, Mapping[str, Any]]:
    """Return the scores of models that learned from `material`."""
    task, target = material.task, material.task.encode(test.labels)
    networks = {
        f"{NETWORK} {number}": fit_network(material, replace(recipe, seed=recipe.seed + number))
        for number in range(seeds)
    }
    models = fit_yardsticks(material, recipe)
    scores = score(answer(models | networks, test), target, task)
    simple = {name: {metric: scores[name][metric] for metric in METRICS} for name in models}
    return simple | {NETWORK: _summarise([scores[name] for name in networks])}


def _summarise(scores: Sequence[Scores]) -> dict[str, dict[str, float]]:
    """Return mean, lowest and highest of each score."""
    return {
        metric: {
            "mean": rounded(fmean(one[metric] for one in scores)),
            "lowest": min(one[metric] for one in scores),
            "highest": max(one[metric] for one in scores),
        }
        for metric in METRICS
    }
