"""Train the feed-forward network and keep the weights of its best epoch."""

import os
from collections.abc import Sequence
from pathlib import Path

from arginator.console import parse_paths, run
from arginator.ffnn import save_network
from arginator.files import replacing_folder
from arginator.params import load_params
from arginator.prepared import read_prepared
from arginator.splits import read_splits
from arginator.tasks import define_task, sign
from arginator.tracking import tracked_run
from arginator.training import train, write_history


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = parse_paths(argv, words=["task"], inputs=["prepared", "splits"], folders=["network"])
    params = load_params(args.params)
    prepared, folds = read_prepared(args.prepared), read_splits(args.splits)
    task = define_task(args.task, params.task(args.task), prepared.about)
    config = {"task": task.name, "source": prepared.about.source}
    config |= {**params.model.model_dump(), **params.train.model_dump()}
    name = os.environ.get("DVC_EXP_NAME")
    with tracked_run(params.tracking, Path(), name, config) as logger:
        trained = train(
            folds.select(prepared, "train"),
            folds.select(prepared, "validation"),
            task,
            params.model,
            params.train,
            params.seed,
            logger,
        )
    with replacing_folder(args.network) as folder:
        signature = sign(task, prepared.embeddings.width, prepared.about)
        save_network(trained.network, signature, folder)
        write_history(trained.history, folder / "history.csv")


if __name__ == "__main__":
    run(main)
