"""Train the feed-forward network and keep the weights of its best epoch."""

import os
from collections.abc import Sequence
from pathlib import Path

from arginator.console import parse_paths, run
from arginator.ffnn import save_network
from arginator.files import replacing_folder
from arginator.mapped_folds import open_folds
from arginator.params import load_params
from arginator.prepared import read_provenance
from arginator.splits import read_splits
from arginator.tasks import define_task, sign
from arginator.tracking import tracked_run
from arginator.training import train, write_history


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = parse_paths(argv, words=["task"], inputs=["prepared", "splits"], folders=["network"])
    params = load_params(args.params)
    about, splits = read_provenance(args.prepared), read_splits(args.splits)
    task = define_task(args.task, params.task(args.task), about)
    config = {"task": task.name, "source": about.source}
    config |= {**params.model.model_dump(), **params.train.model_dump()}
    name = os.environ.get("DVC_EXP_NAME")
    with (
        open_folds(args.prepared, splits, params.train.memory) as folds,
        tracked_run(params.tracking, Path(), name, config) as logger,
    ):
        trained = train(*folds, task, params.model, params.train, params.seed, logger)
    with replacing_folder(args.network) as folder:
        signature = sign(task, trained.network.shape.width, about)
        save_network(trained.network, signature, folder)
        write_history(trained.history, folder / "history.csv")


if __name__ == "__main__":
    run(main)
