"""A simulated data set: protein families shaped like beta-lactamases and what surrounds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from tqdm import tqdm

from arginator.evolution import Evolution, Protein
from arginator.files import write_text
from arginator.params import DemoParams

NEGATIVE = "non"
FOLD_LENGTH_AA = {"serine": 290, "metallo": 250}
OTHER_FOLDS = 40
OTHER_LENGTH_AA = (120, 500)
OTHER_SIZE_SPREAD = 0.7  # standard deviation of the logarithm of a fold's size
FAMILY_SIZE_EXPONENT = 0.8  # the r-th largest family is r^-0.8 times the size of the largest
ALLELES_OF_POSITIVES = 0.5  # share of proteins a few substitutions from another, as TEM-1 and TEM-2
ALLELES_OF_NEGATIVES = 0.2
ALLELE_SUBSTITUTIONS = 2.5  # mean; geometric

DESCRIPTION = """\
name: demo
title: Simulated protein families shaped like beta-lactamases and their surroundings
simulated: true
origin: made by this program; no such protein is known to exist
licence: CC0-1.0
citation: none needed; substitutions after BLOSUM62 (Henikoff & Henikoff 1992)
embedder: null
labels:
  A: simulated Ambler class A
  B: simulated Ambler class B
  C: simulated Ambler class C
  D: simulated Ambler class D
  non: simulated protein that is no beta-lactamase
files:
  - path: proteins.fasta
    labels: labels.tsv
