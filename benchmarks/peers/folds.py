"""The folds of a contest: from a prepared data set or a simulated one, and as plain files."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np

from arginator.folds import Folds
from arginator.params import Params
from arginator.preparation import prepare
from arginator.prepared import Prepared, read_prepared
from arginator.simulation import simulate, write_demo
from arginator.splits import read_splits, split
from arginator.tasks import define_task
from peers.contest import Data, Fold, shipped_params

FOLDS = ("train", "validation", "test")
MOST_SIMULATED = 100_000
FEWEST_SIMULATED = 3_000  # fewer leave a class without a cluster for each fold


def make_folds(
    folder: Path, proteins: int, prepared: Path | None, splits: Path | None
) -> dict[str, int]:
    """Write the folds of a contest into `folder` and return the size of each.

    Without files, families are simulated, embedded and split as params.yaml says. Training keeps
    its first `proteins`, whose order is random; validation and test stay whole.
    """
    params = shipped_params()
    if prepared and splits:
        data = _select(read_prepared(prepared), read_splits(splits), params, proteins)
    else:
        made = _simulate(params, proteins)
        folds = split(made, params.split, params.seed).folds
        data = _select(made, folds, params, proteins)
    _write(data, folder)
    return {fold: len(getattr(data, fold).target) for fold in FOLDS}


def read_folds(folder: Path) -> Data:
    """Read what `make_folds` wrote."""
    folds = [
        Fold(np.load(folder / f"{fold}_vectors.npy"), np.load(folder / f"{fold}_target.npy"))
        for fold in FOLDS
    ]
    return Data(tuple(json.loads((folder / "classes.json").read_text("utf-8"))), *folds)


def _simulate(params: Params, proteins: int) -> Prepared:
    """Return simulated families of which about `proteins` fall into training."""
    wanted = round(proteins / params.split.fractions.train * 1.02)
    number = min(max(wanted, FEWEST_SIMULATED), MOST_SIMULATED)
    demo = params.demo.model_copy(update={"proteins": number})
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "demo"  # a data set has the name of its folder
        home.mkdir()
        write_demo(simulate(demo, params.seed), home)
        return prepare(home, params.embedder).prepared


def _select(prepared: Prepared, folds: Folds, params: Params, proteins: int) -> Data:
    """Return the three folds of the multiclass task, training cut to `proteins`."""
    task = define_task("multiclass", params.task("multiclass"), prepared.about)
    parts = []
    for name in FOLDS:
        part = folds.select(prepared, name)
        kept = slice(proteins if name == "train" else None)
        matrix = np.ascontiguousarray(part.embeddings.matrix[kept], dtype=np.float32)
        parts.append(Fold(matrix, task.encode(part.labels)[kept]))
    return Data(task.classes, *parts)


def _write(data: Data, folder: Path) -> None:
    """Write one array of vectors and one of class indices a fold."""
    for name in FOLDS:
        fold: Fold = getattr(data, name)
        np.save(folder / f"{name}_vectors.npy", fold.vectors)
        np.save(folder / f"{name}_target.npy", fold.target)
    (folder / "classes.json").write_text(json.dumps(data.classes), "utf-8")
