"""The unknown: is a class or a family that no model has seen flagged as unlike training?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64
from sklearn.metrics import roc_auc_score

from arginator.errors import DataError
from arginator.folds import Folds
from arginator.novelty import doubt, fit_novelty
from arginator.params import BinaryTask, EvaluateParams, MulticlassTask
from arginator.prepared import Prepared
from arginator.reports import rounded
from arginator.studies.runs import Recipe, fit_network, gather
from arginator.tasks import Task, define_task


@dataclass(frozen=True)
class Unknown:
    """What is left out of training, validation, calibration and test.

    Attributes:
        name: Name of the class or family.
        label: Its label.
        mask: Which of the n proteins are left out: the class, or the family with all that share
            a cluster with one of it.
        judged: Which of these are judged.
        labels: The labels that are left.
    """

    name: str
    label: str
    mask: Bool[np.ndarray, " n"]
    judged: Bool[np.ndarray, " n"]
    labels: tuple[str, ...]


def measure_left_out(
    prepared: Prepared,
    folds: Folds,
    audit: Mapping[str, Any],
    name: str,
    task: BinaryTask | MulticlassTask,
    recipe: Recipe,
    params: EvaluateParams,
    families: int,
) -> dict[str, Any]:
    """Leave out one class, then one family after another, and ask a network made without it.

    Each label but the commonest is a class; families are the largest clusters that the data set
    gives itself among the proteins of these labels. Of a class the proteins of the test fold are
    judged, of a family all; the test proteins that are left are those known.

    Args:
        prepared: The data set.
        folds: The fold of each of its proteins.
        audit: What is known about the folds; its `source` and `claims` go with the numbers.
        name: Name of the task.
        task: What the network tells apart.
        recipe: How to make it.
        params: Neighbours, and share of the known that may be flagged.
        families: How many to leave out.

    Returns:
        `source`, `claims`, `neighbours`, `alpha`, the data set's `labels`, and `classes` and
        `families`, each with `label`, `left_out` (proteins), `proteins` (those judged), `known`,
        `auroc` (left out against known) of distance and confidence, the share `flagged` of those
        judged, that of the known (`false_flags`), both by the threshold set on the calibration
        fold, and what the network `called` those judged; and those `skipped`, with the reason.

    Raises:
        DataError: The folds are of other proteins.
        ModelError: A loss is not finite.
    """
    found: dict[str, dict[str, Any]] = {"classes": {}, "families": {}, "skipped": {}}
    unknowns = {
        "classes": list(_classes(prepared, folds)),
        "families": list(_families(prepared, folds, families)),
    }
    for kind, unknown in [(kind, one) for kind, many in unknowns.items() for one in many]:
        try:
            reduced = _task_without(prepared, name, task, unknown)
            found[kind][unknown.name] = _measure(prepared, folds, reduced, unknown, recipe, params)
        except DataError as error:
            found["skipped"][unknown.name] = f"{error.where}: {error.problem}"
    return {
        "source": audit["source"],
        "claims": audit["claims"],
        "neighbours": params.novelty_neighbours,
        "alpha": params.novelty_alpha,
        "labels": list(prepared.about.labels),
        **found,
    }


def _rare_labels(prepared: Prepared) -> list[str]:
    """Return each label but the commonest, in the order of the data set."""
    count = Counter(prepared.labels)
    commonest = max(prepared.about.labels, key=lambda label: count[label])
    return [label for label in prepared.about.labels if label != commonest]


def _classes(prepared: Prepared, folds: Folds) -> Iterator[Unknown]:
    """Yield each class to leave out."""
    label, is_test = np.array(prepared.labels), folds.fold_mask("test")
    for name in _rare_labels(prepared):
        mask = label == name
        left = tuple(other for other in prepared.about.labels if other != name)
        yield Unknown(name, name, mask, mask & is_test, left)


def _families(prepared: Prepared, folds: Folds, families: int) -> Iterator[Unknown]:
    """Yield the largest families to leave out, of equal ones the first by name."""
    pairs = zip(prepared.given_clusters, prepared.labels, strict=True)
    rare = set(_rare_labels(prepared))
    size = Counter((family, label) for family, label in pairs if family and label in rare)
    given = np.array([family or "" for family in prepared.given_clusters])
    ranked = sorted(size.items(), key=lambda item: (-item[1], item[0]))
    first: dict[str, str] = {}
    for (family, label), _ in ranked:
        first.setdefault(str(family), label)
    for family, label in list(first.items())[:families]:
        family_mask = given == family
        mask = np.isin(folds.cluster, np.unique(folds.cluster[family_mask]))
        yield Unknown(family, label, mask, family_mask, tuple(prepared.about.labels))


def _task_without(
    prepared: Prepared, name: str, params: BinaryTask | MulticlassTask, unknown: Unknown
) -> Task:
    """Return the task on the labels that are left."""
    about = prepared.about
    left = replace(about, labels={label: about.labels[label] for label in unknown.labels})
    single = len(left.labels) < 2
    if isinstance(params, BinaryTask):
        positive = tuple(label for label in params.positive if label in left.labels)
        single = not 0 < len(positive) < len(left.labels)
        params = params.model_copy(update={"positive": positive})
    if single:
        raise DataError(f"task {name!r}", f"has a single class without {unknown.name!r}")
    return define_task(name, params, left)


def _measure(
    prepared: Prepared,
    folds: Folds,
    task: Task,
    unknown: Unknown,
    recipe: Recipe,
    params: EvaluateParams,
) -> dict[str, Any]:
    """Make a network without what is unknown and ask it about that."""
    kept = ~unknown.mask
    left, left_folds = prepared.select(kept), _select(folds, kept)
    material = gather(left, left_folds, task)
    network = fit_network(material, recipe)
    index = fit_novelty(
        material.train, material.calibration, params.novelty_neighbours, params.novelty_alpha
    )
    matrix = prepared.embeddings.matrix
    new, known = matrix[unknown.judged], matrix[kept & folds.fold_mask("test")]
    answers = {"new": network.predict_probability(new), "known": network.predict_probability(known)}
    distance = {"new": index.score(new), "known": index.score(known)}
    confidence = {name: doubt(probability) for name, probability in answers.items()}
    called = np.bincount(answers["new"].argmax(axis=1), minlength=len(task.classes))
    return {
        "label": unknown.label,
        "left_out": int(unknown.mask.sum()),
        "proteins": len(new),
        "known": len(known),
        "auroc": {"distance": _auroc(distance), "confidence": _auroc(confidence)},
        "flagged": rounded(index.flag(distance["new"]).mean()),
        "false_flags": rounded(index.flag(distance["known"]).mean()),
        "called": dict(zip(task.classes, called.tolist(), strict=True)),
    }


def _select(folds: Folds, mask: Bool[np.ndarray, " n"]) -> Folds:
    """Return the folds of the proteins where `mask` holds."""
    rows = np.flatnonzero(mask).tolist()
    return Folds(
        tuple(folds.ids[row] for row in rows),
        folds.cluster[mask],
        tuple(folds.fold[row] for row in rows),
        folds.similarity_to_train[mask],
    )


def _auroc(score: Mapping[str, Float64[np.ndarray, " _"]]) -> float:
    """Return the chance that one that is new has a higher score than one that is known."""
    new, known = score["new"], score["known"]
    is_new = np.repeat([True, False], [len(new), len(known)])
    return rounded(roc_auc_score(is_new, np.concatenate([new, known])))
