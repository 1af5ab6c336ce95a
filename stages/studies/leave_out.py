"""Leave out one class or family after another: is the unknown flagged, and what is it called?"""

from collections.abc import Sequence

from arginator.console import parse_paths, run
from arginator.files import read_json, write_json, write_text
from arginator.params import load_params
from arginator.prepared import read_prepared
from arginator.splits import read_splits
from arginator.studies.left_out import measure_left_out
from arginator.studies.runs import Recipe
from arginator.studies.tables import left_out_table


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = parse_paths(
        argv,
        words=["task"],
        inputs=["prepared", "splits", "audit"],
        outputs=["metrics", "table"],
    )
    params = load_params(args.params)
    left_out = measure_left_out(
        read_prepared(args.prepared),
        read_splits(args.splits),
        read_json(args.audit),
        args.task,
        params.task(args.task),
        Recipe(params.baseline, params.model, params.train, params.seed),
        params.evaluate,
        params.studies.families,
    )
    write_json(left_out, args.metrics)
    write_text(left_out_table(left_out), args.table)


if __name__ == "__main__":
    run(main)