"""


@dataclass(frozen=True)
class SimulatedProtein:
    """A protein that never lived.

    Attributes:
        id: Name within the data set.
        residues: Sequence of standard residues; no other protein of the data set has it.
        label: Ambler class, or `NEGATIVE`.
        category: Kind of protein it stands for.
        family: Family it descends from.
    """

    id: str
    residues: str
    label: str
    category: str
    family: str


@dataclass(frozen=True)
class _Kind:
    """A kind of protein with an ancestor of its own, which descends from the ancestor of a fold."""

    label: str
    category: str
    fold: str
    share: float


# Shares as among NCBI's reference beta-lactamases.
POSITIVE_KINDS = (
    _Kind("A", "serine beta-lactamase", "serine", 0.32),
    _Kind("B", "metallo-beta-lactamase", "metallo", 0.11),
    _Kind("C", "serine beta-lactamase", "serine", 0.31),
    _Kind("D", "serine beta-lactamase", "serine", 0.26),
)
HARD_KINDS = (
    _Kind(NEGATIVE, "penicillin-binding-protein-like", "serine", 0.4),
    _Kind(NEGATIVE, "esterase-like", "serine", 0.3),
    _Kind(NEGATIVE, "metallo-hydrolase-like", "metallo", 0.3),
)


@dataclass(frozen=True)
class _Group:
    """The proteins to make of one kind, or of one other fold."""

    name: str
    label: str
    category: str
    proteins: int
    ancestor: Protein


def simulate(params: DemoParams, seed: int) -> list[SimulatedProtein]:
    """Let protein families evolve; ids are in random order of the families.

    Every fold has an ancestor; kinds within a fold, families within a kind and members within a
    family descend from it on random trees. Families differ in size, and many members are alleles
    that differ from another by a few substitutions.
    """
    evolution = Evolution(np.random.default_rng(seed))
    seen: set[str] = set()
    made = [
        (residues, group.label, group.category, family)
        for group in tqdm(_plan(params, evolution), disable=None, desc="simulate", unit="group")
        for family, residues in _grow_group(group, params, evolution, seen)
    ]
    order = evolution.generator.permutation(len(made))
    return [SimulatedProtein(f"SIM{n:06}", *made[row]) for n, row in enumerate(order, start=1)]


def write_demo(proteins: Sequence[SimulatedProtein], folder: Path) -> None:
    """Write `proteins.fasta`, `labels.tsv` and `dataset.yaml` into `folder`."""
    records = (f">{protein.id} simulated\n{protein.residues}\n" for protein in proteins)
    rows = (f"{p.id}\t{p.label}\t{p.category}\t{p.family}\n" for p in proteins)
    write_text("".join(records), folder / "proteins.fasta")
    write_text("id\tlabel\tcategory\tcluster\n" + "".join(rows), folder / "labels.tsv")
    write_text(DESCRIPTION, folder / "dataset.yaml")


def share_out(total: int, weights: Float[np.ndarray, " k"]) -> Int[np.ndarray, " k"]:
    """Divide `total` things in proportion to `weights`, one for each first if there are enough.

    The parts add up to `total`; the largest remainders get what rounding leaves, ties the first.

    >>> share_out(12, np.array([0.6, 0.3, 0.1]))
    array([6, 4, 2])
    """
    first = min(total // len(weights), 1)
    exact = (total - first * len(weights)) * weights / weights.sum()
    whole: Int[np.ndarray, " k"] = first + np.floor(exact).astype(np.int64)
    left = total - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:left]] += 1
    return whole


def _plan(params: DemoParams, evolution: Evolution) -> list[_Group]:
    """Return how many proteins of each kind to make, and their ancestors."""
    positives = round(params.proteins * params.positive_fraction)
    hard = round((params.proteins - positives) * params.hard_negative_fraction)
    folds = {name: evolution.create(length) for name, length in FOLD_LENGTH_AA.items()}
    return [
        *_plan_kinds(POSITIVE_KINDS, positives, folds, params, evolution),
        *_plan_kinds(HARD_KINDS, hard, folds, params, evolution),
        *_plan_others(params.proteins - positives - hard, evolution),
    ]


def _plan_kinds(
    kinds: Sequence[_Kind],
    proteins: int,
    folds: dict[str, Protein],
    params: DemoParams,
    evolution: Evolution,
) -> Iterator[_Group]:
    """Yield a group for each kind."""
    sizes = share_out(proteins, np.array([kind.share for kind in kinds]))
    for kind, size in zip(kinds, sizes, strict=True):
        ancestor = evolution.diversify(folds[kind.fold], params.class_divergence)
        name = kind.category if kind.label == NEGATIVE else kind.label
        yield _Group(name, kind.label, kind.category, int(size), ancestor)


def _plan_others(proteins: int, evolution: Evolution) -> Iterator[_Group]:
    """Yield a group for each of the other folds."""
    weights = evolution.generator.lognormal(sigma=OTHER_SIZE_SPREAD, size=OTHER_FOLDS)
    for number, size in enumerate(share_out(proteins, weights), start=1):
        ancestor = evolution.create(int(evolution.generator.integers(*OTHER_LENGTH_AA)))
        yield _Group(f"other fold {number}", NEGATIVE, "other fold", int(size), ancestor)


def _grow_group(
    group: _Group, params: DemoParams, evolution: Evolution, seen: set[str]
) -> Iterator[tuple[str, str]]:
    """Yield family and sequence of each protein of a group."""
    families = min(params.families_per_class, group.proteins)
    if not families:
        return
    roots = evolution.grow_tree(group.ancestor, families, params.family_divergence)
    sizes = share_out(group.proteins, np.arange(1, families + 1) ** -FAMILY_SIZE_EXPONENT)
    alleles = ALLELES_OF_NEGATIVES if group.label == NEGATIVE else ALLELES_OF_POSITIVES
    for number, (root, size) in enumerate(zip(roots, sizes, strict=True), start=1):
        variants = max(round(int(size) * (1 - alleles)), 1)
        members = evolution.grow_tree(root, variants, params.member_divergence)
        _add_alleles(members, int(size), evolution)
        for member in members:
            yield f"{group.name} {number}", _make_unique(member, evolution, seen)


def _add_alleles(members: list[Protein], size: int, evolution: Evolution) -> None:
    """Add alleles of random members until there are `size`; those with many alleles get more."""
    while len(members) < size:
        parent = members[evolution.generator.integers(len(members))]
        substitutions = evolution.generator.geometric(1 / ALLELE_SUBSTITUTIONS)
        members.append(evolution.mutate(parent, int(substitutions)))


def _make_unique(protein: Protein, evolution: Evolution, seen: set[str]) -> str:
    """Return the sequence, changed if it was `seen`, and add it there."""
    while str(protein) in seen:
        protein = evolution.mutate(protein, 1)
    seen.add(str(protein))
    return str(protein)
