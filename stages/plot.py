"""Draw what a person wants to look at: curves, confusions, training and all models' scores."""

from collections.abc import Sequence

from arginator.console import parse_paths, run
from arginator.figures import draw_task, read_results, write_figures
from arginator.files import replacing_folder
from arginator.params import load_params


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = parse_paths(argv, words=["task"], inputs=["metrics", "plots"], folders=["figures"])
    params = load_params(args.params)
    figures = draw_task(read_results(args.task, args.metrics, args.plots, params.train.monitor))
    with replacing_folder(args.figures) as folder:
        write_figures(figures, folder)


if __name__ == "__main__":
    run(main)
