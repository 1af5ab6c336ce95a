"""Draw who is in which fold and how near the held-out proteins come to those trained on."""

from collections.abc import Sequence

from arginator.console import parse_paths, run
from arginator.figures import draw_data, write_figures
from arginator.files import read_json, replacing_folder
from arginator.splits import read_splits


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = parse_paths(argv, inputs=["splits", "audit"], folders=["figures"])
    figures = draw_data(read_json(args.audit), read_splits(args.splits))
    with replacing_folder(args.figures) as folder:
        write_figures(figures, folder)


if __name__ == "__main__":
    run(main)
