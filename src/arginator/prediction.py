"""Prediction: what the models of one or two tasks say about proteins, a table of rows a protein.

The one path that the command, the service and jobs on a cluster share. A row depends on its own
vector alone: not on the other rows, their order, the size of a batch or the number of threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float, Float64

from arginator.bundle_pairs import check_pair, find_group, name_positive_calls
from arginator.calls import UNCLEAR, Opinion, combine_opinions, form_opinion
from arginator.embeddings import Embeddings
from arginator.errors import DataError
from arginator.loaded_bundles import Bundle

NEIGHBOURS = 3  # that a row names
DECIMALS = 4
Gone = Bool[np.ndarray, " n"] | None  # which rows are not scored; None if all are
OK, NO_INFORMATION = "ok", "not scored: a vector of zeros"


class _Answer(NamedTuple):
    """What one model says of n proteins.

    Attributes:
        bundle: The model's.
        calibrated: Calibrated probabilities.
        member: Which classes cannot be ruled out.
    """

    bundle: Bundle
    calibrated: Float64[np.ndarray, "n k"]
    member: Bool[np.ndarray, "n k"]


class Predictor:
    """Scores proteins by a bundle, or by two of the same data that answer together.

    Args:
        bundles: One bundle, or one of a binary and one of a multiclass task.
        neighbours: Whether to say how unlike training a protein is and which training proteins
            are nearest, which takes longer than all else.

    Attributes:
        bundles: The bundles.
        embedder: What must have made the vectors.
        width: Numbers in a vector, d.
        source: Name of the data set that the models were trained on.
        simulated: Whether its proteins are simulated.
        id: Ids of the bundles.
        reference: The training proteins as points.
        looks_for: Name of the positive class of the binary task, if it was asked.
        positive_calls: The calls that say that a protein is of it.
        schema: Names and types of the columns.

    Raises:
        ModelError: The bundles do not belong together.
    """

    def __init__(self, bundles: Sequence[Bundle], *, neighbours: bool = True) -> None:
        check_pair(bundles)
        self.bundles, self._neighbours = tuple(bundles), neighbours
        signature = bundles[0].manifest.signature
        self.embedder, self.width = signature.embedder, signature.width
        self.source, self.simulated = signature.source, signature.simulated
        self.id = "+".join(bundle.id for bundle in bundles)
        self.reference = bundles[-1].reference
        known = self.reference.ids, self.reference.labels
        self._known = tuple(np.array(names, dtype=object) for names in known)
        self._group = find_group(bundles)
        self.looks_for = signature.positive
        self.positive_calls = name_positive_calls(bundles)
        self.schema = pa.schema(self._fields())

    def warm_up(self) -> None:
        """Make now what the first answer would wait for; the answers stay the same."""
        if self._neighbours:
            self.reference.warm_up()

    def predict(
        self, embeddings: Embeddings, statuses: Mapping[str, str] | None = None
    ) -> pa.RecordBatch:
        """Return a row a protein, in order.

        A vector of zeros carries no information: its row says so, and its other columns are null.

        Args:
            embeddings: The proteins.
            statuses: What the rows of some of them say as their status, by id.

        Raises:
            DataError: The vectors have another width, or a number in them is not finite.
        """
        matrix = np.ascontiguousarray(embeddings.matrix, dtype=np.float32)
        if matrix.shape[1] != self.width:
            raise DataError(
                "vectors",
                f"width {matrix.shape[1]:,}, expected {self.width:,} as made by {self.embedder!r}",
                "embed the proteins with that",
            )
        scored = np.asarray(matrix.any(axis=1))
        status = [OK if row else NO_INFORMATION for row in scored.tolist()]
        if statuses:
            pairs = zip(embeddings.ids, status, strict=True)
            status = [statuses.get(name, usual) for name, usual in pairs]
        text = pa.string()
        columns = {"id": pa.array(embeddings.ids, text), "status": pa.array(status, text)}
        gone = None if scored.all() else ~scored
        answers = [_ask(bundle, matrix) for bundle in self.bundles]
        columns |= self._call(answers, gone)
        for answer in answers:
            columns |= _probabilities(answer, gone)
        columns |= self._novelty(matrix, gone)
        columns["bundle"] = pa.repeat(self.id, len(matrix))
        arrays = [columns[name] for name in self.schema.names]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _fields(self) -> list[pa.Field]:
        """Return the columns, in order."""
        text, number = pa.string(), pa.float64()
        names = ["id", "status", "call", "class"]
        fields = [pa.field(name, text) for name in names]
        for bundle in self.bundles:
            classes = bundle.manifest.signature.classes
            fields += [pa.field(f"{bundle.task}.{name}", number) for name in classes]
            fields.append(pa.field(f"{bundle.task}.set", text))
        if self._neighbours:
            fields += [pa.field("novelty", number), pa.field("unlike_training", pa.bool_())]
            for place in range(1, NEIGHBOURS + 1):
                fields += [
                    pa.field(f"neighbour_{place}", text),
                    pa.field(f"neighbour_{place}.label", text),
                    pa.field(f"neighbour_{place}.similarity", number),
                ]
        return [*fields, pa.field("bundle", text)]

    def _call(self, answers: Sequence[_Answer], gone: Gone) -> dict[str, pa.Array]:
        """Return the call, and the class that it names, if any."""
        opinions = [
            form_opinion(answer.calibrated, answer.member, answer.bundle.model.conformal)
            for answer in answers
        ]
        if self._group is None:
            calls = _call_alone(opinions[0])
            classes: Sequence[str] = opinions[0].classes
        else:
            group, names = opinions
            calls = combine_opinions(group, names, self._group.positive, self._group.name)
            classes = self._group.positive
        named = [call if call in classes else None for call in calls]
        return {
            "call": pa.array(calls, pa.string(), mask=gone),
            "class": pa.array(named, pa.string(), mask=gone),
        }

    def _novelty(self, matrix: Float[np.ndarray, "n d"], gone: Gone) -> dict[str, pa.Array]:
        """Return how unlike training each protein is, and what is nearest to it there."""
        if not self._neighbours:
            return {}
        reference = self.reference
        nearest = reference.nearest(matrix, max(reference.neighbours, NEIGHBOURS))
        novelty = 1 - nearest.similarity[:, : reference.neighbours].mean(axis=1)
        columns = {
            "novelty": pa.array(novelty.round(DECIMALS), mask=gone),
            "unlike_training": pa.array(reference.flag(novelty), mask=gone),
        }
        similarity = nearest.similarity[:, :NEIGHBOURS].T.round(DECIMALS)
        ids, labels = (names[nearest.row[:, :NEIGHBOURS].T] for names in self._known)
        for place in range(NEIGHBOURS):
            name = f"neighbour_{place + 1}"
            columns[name] = pa.array(ids[place], pa.string(), mask=gone)
            columns[f"{name}.label"] = pa.array(labels[place], pa.string(), mask=gone)
            columns[f"{name}.similarity"] = pa.array(similarity[place], mask=gone)
        return columns


def _call_alone(opinion: Opinion) -> tuple[str, ...]:
    """Return the class of each protein that is sure of one."""
    named = np.array(opinion.classes, dtype=object)[opinion.top]
    return tuple(np.where(opinion.names_class(), named, UNCLEAR).tolist())


def _ask(bundle: Bundle, matrix: Float[np.ndarray, "n d"]) -> _Answer:
    """Return what the model of a bundle says of each protein."""
    raw = bundle.model.raw(matrix)
    return _Answer(bundle, bundle.model.calibrate(raw), bundle.model.sets(raw))


def _probabilities(answer: _Answer, gone: Gone) -> dict[str, pa.Array]:
    """Return a column a class, and the set of those that cannot be ruled out."""
    task, classes = answer.bundle.task, answer.bundle.manifest.signature.classes
    calibrated = answer.calibrated.T.round(DECIMALS)
    columns = {
        f"{task}.{name}": pa.array(column, mask=gone)
        for name, column in zip(classes, calibrated, strict=True)
    }
    sets = _join_names(answer.member, classes)
    return columns | {f"{task}.set": pa.array(sets, pa.string(), mask=gone)}


def _join_names(member: Bool[np.ndarray, "n k"], names: Sequence[str]) -> list[str]:
    """Return the names that hold in each row, joined by bars."""
    packed = np.packbits(member, axis=1)
    keys: list[bytes] = packed.view(f"V{packed.shape[1]}").ravel().tolist()
    texts: dict[bytes, str] = {}
    for row, key in enumerate(keys):
        if key not in texts:
            texts[key] = "|".join(compress(names, member[row]))
    return [texts[key] for key in keys]
