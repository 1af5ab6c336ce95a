"""Fit what a network has to beat: majority class, nearest neighbour, logistic regression."""

from collections.abc import Sequence

from arginator.baselines import fit_baselines, save_baselines
from arginator.console import parse_paths, run
from arginator.files import replacing_folder
from arginator.params import load_params
from arginator.prepared import read_prepared
from arginator.splits import read_splits
from arginator.tasks import define_task, sign


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = parse_paths(argv, words=["task"], inputs=["prepared", "splits"], folders=["baseline"])
    params = load_params(args.params)
    prepared, splits = read_prepared(args.prepared), read_splits(args.splits)
    task = define_task(args.task, params.task(args.task), prepared.about)
    baselines = fit_baselines(
        splits.select(prepared, "train"),
        splits.select(prepared, "validation"),
        task,
        params.baseline,
        params.seed,
    )
    with replacing_folder(args.baseline) as folder:
        save_baselines(baselines, sign(task, prepared.embeddings.width, prepared.about), folder)


if __name__ == "__main__":
    run(main)
