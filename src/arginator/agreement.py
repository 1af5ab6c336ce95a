"""Agreement: what the model of a group and the model of its classes say together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from arginator.calls import Opinion, combine_opinions, contradict, form_opinion, possible_calls
from arginator.errors import ParamsError
from arginator.files import read_json
from arginator.folds import Folds
from arginator.params import BinaryTask, MulticlassTask
from arginator.prepared import Prepared
from arginator.reports import rounded
from arginator.stored_models import load_calibrated

FOLD = "test"
TaskKind = TypeVar("TaskKind", BinaryTask, MulticlassTask)


def judge_agreement(
    prepared: Prepared,
    folds: Folds,
    audit: Mapping[str, Any],
    tasks: Mapping[str, BinaryTask | MulticlassTask],
    models_folder: Path,
    metrics_folder: Path,
) -> dict[str, Any]:
    """Let the two models that ship call the proteins of the test fold.

    Args:
        prepared: The data set.
        folds: The fold of each of its proteins.
        audit: What `arginator.splits` found out about the folds; its `source` and `claims` go
            with the numbers.
        tasks: All tasks; the first binary and the first multiclass one count.
        models_folder: Where the models of all tasks are.
        metrics_folder: Where `<task>/choice.json` names the model that ships.

    Returns:
        `source`, `claims`, `fold` and `proteins`; `models` by task; `agree`, the share of proteins
        whose most probable classes are on the same side; `contradict`, the share where the models
        are sure of opposite sides; and `calls`, the number of each by true label.

    Raises:
        ParamsError: There is no binary or no multiclass task.
        DataError: The folds are of other proteins, or a choice is missing.
        ModelError: A model or its calibration is missing or damaged.
    """
    group_name, group_task = _first(tasks, BinaryTask)
    classes_name, _ = _first(tasks, MulticlassTask)
    chosen = {
        name: read_json(metrics_folder / name / "choice.json")["model"]
        for name in (group_name, classes_name)
    }
    proteins = folds.select(prepared, FOLD)
    group, classes = (_ask(models_folder / name, model, proteins) for name, model in chosen.items())
    positive = tuple(name for name in classes.classes if name in group_task.positive)
    return {
        "source": audit["source"],
        "claims": audit["claims"],
        "fold": FOLD,
        "proteins": len(proteins.labels),
        "models": chosen,
        **count_calls(group, classes, positive, group_task.positive_name, proteins),
    }


def count_calls(
    group: Opinion,
    classes: Opinion,
    positive: tuple[str, ...],
    positive_name: str,
    proteins: Prepared,
) -> dict[str, Any]:
    """Return the shares of agreement and contradiction, and the calls by true label."""
    inside = np.isin(np.array(classes.classes)[classes.top], positive)
    agree = inside == (np.array(group.classes)[group.top] == positive_name)
    against = contradict(group, classes, positive, positive_name)
    calls = combine_opinions(group, classes, positive, positive_name)
    found = Counter(zip(calls, proteins.labels, strict=True))
    return {
        "agree": rounded(agree.mean()),
        "contradict": rounded(against.mean()),
        "calls": {
            call: {label: found[call, label] for label in proteins.about.labels}
            for call in possible_calls(positive, positive_name)
        },
    }


def _first(
    tasks: Mapping[str, BinaryTask | MulticlassTask], kind: type[TaskKind]
) -> tuple[str, TaskKind]:
    """Return the first task of a kind, and its name."""
    for name, task in tasks.items():
        if isinstance(task, kind):
            return name, task
    word = "binary" if kind is BinaryTask else "multiclass"
    raise ParamsError("params.yaml: tasks", f"has no {word} task", f"add one of kind: {word}")


def _ask(models_folder: Path, model: str, proteins: Prepared) -> Opinion:
    """Return what one model of a task says."""
    known = load_calibrated(models_folder)[model]
    raw = known.raw(proteins.embeddings.matrix)
    return form_opinion(known.calibrate(raw), known.sets(raw), known.conformal)
