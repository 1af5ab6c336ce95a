"""Simulated evolution of protein sequences: substitutions, insertions, deletions, random trees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from Bio.Align import substitution_matrices
from jaxtyping import Float, Int

from arginator.sequences import STANDARD_RESIDUES

RATE_SHAPE = 0.9  # of the gamma distribution: some sites hardly change, some all the time
RATE_SPAN = 5  # neighbouring sites that change alike, as in loops and around active sites
CONSERVED_RATE = 0.1  # substitutions for one at an average site; slower sites are never deleted
INDELS_PER_SUBSTITUTION = 0.03
INDEL_LENGTH_AA = 3.0  # mean; geometric
SHORTEST_AA = 50  # nothing is deleted that would leave less
EARLY_FORKS = 6.0  # power of the uniform share of the way at which a branch forks: 1 is uniform


@dataclass(frozen=True)
class Protein:
    """A sequence on its way through evolution.

    Attributes:
        residues: Index of each residue in `STANDARD_RESIDUES`.
        rates: Substitutions at each site for one at an average site.
    """

    residues: Int[np.ndarray, " l"]
    rates: Float[np.ndarray, " l"]

    def __str__(self) -> str:
        return "".join(STANDARD_RESIDUES[index] for index in self.residues)


class Evolution:
    """Changes proteins along branches and trees, with exchange probabilities after BLOSUM62.

    Substitutions are a reversible Markov process, run event by event, which is exact. A unit of
    divergence is one substitution per site at a site of rate 1.

    Args:
        generator: Source of all randomness.

    References:
        Henikoff & Henikoff 1992, https://doi.org/10.1073/pnas.89.22.10915 (BLOSUM62)
        Yang 1993, https://doi.org/10.1093/oxfordjournals.molbev.a040082 (gamma rates)
    """

    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator
        self.frequency, exchange = residue_exchange()
        leaving = exchange.sum(axis=1)
        stay = np.diag(1 - leaving / leaving.max())
        self._events_per_substitution = leaving.max() / (self.frequency @ leaving)
        self._cumulative_step = (exchange / leaving.max() + stay).cumsum(axis=1)

    def create(self, length_aa: int) -> Protein:
        """Return a random protein that starts with a methionine that stays."""
        residues = self.generator.choice(len(STANDARD_RESIDUES), length_aa, p=self.frequency)
        rates = np.sort(self.generator.gamma(RATE_SHAPE, 1 / RATE_SHAPE, length_aa))
        level = np.convolve(self.generator.normal(size=length_aa), np.ones(RATE_SPAN), "same")
        rates = rates[level.argsort().argsort()]
        residues[0], rates[0] = STANDARD_RESIDUES.index("M"), 0
        return Protein(residues, rates)

    def evolve(self, protein: Protein, divergence: float) -> Protein:
        """Return the end of a branch of `divergence` substitutions per site."""
        protein = Protein(self._substitute(protein, divergence), protein.rates)
        substitutions = divergence * protein.rates.sum()
        for _ in range(self.generator.poisson(INDELS_PER_SUBSTITUTION * substitutions)):
            change = self._insert if self.generator.random() < 0.5 else self._delete
            protein = change(protein)
        return protein

    def diversify(self, protein: Protein, divergence: float) -> Protein:
        """Return a relative with another function: conserved sites change nearly as others do."""
        root = np.sqrt(protein.rates)
        changed = self.evolve(Protein(protein.residues, root / root.mean()), divergence)
        return Protein(changed.residues, np.square(changed.rates * root.mean()))

    def mutate(self, protein: Protein, substitutions: int) -> Protein:
        """Return an allele: the protein with so many residues replaced, at variable sites."""
        residues = protein.residues.copy()
        weight = np.sqrt(protein.rates)
        for site in self.generator.choice(len(residues), substitutions, p=weight / weight.sum()):
            residues[site] += self.generator.integers(1, len(STANDARD_RESIDUES))
        return Protein(residues % len(STANDARD_RESIDUES), protein.rates)

    def grow_tree(self, root: Protein, leaves: int, divergence: float) -> list[Protein]:
        """Return the leaves of a random tree that forks at `root`, each at the same divergence."""
        if leaves == 1:
            return [self.evolve(root, divergence)]
        left = int(self.generator.integers(1, leaves))
        return [
            leaf
            for share in (left, leaves - left)
            for leaf in self._grow_branch(root, share, divergence)
        ]

    def _grow_branch(self, root: Protein, leaves: int, divergence: float) -> list[Protein]:
        """Return the leaves of a branch from `root` that forks on its way if it has several."""
        if leaves == 1:
            return [self.evolve(root, divergence)]
        spent = divergence * self.generator.random() ** EARLY_FORKS
        return self.grow_tree(self.evolve(root, spent), leaves, divergence - spent)

    def _substitute(self, protein: Protein, divergence: float) -> Int[np.ndarray, " l"]:
        """Return the residues after a branch of `divergence` substitutions per site."""
        residues = protein.residues.copy()
        mean = protein.rates * divergence * self._events_per_substitution
        events = self.generator.poisson(mean)
        while (site := np.flatnonzero(events)).size:
            drawn = self.generator.random((site.size, 1))
            step = (self._cumulative_step[residues[site]] < drawn).sum(axis=1)
            residues[site] = step.clip(max=len(STANDARD_RESIDUES) - 1)
            events[site] -= 1
        return residues

    def _insert(self, protein: Protein) -> Protein:
        """Return the protein with new residues behind a variable site, as variable as it."""
        site, length = self._pick_site(protein), self._pick_length()
        residues = self.generator.choice(len(STANDARD_RESIDUES), length, p=self.frequency)
        return Protein(
            np.insert(protein.residues, site + 1, residues),
            np.insert(protein.rates, site + 1, np.full(length, protein.rates[site])),
        )

    def _delete(self, protein: Protein) -> Protein:
        """Return the protein without some residues, from a variable site up to a conserved one."""
        site, length = self._pick_site(protein), self._pick_length()
        conserved = np.flatnonzero(protein.rates[site : site + length] < CONSERVED_RATE)
        gone = slice(site, site + (int(conserved[0]) if conserved.size else length))
        shorter = Protein(np.delete(protein.residues, gone), np.delete(protein.rates, gone))
        return shorter if len(shorter.residues) >= SHORTEST_AA else protein

    def _pick_site(self, protein: Protein) -> int:
        """Return a random site, in proportion to the rates."""
        return int(self.generator.choice(len(protein.rates), p=protein.rates / protein.rates.sum()))

    def _pick_length(self) -> int:
        """Return a random length of an insertion or deletion."""
        return int(self.generator.geometric(1 / INDEL_LENGTH_AA))


def residue_exchange() -> tuple[Float[np.ndarray, " 20"], Float[np.ndarray, "20 20"]]:
    """Return the residue frequencies that BLOSUM62 implies, and its exchange rates, not scaled.

    A score s of residues a and b says that they share a site 2^(s/2) times as often as by chance.
    Row a, column b of the rates is how often a turns into b; the diagonal is 0.

    References:
        Yu et al. 2003, https://doi.org/10.1073/pnas.2533904100 (frequencies of a matrix)
    """
    matrix = substitution_matrices.load("BLOSUM62")  # type: ignore[no-untyped-call]
    score = np.array([[matrix[a, b] for b in STANDARD_RESIDUES] for a in STANDARD_RESIDUES])
    odds = 2.0 ** (score / 2)
    frequency = np.linalg.solve(odds, np.ones(len(odds)))
    frequency /= frequency.sum()
    return frequency, odds * frequency * (1 - np.eye(len(odds)))
