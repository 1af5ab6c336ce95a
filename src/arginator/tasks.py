"""Tasks: which labels a model tells apart, and what it says about itself wherever it goes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from arginator.errors import ModelError, ParamsError
from arginator.params import BinaryTask, MulticlassTask
from arginator.prepared import Provenance


@dataclass(frozen=True)
class Task:
    """A classification task on a given data set.

    Attributes:
        name: Name under `tasks` in params.yaml.
        kind: "binary" (one output, sigmoid) or "multiclass" (one output a class, softmax).
        classes: The k class names in the order of a model's columns; for a binary task the
            negative class and then the positive one.
        class_of: Class name of each label of the data set.
    """

    name: str
    kind: Literal["binary", "multiclass"]
    classes: tuple[str, ...]
    class_of: dict[str, str]

    @property
    def outputs(self) -> int:
        """Numbers a network puts out: 1 for a binary task, k for a multiclass one."""
        return 1 if self.kind == "binary" else len(self.classes)

    def encode(self, labels: Sequence[str]) -> Int[np.ndarray, " n"]:
        """Return the class index of each label."""
        index_of = {name: index for index, name in enumerate(self.classes)}
        return np.array([index_of[self.class_of[label]] for label in labels], dtype=np.int64)


def define_task(name: str, params: BinaryTask | MulticlassTask, about: Provenance) -> Task:
    """Return the task that `params` describe on the data set `about`.

    Raises:
        ParamsError: A positive label is not in the data set, or all labels are positive.
    """
    labels = list(about.labels)
    if isinstance(params, MulticlassTask):
        return Task(name, "multiclass", tuple(labels), {label: label for label in labels})
    where = f"params.yaml: tasks.{name}.positive"
    unknown = [label for label in params.positive if label not in labels]
    if unknown:
        raise ParamsError(
            where,
            f"labels not in data set {about.source!r}: {', '.join(map(repr, unknown))}; "
            f"it has {', '.join(labels)}",
            "name labels that it has",
        )
    if set(params.positive) == set(labels):
        raise ParamsError(where, f"covers every label of {about.source!r}", "leave a negative one")
    classes = (params.negative_name, params.positive_name)
    class_of = {label: classes[label in params.positive] for label in labels}
    return Task(name, "binary", classes, class_of)


@dataclass(frozen=True)
class Signature:
    """What a stored model says about itself; written into every model file.

    Attributes:
        task: Name of the task.
        kind: "binary" or "multiclass".
        classes: Class names in the order of the model's columns.
        positive: The positive class of a binary task, else None.
        width: Numbers in a vector, d.
        embedder: Name of what made the vectors.
        source: Name of the data set it was trained on.
        simulated: True if that data set is simulated.
    """

    task: str
    kind: Literal["binary", "multiclass"]
    classes: tuple[str, ...]
    positive: str | None
    width: int
    embedder: str
    source: str
    simulated: bool

    def to_json(self) -> str:
        """Return the signature as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @staticmethod
    def from_json(text: str, where: object) -> Signature:
        """Read what `to_json` wrote.

        Raises:
            ModelError: `text` is no signature.
        """
        try:
            content = json.loads(text)
            return Signature(**content | {"classes": tuple(content["classes"])})
        except (ValueError, TypeError, KeyError):
            raise ModelError(where, "carries no readable signature", "train it again") from None


def sign(task: Task, width: int, about: Provenance) -> Signature:
    """Return the signature of a model of `task` trained on vectors of `width` from `about`."""
    positive = task.classes[1] if task.kind == "binary" else None
    return Signature(
        task.name,
        task.kind,
        task.classes,
        positive,
        width,
        about.embedder,
        about.source,
        about.simulated,
    )


def refuse_misfit(where: object, signature: Signature, asked: Signature) -> None:
    """Refuse a model that was made for other vectors or classes than it is asked about.

    Args:
        where: The model.
        signature: What it says about itself.
        asked: What it has to be.

    Raises:
        ModelError: They differ in embedder, width or classes.
    """
    for name in ("embedder", "width", "classes"):
        found, expected = getattr(signature, name), getattr(asked, name)
        if found != expected:
            problem = f"was made for {name} {found!r}, but the data has {expected!r}"
            raise ModelError(where, problem, "train on this data with `dvc repro`")


def class_probability(
    logit: Float[np.ndarray, "n outputs"],
) -> Float[np.ndarray, "n k"]:
    """Turn a network's outputs into one probability a class: sigmoid of one column, else softmax.

    >>> class_probability(np.array([[0.0]]))
    array([[0.5, 0.5]])
    """
    rows, outputs = logit.shape
    scaled = np.zeros((rows, max(outputs, 2)))
    scaled[:, -outputs:] = logit
    scaled -= scaled.max(axis=1, keepdims=True)
    np.exp(scaled, out=scaled)
    scaled /= scaled.sum(axis=1, keepdims=True)
    return scaled
