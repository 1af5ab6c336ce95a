"""Train the network again from other seeds, to tell luck in training from what it is worth."""

from collections.abc import Sequence

from arginator.compression import export_onnx
from arginator.console import parse_paths, run
from arginator.files import replacing_folder
from arginator.params import load_params
from arginator.prepared import read_prepared
from arginator.repeats import repeat_path, repeat_seeds, write_index
from arginator.splits import read_splits
from arginator.tasks import define_task, sign
from arginator.training import train


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = parse_paths(argv, words=["task"], inputs=["prepared", "splits"], folders=["repeats"])
    params = load_params(args.params)
    prepared, folds = read_prepared(args.prepared), read_splits(args.splits)
    task = define_task(args.task, params.task(args.task), prepared.about)
    signature = sign(task, prepared.embeddings.width, prepared.about)
    training, validation = folds.select(prepared, "train"), folds.select(prepared, "validation")
    seeds = repeat_seeds(params.seed, params.evaluate.seeds)
    with replacing_folder(args.repeats) as folder:
        write_index(seeds, folder)
        for number, seed in enumerate(seeds, 1):
            trained = train(training, validation, task, params.model, params.train, seed)
            path = repeat_path(folder, number)
            path.parent.mkdir()
            export_onnx(trained.network, signature, path)


if __name__ == "__main__":
    run(main)
