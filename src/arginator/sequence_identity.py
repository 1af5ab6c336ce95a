"""Identity of sequences: which proteins MMseqs2 finds to share how many of their residues."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from arginator.errors import DataError

MIN_COVERAGE = 0.5  # of the shorter protein: a fragment is a copy, a shared short motif is not
MAX_E_VALUE = 0.001
SENSITIVITY = 5.7  # as MMseqs2 searches by default; 7.5 takes four times as long
COLUMNS = "query,target,fident,qcov,tcov"
LAST_WORDS = 300  # characters kept of what a failed MMseqs2 printed


@dataclass(frozen=True)
class Hits:
    """Pairs of proteins that align with each other, by row, each pair once.

    Attributes:
        left: Row of the one protein.
        right: Row of the other, larger than `left`.
        identity: Share of identical residues in the alignment, gaps counted.
    """

    left: Int[np.ndarray, " p"]
    right: Int[np.ndarray, " p"]
    identity: Float32[np.ndarray, " p"]

    def above(self, limit: float) -> Hits:
        """Return the pairs that are more identical than `limit`."""
        mask = self.identity > np.float32(limit)
        return Hits(self.left[mask], self.right[mask], self.identity[mask])

    def components(self, proteins: int) -> Int[np.ndarray, " n"]:
        """Return the connected component of each protein, numbered by first appearance."""
        edges = (np.ones(len(self.left), dtype=bool), (self.left, self.right))
        graph = coo_array(edges, shape=(proteins, proteins))
        return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)

    def nearest(
        self, queries: Bool[np.ndarray, " n"], references: Bool[np.ndarray, " n"]
    ) -> tuple[Int[np.ndarray, " n"], Float32[np.ndarray, " n"]]:
        """Return the most identical reference of each query, and that identity.

        Ties go to the lowest row. A query without a hit has row -1 and identity 0; a protein that
        is no query row -1 and identity NaN.
        """
        row = np.full(len(queries), -1, dtype=np.int64)
        identity = np.where(queries, np.float32(0), np.float32(np.nan))
        one = np.concatenate([self.left, self.right])
        other = np.concatenate([self.right, self.left])
        both = np.concatenate([self.identity, self.identity])
        order = np.lexsort((-other, both))  # the last of a protein's hits is the best
        order = order[(queries[one] & references[other])[order]]
        row[one[order]], identity[one[order]] = other[order], both[order]
        return row, identity


def find_hits(sequences: Sequence[str]) -> Hits:
    """Align all proteins with each other by MMseqs2 and return the pairs that it finds.

    A pair counts if its alignment covers at least half of the shorter protein at an E-value of at
    most 0.001. Rows serve as names, so that ids may be anything.

    Raises:
        DataError: MMseqs2 is not installed or fails.

    References:
        Steinegger & Söding 2017, Nature Biotechnology 35:1026, doi:10.1038/nbt.3988.
    """
    program = shutil.which("mmseqs")
    if program is None:
        raise DataError(
            "split.cluster_by",
            "is 'sequence', but MMseqs2 (the program `mmseqs`) is not installed",
            "install it (`conda install -c bioconda mmseqs2` or `apt install mmseqs2`) or set "
            "split.cluster_by to embedding",
        )
    with tempfile.TemporaryDirectory(prefix="arginator-") as folder:
        fasta, table = Path(folder) / "proteins.fasta", Path(folder) / "hits.tsv"
        records = (f">{row}\n{residues}\n" for row, residues in enumerate(sequences))
        fasta.write_text("".join(records), encoding="ascii")
        _search(program, fasta, table, len(sequences))
        return _read_hits(table)


def _search(program: str, fasta: Path, table: Path, proteins: int) -> None:
    """Let MMseqs2 align every protein with every other that may be similar."""
    command = [program, "easy-search", fasta, fasta, table, fasta.parent / "scratch"]
    settings = {
        "--format-output": COLUMNS,
        "--max-seqs": proteins,  # none is cut off
        "--mask": 0,  # copies of repetitive proteins are copies
        "--alignment-mode": 3,
        "-e": MAX_E_VALUE,
        "-s": SENSITIVITY,
        "-v": 1,
    }
    words = [str(word) for word in (*command, *(w for pair in settings.items() for w in pair))]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-LAST_WORDS:]
        raise DataError(
            "MMseqs2",
            f"failed with status {done.returncode} on {proteins:,} proteins ({said})",
            "try it by hand or set split.cluster_by to embedding",
        )


def _read_hits(table: Path) -> Hits:
    """Return the pairs in a table of MMseqs2, the more identical of both directions."""
    cells = np.loadtxt(table, ndmin=2) if table.stat().st_size else np.empty((0, 5))
    covered = np.maximum(cells[:, 3], cells[:, 4]) >= MIN_COVERAGE
    cells = cells[covered & (cells[:, 0] != cells[:, 1])]
    ends = np.sort(cells[:, :2].astype(np.int64), axis=1)
    order = np.lexsort((-cells[:, 2], ends[:, 1], ends[:, 0]))
    pairs, first = np.unique(ends[order], axis=0, return_index=True)
    identity = cells[order][first, 2].astype(np.float32)
    return Hits(pairs[:, 0], pairs[:, 1], identity)
