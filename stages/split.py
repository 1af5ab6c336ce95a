"""Hold out whole clusters of similar proteins, so that no near-copy of a test one is trained on."""

from collections.abc import Sequence

from arginator.console import parse_paths, run
from arginator.files import write_json
from arginator.params import load_params
from arginator.prepared import read_prepared
from arginator.splits import split, write_splits


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = parse_paths(argv, inputs=["prepared"], outputs=["splits", "metrics"])
    params = load_params(args.params)
    result = split(read_prepared(args.prepared), params.split, params.seed)
    write_splits(result, args.splits)
    write_json(result.audit, args.metrics)


if __name__ == "__main__":
    run(main)
