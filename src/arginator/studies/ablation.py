"""Ablation of the split: what the limit on similarity does to folds and scores."""

from __future__ import annotations

from typing import Any

from arginator.errors import DataError
from arginator.params import SplitParams, StudiesParams
from arginator.prepared import Prepared
from arginator.splits import split
from arginator.studies.runs import Recipe, answer, fit_models, gather, name_source, score
from arginator.tasks import Task

COPIED = ("clusters", "largest_cluster", "folds", "clusters_per_class")


def measure_limits(
    prepared: Prepared, task: Task, params: SplitParams, recipe: Recipe, studies: StudiesParams
) -> dict[str, Any]:
    """Judge the same models with the proteins split anew at each limit on similarity.

    Clusters are those of the vectors and folds those made from them, whatever `params` say.

    Args:
        prepared: The data set.
        task: What the models tell apart.
        params: How to split, but for the limit.
        recipe: How to make the models.
        studies: The limits.

    Returns:
        `source`, `claims` (false) and `limits`, from the lowest to the highest, each with
        `max_similarity` and either the `reason` why nothing can be split there or `clusters`,
        `largest_cluster`, `folds`, `clusters_per_class`, the test fold's median `similarity` to
        training, and the scores of the `models` on it.

    Raises:
        DataError: A class is missing from a fold.
        ModelError: A loss is not finite.
    """
    fixed = params.model_copy(update={"method": "cluster", "cluster_by": "embedding"})
    return {
        "source": name_source(prepared),
        "claims": False,
        "limits": [
            {"max_similarity": limit}
            | _measure(prepared, task, fixed.model_copy(update={"max_similarity": limit}), recipe)
            for limit in sorted(set(studies.similarity_limits))
        ],
    }


def _measure(prepared: Prepared, task: Task, params: SplitParams, recipe: Recipe) -> dict[str, Any]:
    """Split at one limit, fit, and judge on the test fold."""
    try:
        result = split(prepared, params, recipe.seed)
    except DataError as error:
        return {"reason": error.problem}
    folds, audit = result.folds, result.audit
    models = fit_models(gather(prepared, folds, task), recipe)
    proteins = folds.select(prepared, "test")
    return {name: audit[name] for name in COPIED} | {
        "similarity": audit["similarity_to_train"]["test"]["median"],
        "models": score(answer(models, proteins), task.encode(proteins.labels), task),
    }
