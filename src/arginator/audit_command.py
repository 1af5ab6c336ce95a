"""The command `arginator audit`: does a test set have near-copies in training?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from arginator.command_outputs import settle_output
from arginator.embedders import KMER, open_embedder
from arginator.embeddings import Embeddings
from arginator.errors import DataError
from arginator.files import write_json
from arginator.leaks import LabelledProteins, find_leaks, join_labels, report_leaks
from arginator.prediction_inputs import InputReader
from arginator.vector_files import read_vectors, vector_format

LEAKS_STATUS = 3


def audit(args: argparse.Namespace) -> None:
    """Print the audit, write report and figure, and leave with status 3 if there are near-copies.

    Raises:
        DataError: An input or an output cannot be used.
    """
    if not -1 <= args.max_similarity <= 1:
        raise DataError("--max-similarity", f"{args.max_similarity:g} is no cosine", "-1 to 1")
    inputs = [args.vectors, args.labels]
    for name in ("output", "figure"):
        path: Path | None = getattr(args, name)
        if path is not None:
            setattr(args, name, settle_output(path, inputs, force=args.force))
    proteins = join_labels(_read(args.vectors), args.labels, args.train, args.test)
    neighbours = find_leaks(proteins)
    report = report_leaks(proteins, neighbours, args.max_similarity)
    if args.figure is not None:
        _draw(args, proteins, neighbours.similarity[proteins.test])
    if args.output is not None:
        write_json(report, args.output)
    sys.stdout.write(describe(report))
    if report["near_copies"] > args.allow:
        sys.exit(LEAKS_STATUS)


def describe(report: Mapping[str, Any]) -> str:
    """Return an audit as people read it: a sentence, a line a label, a band and a pair.

    Args:
        report: What `report_leaks` returned.
    """
    train, test = (sum(report[part].values()) for part in ("train", "test"))
    lines = [
        f"{report['near_copies']:,} of {test:,} test proteins ({report['share']:.1%}) have a "
        f"training protein (of {train:,}) more similar than {report['max_similarity']:g}\n",
        "test proteins\tproteins\tnear-copies\tnearest has the label",
        *(f"label {name}\t{_cells(one)}" for name, one in report["labels"].items()),
        *(
            f"similarity {band['from']:g} to {band['to']:g}\t{_cells(band)}"
            for band in report["bands"]
            if band["proteins"]
        ),
        "\nmost similar\tlabel\tfold\tin training\tlabel\tsimilarity",
        *("\t".join(str(cell) for cell in pair.values()) for pair in report["worst"]),
    ]
    return "\n".join(lines) + "\n"


def _cells(one: Mapping[str, Any]) -> str:
    """Return the cells of a line."""
    same = "–" if one["same_label"] is None else f"{one['same_label']:.1%}"
    return f"{one['proteins']:,}\t{one['near_copies']:,}\t{same}"


def _read(path: Path) -> Embeddings:
    """Read all vectors of a file; sequences are counted into k-mers."""
    if path.is_file() and path.stat().st_size and vector_format(path) is None:
        kmers = open_embedder(KMER)
        queries = InputReader(kmers.facts["embedder"], kmers.width).read(path)
        parts = [query.embeddings for query in queries]
    else:
        parts = list(read_vectors(path))
    if not parts:
        raise DataError(path, "holds no proteins", "name another file")
    ids = tuple(name for part in parts for name in part.ids)
    return Embeddings(ids, np.concatenate([part.matrix for part in parts]))


def _draw(
    args: argparse.Namespace, proteins: LabelledProteins, similarity: Float32[np.ndarray, " n"]
) -> None:
    """Write the figure."""
    try:
        from arginator.drawing.canvas import write_figure
        from arginator.drawing.leak_figures import draw_leaks
    except ImportError:
        problem = "needs matplotlib, which is not installed"
        raise DataError("--figure", problem, "install it, or leave the figure out") from None
    label = np.array(proteins.label)[proteins.test]
    figure = draw_leaks(similarity, label, args.max_similarity, args.vectors.name)
    write_figure(figure, args.figure)
