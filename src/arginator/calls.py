"""Calls: one answer a protein from two models, one that finds a group and one that names classes.

A model is sure of a side, inside or outside the group, if its most probable class is on that side
and so is every class that its conformal set cannot rule out. Two models that are sure of opposite
sides contradict each other, and the call says so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from arginator.conformal import Conformal

UNCLEAR = "unclear"
CONTRADICTION = "unclear, the models contradict each other"


@dataclass(frozen=True)
class Opinion:
    """What one model says about n proteins.

    Attributes:
        classes: The k class names in the order of the columns.
        top: Most probable class of each protein, an index into `classes`.
        possible: Whether a class cannot be ruled out.
    """

    classes: tuple[str, ...]
    top: Int[np.ndarray, " n"]
    possible: Bool[np.ndarray, "n k"]

    def sure_of(self, group: Collection[str]) -> Bool[np.ndarray, " n"]:
        """Tell for each protein whether the probable and all possible classes are in `group`.

        A model that rules out every class is sure of nothing.
        """
        inside = np.array([name in group for name in self.classes])
        beyond = (self.possible & ~inside).any(axis=1)
        return np.asarray(inside[self.top] & self.possible.any(axis=1) & ~beyond)

    def names_class(self) -> Bool[np.ndarray, " n"]:
        """Tell for each protein whether one class is possible and it is the most probable."""
        one = self.possible.sum(axis=1) == 1
        return np.asarray(one & self.possible[np.arange(len(self.top)), self.top])


def form_opinion(
    calibrated: Float[np.ndarray, "n k"], member: Bool[np.ndarray, "n k"], conformal: Conformal
) -> Opinion:
    """Return what one model says.

    A class that had too few proteins to be ruled out is in every set and tells nothing; it counts
    as possible only where it is the most probable.

    Args:
        calibrated: Its calibrated probabilities.
        member: Its conformal sets.
        conformal: The rule of the sets.
    """
    top = calibrated.argmax(axis=1)
    telling = np.array([name in conformal.quantile for name in conformal.classes])
    most_probable = np.arange(len(conformal.classes)) == top[:, None]
    return Opinion(conformal.classes, top, member & (telling | most_probable))


def combine_opinions(
    group: Opinion, classes: Opinion, positive: Sequence[str], positive_name: str
) -> tuple[str, ...]:
    """Return one call a protein.

    It is the name of a class in the group if one model is sure of the group, the other not of the
    opposite, and the second names that class; "<group>, class unclear" if it names none; "not a
    <group>" if one model is sure that the protein is outside and the other not of the opposite;
    "unclear" if neither is sure; and it says so if the two contradict each other.

    Args:
        group: Opinion of the model whose positive class is `positive_name`.
        classes: Opinion of the model that tells the labels apart.
        positive: Labels that make up the group.
        positive_name: What the group is called.
    """
    negative = [name for name in classes.classes if name not in positive]
    others = [name for name in group.classes if name != positive_name]
    inside, outside = group.sure_of([positive_name]), group.sure_of(others)
    inside_too, outside_too = classes.sure_of(positive), classes.sure_of(negative)
    named = np.array(classes.classes, dtype=object)[classes.top]
    unnamed = class_unclear(positive_name)
    call = np.full(len(named), UNCLEAR, dtype=object)
    call[outside | outside_too] = outside_name(positive_name)
    member = inside | inside_too
    call[member] = np.where(classes.names_class() & inside_too, named, unnamed)[member]
    call[member & (outside | outside_too)] = CONTRADICTION
    return tuple(call.tolist())


def contradict(
    group: Opinion, classes: Opinion, positive: Sequence[str], positive_name: str
) -> Bool[np.ndarray, " n"]:
    """Tell for each protein whether the two are sure of opposite sides."""
    calls = combine_opinions(group, classes, positive, positive_name)
    return np.array([call == CONTRADICTION for call in calls], dtype=bool)


def possible_calls(positive: Sequence[str], positive_name: str) -> tuple[str, ...]:
    """Return every call there is, in the order in which reports show them."""
    unnamed, outside = class_unclear(positive_name), outside_name(positive_name)
    return (*positive, unnamed, outside, UNCLEAR, CONTRADICTION)


def class_unclear(positive_name: str) -> str:
    """Return the call of a member of the group whose class is not clear."""
    return f"{positive_name}, class unclear"


def outside_name(positive_name: str) -> str:
    """Return the call of a protein outside the group.

    >>> outside_name("beta-lactamase"), outside_name("esterase")
    ('not a beta-lactamase', 'not an esterase')
    """
    article = "an" if positive_name[0].lower() in "aeiou" else "a"
    return f"not {article} {positive_name}"
