"""Simulate protein families, some of them beta-lactamases, as a data set that anyone may have."""

from collections.abc import Sequence

from arginator.console import parse_paths, run
from arginator.files import replacing_folder
from arginator.params import load_params
from arginator.simulation import simulate, write_demo


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = parse_paths(argv, folders=["demo"])
    params = load_params(args.params)
    proteins = simulate(params.demo, params.seed)
    with replacing_folder(args.demo) as folder:
        write_demo(proteins, folder)


if __name__ == "__main__":
    run(main)
