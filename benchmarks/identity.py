"""How the cosine of k-mer vectors relates to the identity of sequences, on real proteins.

    python benchmarks/identity.py --data FOLDER

FOLDER holds `amrfinder/AMRProt`. Pairs are those of at most five proteins a gene, so that the few
large families do not speak for all; of each bin of cosines a sample is aligned end to end by
Biopython (BLOSUM62, gaps 11 and 1, free at the ends). Identity is that of the aligned columns, of
which at least half of the shorter protein must be part; otherwise it counts as 0.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from Bio.Align import PairwiseAligner, substitution_matrices
from jaxtyping import Float, Float32, Int
from measuring import ROOT, markdown

from arginator.params import Params, load_params
from arginator.preparation import prepare
from arginator.prepared import Prepared
from arginator.similarity import centre_and_scale, cluster_by_similarity, nearest

A_GENE = 5
EDGES = np.array([-1, 0, 0.1, 0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.000001])
LIMITS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
COPIES = (0.4, 0.6, 0.9)  # identities that are asked after


def read_proteins(data: Path, params: Params) -> Prepared:
    """Prepare NCBI's reference proteins as the stage `prepare` does."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "amrfinder"
        source.mkdir()
        shutil.copy(data / "amrfinder" / "AMRProt", source)
        shutil.copy(ROOT / "data/raw/amrfinder/dataset.yaml", source)
        return prepare(source, params.embedder).prepared


def make_aligner() -> PairwiseAligner:
    """Return an aligner of whole proteins that lets their ends hang over."""
    aligner = PairwiseAligner(mode="global")  # type: ignore[no-untyped-call]
    aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")  # type: ignore[no-untyped-call]
    aligner.open_gap_score, aligner.extend_gap_score = -11, -1
    aligner.end_gap_score = 0
    return aligner


def identity(aligner: PairwiseAligner, one: str, other: str) -> float:
    """Return the share of identical residues in an alignment, 0 if too little is aligned."""
    aligned = aligner.align(one, other)[0]  # type: ignore[no-untyped-call]
    blocks = aligned.coordinates
    steps = np.diff(blocks, axis=1)
    columns = int(steps.min(axis=0).sum())
    inner = np.flatnonzero(steps.min(axis=0) > 0)
    if columns < min(len(one), len(other)) / 2:
        return 0.0
    span = int(steps[:, inner[0] : inner[-1] + 1].max(axis=0).sum())
    return float(aligned.counts().identities / span)


def few_a_gene(prepared: Prepared, seed: int) -> Int[np.ndarray, " m"]:
    """Return rows of at most `A_GENE` random proteins of each gene."""
    order = np.random.default_rng(seed).permutation(len(prepared.labels))
    seen: Counter[str | None] = Counter()
    rows = []
    for row in order.tolist():
        gene = prepared.given_clusters[row]
        seen[gene] += 1
        if seen[gene] <= A_GENE:
            rows.append(row)
    return np.sort(np.array(rows))


def bin_table(prepared: Prepared, unit: Float32[np.ndarray, "n d"], pairs: int, seed: int) -> str:
    """Return what a cosine says about identity."""
    rows = few_a_gene(prepared, seed)
    cosine = unit[rows] @ unit[rows].T
    left, right = np.triu_indices(len(rows), 1)
    place = np.digitize(cosine[left, right], EDGES) - 1
    aligner, rng = make_aligner(), np.random.default_rng(seed)
    found: list[tuple[int, Float[np.ndarray, " p"]]] = []
    for index in range(len(EDGES) - 1):
        there = np.flatnonzero(place == index)
        chosen = rng.permutation(there)[:pairs]
        both = zip(rows[left[chosen]].tolist(), rows[right[chosen]].tolist(), strict=True)
        residues = [(prepared.sequences[i] or "", prepared.sequences[j] or "") for i, j in both]
        found.append((len(there), np.array([identity(aligner, *pair) for pair in residues])))
    copies = [count * float((values > COPIES[0]).mean()) for count, values in found]
    table = []
    for index, (count, values) in enumerate(found):
        median, low, high = np.quantile(values, [0.5, 0.05, 0.95])
        shares = [f"{(values > copy).mean():.1%}" for copy in COPIES]
        kept = sum(copies[index:]) / sum(copies)
        span = f"{max(EDGES[index], -1):.2f} to {min(EDGES[index + 1], 1):.2f}"
        table.append(
            (span, f"{count:,}", f"{median:.0%}", f"{low:.0%}–{high:.0%}", *shares, f"{kept:.0%}")
        )
    header = ("cosine", "pairs", "median", "5–95 %", "> 40 %", "> 60 %", "> 90 %")
    return markdown((*header, "of pairs > 40 %, from here on"), table)


def limit_table(unit: Float32[np.ndarray, "n d"], params: Params) -> str:
    """Return what each limit makes of the proteins, and what a random split would leak."""
    held_out = np.random.default_rng(params.seed).random(len(unit)) >= params.split.fractions.train
    similarity = nearest(unit[held_out], unit[~held_out])[1]
    table = []
    for limit in LIMITS:
        size = np.bincount(cluster_by_similarity(unit, limit))
        above = float((similarity > np.float32(limit)).mean())
        table.append((f"{limit:g}", f"{len(size):,}", f"{size.max():,}", f"{above:.1%}"))
    return markdown(("limit", "clusters", "largest", "above it in a random split"), table)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the real data")
    parser.add_argument("--pairs", type=int, default=300, help="pairs aligned a bin")
    args = parser.parse_args()
    params = load_params(ROOT / "params.yaml")
    prepared = read_proteins(args.data, params)
    unit = centre_and_scale(prepared.embeddings.matrix)
    print(f"{len(unit):,} proteins, {prepared.about.embedder}\n")
    print(bin_table(prepared, unit, args.pairs, params.seed) + "\n")
    print(limit_table(unit, params))


if __name__ == "__main__":
    main()
