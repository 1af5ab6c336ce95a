"""Train on a few of the families, then on more: would more data help?"""

from collections.abc import Sequence

from arginator.console import parse_paths, run
from arginator.files import read_json, write_json, write_text
from arginator.params import load_params
from arginator.prepared import read_prepared
from arginator.splits import read_splits
from arginator.studies.learning_curves import measure_learning_curve
from arginator.studies.runs import Recipe
from arginator.studies.tables import learning_curve_table
from arginator.tasks import define_task


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = parse_paths(
        argv,
        words=["task"],
        inputs=["prepared", "splits", "audit"],
        outputs=["metrics", "table"],
    )
    params = load_params(args.params)
    prepared = read_prepared(args.prepared)
    curve = measure_learning_curve(
        prepared,
        read_splits(args.splits),
        read_json(args.audit),
        define_task(args.task, params.task(args.task), prepared.about),
        Recipe(params.baseline, params.model, params.train, params.seed),
        params.studies,
    )
    write_json(curve, args.metrics)
    write_text(learning_curve_table(curve), args.table)


if __name__ == "__main__":
    run(main)
