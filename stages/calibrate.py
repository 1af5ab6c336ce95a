"""Learn on a fold of its own how far each model's probabilities can be trusted."""

from collections.abc import Sequence

from arginator.calibration_fold import calibrate_models, write_lessons
from arginator.console import parse_paths, run
from arginator.files import replacing_folder
from arginator.params import load_params
from arginator.prepared import read_prepared
from arginator.splits import read_splits
from arginator.tasks import define_task


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = parse_paths(
        argv,
        words=["task"],
        inputs=["prepared", "splits", "models"],
        folders=["calibration"],
    )
    params = load_params(args.params)
    prepared = read_prepared(args.prepared)
    lessons = calibrate_models(
        prepared,
        read_splits(args.splits),
        define_task(args.task, params.task(args.task), prepared.about),
        args.models,
        params.train.imbalance,
        params.evaluate,
    )
    with replacing_folder(args.calibration) as folder:
        write_lessons(lessons, folder)


if __name__ == "__main__":
    run(main)
