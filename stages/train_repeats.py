"""Train the network again from other seeds, to tell luck in training from what it is worth."""

from collections.abc import Sequence

from arginator.console import parse_paths, run
from arginator.files import replacing_folder
from arginator.mapped_folds import open_folds
from arginator.onnx_export import export_onnx
from arginator.params import load_params
from arginator.prepared import read_provenance
from arginator.repeat_training import train_repeats
from arginator.repeats import repeat_path, repeat_seeds, write_index
from arginator.splits import read_splits
from arginator.tasks import define_task, sign


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = parse_paths(argv, words=["task"], inputs=["prepared", "splits"], folders=["repeats"])
    params = load_params(args.params)
    about, splits = read_provenance(args.prepared), read_splits(args.splits)
    task = define_task(args.task, params.task(args.task), about)
    seeds, at_once = repeat_seeds(params.seed, params.evaluate.seeds), params.evaluate.seeds_at_once
    with (
        open_folds(args.prepared, splits, params.train.memory) as folds,
        replacing_folder(args.repeats) as folder,
    ):
        write_index(seeds, folder)
        signature = sign(task, folds[0].width, about)
        repeats = train_repeats(*folds, task, params.model, params.train, seeds, at_once)
        for number, trained in repeats:
            path = repeat_path(folder, number)
            path.parent.mkdir()
            export_onnx(trained.network, signature, path)


if __name__ == "__main__":
    run(main)
