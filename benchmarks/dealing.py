"""What `split.largest_share` does to the clusters that judge each class.

    python benchmarks/dealing.py --prepared data/prepared.parquet

For every share, and for none: proteins of each class in the test fold, the clusters that they are
in, and in brackets how many clusters of equal size would be as diverse. Parameters but the share
are those of params.yaml.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from measuring import markdown

from arginator.clusterings import cluster
from arginator.dealing import deal_groups
from arginator.folds import FOLDS, Folds
from arginator.params import load_params
from arginator.prepared import Prepared, read_prepared
from arginator.similarity import centre_and_scale

PARAMS = Path(__file__).resolve().parent.parent / "params.yaml"
SHARES = (None, 0.5, 0.35, 0.2, 0.1)


def main() -> None:
    """Print the table of a data set."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--prepared", type=Path, required=True, help="what stage prepare wrote")
    prepared = read_prepared(parser.parse_args().prepared)
    params = load_params(PARAMS)
    unit = centre_and_scale(prepared.embeddings.matrix)
    group = cluster(prepared, unit, params.split).cluster
    names = list(prepared.about.labels)
    label = np.array([names.index(one) for one in prepared.labels])
    fractions = np.array([getattr(params.split.fractions, fold) for fold in FOLDS])
    rows = []
    for share in SHARES:
        fold = deal_groups(group, label, fractions, params.seed, share)
        rows.append(
            ("no limit" if share is None else f"{share:g}", *describe(prepared, group, fold))
        )
    print(markdown(("largest share", *names), rows))


def describe(prepared: Prepared, group: np.ndarray, fold: np.ndarray) -> list[str]:
    """Return what judges each class."""
    ids = prepared.embeddings.ids
    nowhere = np.full(len(ids), np.nan, dtype=np.float32)
    folds = Folds(ids, group, tuple(FOLDS[place] for place in fold), nowhere)
    labels = folds.select(prepared, "test").labels
    clusters = folds.clusters_per_class(prepared)["test"]
    effective = folds.effective_clusters(prepared)["test"]
    return [
        f"{labels.count(name):,} in {clusters[name]:,} ({effective[name]})"
        for name in prepared.about.labels
    ]


if __name__ == "__main__":
    main()
