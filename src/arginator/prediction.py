"""Prediction: what the models of one or two tasks say about proteins, a table of rows a protein.

The one path that the command, the service and jobs on a cluster share. A row depends on its own
vector alone: not on the other rows, their order, the size of a batch or the number of threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float, Float64

from arginator.calls import UNCLEAR, Opinion, combine_opinions, form_opinion
from arginator.embeddings import Embeddings
from arginator.errors import DataError, ModelError
from arginator.loaded_bundles import Bundle

NEIGHBOURS = 3  # that a row names
DECIMALS = 4
OK, NO_INFORMATION = "ok", "not scored: a vector of zeros"


@dataclass(frozen=True)
class Group:
    """What a binary task looks for, in the words of a multiclass one.

    Attributes:
        positive: Classes that make up the group.
        name: What it is called.
    """

    positive: tuple[str, ...]
    name: str


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
        schema: Names and types of the columns.

    Raises:
        ModelError: The bundles do not belong together.
    """

    def __init__(self, bundles: Sequence[Bundle], *, neighbours: bool = True) -> None:
        _check_pair(bundles)
        self.bundles, self._neighbours = tuple(bundles), neighbours
        signature = bundles[0].manifest.signature
        self.embedder, self.width = signature.embedder, signature.width
        self.source, self.simulated = signature.source, signature.simulated
        self.id = "+".join(bundle.id for bundle in bundles)
        self.reference = bundles[-1].reference
        self._known = pa.array(self.reference.ids), pa.array(self.reference.labels)
        self._group = _find_group(bundles)
        self.looks_for = signature.positive
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
        columns: dict[str, Any] = {"id": pa.array(embeddings.ids, pa.string()), "status": status}
        raw = [bundle.model.raw(matrix) for bundle in self.bundles]
        columns |= self._call(raw, scored)
        for bundle, own in zip(self.bundles, raw, strict=True):
            columns |= _probabilities(bundle, own, scored)
        columns |= self._novelty(matrix, scored)
        columns["bundle"] = np.full(len(matrix), self.id)
        arrays = [pa.array(columns[field.name], field.type) for field in self.schema]
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

    def _call(
        self, raw: Sequence[Float64[np.ndarray, "n _"]], scored: Bool[np.ndarray, " n"]
    ) -> dict[str, pa.Array]:
        """Return the call, and the class that it names, if any."""
        opinions = [
            form_opinion(own, bundle.model.calibration, bundle.model.conformal)
            for bundle, own in zip(self.bundles, raw, strict=True)
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
            "call": pa.array(calls, pa.string(), mask=~scored),
            "class": pa.array(named, pa.string(), mask=~scored),
        }

    def _novelty(
        self, matrix: Float[np.ndarray, "n d"], scored: Bool[np.ndarray, " n"]
    ) -> dict[str, pa.Array]:
        """Return how unlike training each protein is, and what is nearest to it there."""
        if not self._neighbours:
            return {}
        reference = self.reference
        nearest = reference.nearest(matrix, max(reference.neighbours, NEIGHBOURS))
        novelty = 1 - nearest.similarity[:, : reference.neighbours].mean(axis=1)
        gone = ~scored
        columns = {
            "novelty": pa.array(novelty.round(DECIMALS), mask=gone),
            "unlike_training": pa.array(reference.flag(novelty), mask=gone),
        }
        ids, labels = self._known
        for place in range(NEIGHBOURS):
            row = pa.array(nearest.row[:, place], mask=gone)
            similarity = nearest.similarity[:, place].round(DECIMALS)
            name = f"neighbour_{place + 1}"
            columns[name] = ids.take(row)
            columns[f"{name}.label"] = labels.take(row)
            columns[f"{name}.similarity"] = pa.array(similarity, mask=gone)
        return columns


def _check_pair(bundles: Sequence[Bundle]) -> None:
    """Refuse bundles that cannot answer together."""
    kinds = [bundle.manifest.signature.kind for bundle in bundles]
    if kinds not in (["binary"], ["multiclass"], ["binary", "multiclass"]):
        problem = f"are of kinds {', '.join(kinds) or 'none'}, expected one, or binary + multiclass"
        raise ModelError("bundles", problem, "name one task")
    signatures = [bundle.manifest.signature for bundle in bundles]
    if len({(s.embedder, s.width, s.source) for s in signatures}) > 1:
        raise ModelError("bundles", "are of other vectors or data", "make both in one run")


def _find_group(bundles: Sequence[Bundle]) -> Group | None:
    """Return what the binary one of two bundles looks for."""
    if len(bundles) == 1:
        return None
    settings: Mapping[str, Any] = bundles[0].manifest.facts["params"]["task"]
    known = bundles[1].manifest.signature.classes
    positive = tuple(name for name in known if name in settings["positive"])
    return Group(positive, settings["positive_name"])


def _call_alone(opinion: Opinion) -> tuple[str, ...]:
    """Return the class of each protein that is sure of one."""
    named = np.array(opinion.classes, dtype=object)[opinion.top]
    return tuple(np.where(opinion.names_class(), named, UNCLEAR).tolist())


def _probabilities(
    bundle: Bundle, raw: Float64[np.ndarray, "n k"], scored: Bool[np.ndarray, " n"]
) -> dict[str, pa.Array]:
    """Return a column a class, and the set of those that cannot be ruled out."""
    calibrated = bundle.model.calibrate(raw).round(DECIMALS)
    classes, gone = bundle.manifest.signature.classes, ~scored
    columns = {
        f"{bundle.task}.{name}": pa.array(calibrated[:, place], mask=gone)
        for place, name in enumerate(classes)
    }
    sets = _join_names(bundle.model.sets(raw), classes)
    return columns | {f"{bundle.task}.set": pa.array(sets, pa.string(), mask=gone)}


def _join_names(member: Bool[np.ndarray, "n k"], names: Sequence[str]) -> np.ndarray:
    """Return the names that hold in each row, joined by bars."""
    if len(member) == 0:
        return np.empty(0, dtype=object)
    found, place = np.unique(np.packbits(member, axis=1), axis=0, return_inverse=True)
    kinds = np.unpackbits(found, axis=1, count=len(names)).astype(bool)
    texts = ["|".join(np.array(names)[kind]) for kind in kinds]
    return np.array(texts, dtype=object)[place.ravel()]
