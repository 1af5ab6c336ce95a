"""The gap: what the same models seem worth when similar proteins may be on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arginator.folds import BANDS
from arginator.params import SplitParams
from arginator.prepared import Prepared
from arginator.reports import rounded
from arginator.splits import split
from arginator.studies.runs import Recipe, answer, fit_models, gather, name_source, score
from arginator.tasks import Task

APART, RANDOM = "cluster", "random"


def measure_gap(
    prepared: Prepared, task: Task, params: SplitParams, recipe: Recipe
) -> dict[str, Any]:
    """Judge the same models under a split of whole clusters and under a random one.

    Proteins, fractions, parameters and seed are the same; which proteins a model learns from and
    is judged on is not.

    Returns:
        `source`, `claims` (false), `max_similarity`, for each of `splits` the test fold's
        `proteins`, its `bands` of similarity to training, the scores of the `models`, all and
        `by_band`, and the `gap`: random minus cluster, for each score of each model.

    Raises:
        DataError: The data cannot be split, or a class is missing from a fold.
        ModelError: A loss is not finite.
    """
    splits = {
        method: _measure(prepared, task, params.model_copy(update={"method": method}), recipe)
        for method in (APART, RANDOM)
    }
    return {
        "source": name_source(prepared),
        "claims": False,
        "max_similarity": params.max_similarity,
        "splits": splits,
        "gap": _subtract(splits[RANDOM]["models"], splits[APART]["models"]),
    }


def _measure(prepared: Prepared, task: Task, params: SplitParams, recipe: Recipe) -> dict[str, Any]:
    """Split, fit, and judge on the test fold, as a whole and by similarity to training."""
    folds = split(prepared, params, recipe.seed).folds
    models = fit_models(gather(prepared, folds, task), recipe)
    proteins, is_test = folds.select(prepared, "test"), folds.fold_mask("test")
    target, answers = task.encode(proteins.labels), answer(models, proteins)
    masks = {band: folds.band_mask(band, params.bands)[is_test] for band in BANDS}
    return {
        "proteins": len(target),
        "bands": {band: int(mask.sum()) for band, mask in masks.items()},
        "models": score(answers, target, task),
        "by_band": {
            band: {"proteins": int(mask.sum()), "models": score(answers, target, task, mask)}
            for band, mask in masks.items()
            if mask.any()
        },
    }


def _subtract(
    left: Mapping[str, Mapping[str, float]], right: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, float]]:
    """Return left minus right for each score of each model."""
    return {
        model: {name: rounded(value - right[model][name]) for name, value in scores.items()}
        for model, scores in left.items()
    }
