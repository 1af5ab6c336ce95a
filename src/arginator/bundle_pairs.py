"""Bundles that answer together: one finds a group, the other tells the labels apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arginator.calls import class_unclear
from arginator.errors import ModelError
from arginator.loaded_bundles import Bundle


@dataclass(frozen=True)
class Group:
    """What a binary task looks for, in the words of a multiclass one.

    Attributes:
        positive: Classes that make up the group.
        name: What it is called.
    """

    positive: tuple[str, ...]
    name: str


def check_pair(bundles: Sequence[Bundle]) -> None:
    """Refuse bundles that cannot answer together.

    Raises:
        ModelError: They are of other kinds, vectors or data.
    """
    kinds = [bundle.manifest.signature.kind for bundle in bundles]
    if kinds not in (["binary"], ["multiclass"], ["binary", "multiclass"]):
        problem = f"are of kinds {', '.join(kinds) or 'none'}, expected one, or binary + multiclass"
        raise ModelError("bundles", problem, "name one task")
    signatures = [bundle.manifest.signature for bundle in bundles]
    if len({(s.embedder, s.width, s.source) for s in signatures}) > 1:
        raise ModelError("bundles", "are of other vectors or data", "make both in one run")


def find_group(bundles: Sequence[Bundle]) -> Group | None:
    """Return what the binary one of two bundles looks for."""
    if len(bundles) == 1:
        return None
    settings: Mapping[str, Any] = bundles[0].manifest.facts["params"]["task"]
    known = bundles[1].manifest.signature.classes
    positive = tuple(name for name in known if name in settings["positive"])
    return Group(positive, settings["positive_name"])


def name_positive_calls(bundles: Sequence[Bundle]) -> tuple[str, ...]:
    """Return the calls that say that a protein is of the group that a binary task looks for."""
    group, looks_for = find_group(bundles), bundles[0].manifest.signature.positive
    if group is not None:
        return (*group.positive, class_unclear(group.name))
    return () if looks_for is None else (looks_for,)
