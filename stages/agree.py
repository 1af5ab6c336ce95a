"""Let the two models call each protein together, and count where they agree and contradict."""

from collections.abc import Sequence

from arginator.agreement import judge_agreement
from arginator.console import parse_paths, run
from arginator.files import read_json, write_json
from arginator.params import load_params
from arginator.prepared import read_prepared
from arginator.splits import read_splits


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = parse_paths(
        argv,
        inputs=["prepared", "splits", "audit", "models", "choices"],
        outputs=["agreement"],
    )
    params = load_params(args.params)
    agreement = judge_agreement(
        read_prepared(args.prepared),
        read_splits(args.splits),
        read_json(args.audit),
        params.tasks,
        args.models,
        args.choices,
    )
    write_json(agreement, args.agreement)


if __name__ == "__main__":
    run(main)
