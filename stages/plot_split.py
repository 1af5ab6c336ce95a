"""Draw who is in which fold and how near the held-out proteins come to those trained on."""

from collections.abc import Sequence

from arginator.console import parse_paths, run
from arginator.figures import draw_data, write_figures
from arginator.files import read_json, replacing_folder
from arginator.prepared import read_prepared
from arginator.splits import read_splits


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = parse_paths(argv, inputs=["prepared", "splits", "audit"], folders=["figures"])
    prepared, folds = read_prepared(args.prepared), read_splits(args.splits)
    figures = draw_data(prepared, read_json(args.audit), folds)
    with replacing_folder(args.figures) as folder:
        write_figures(figures, folder)


if __name__ == "__main__":
    run(main)
