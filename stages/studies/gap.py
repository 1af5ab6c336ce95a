"""Train and judge the same models on a random split too: how much does it flatter?"""

from collections.abc import Sequence

from arginator.console import parse_paths, run
from arginator.files import write_json, write_text
from arginator.params import load_params
from arginator.prepared import read_prepared
from arginator.studies.gap import measure_gap
from arginator.studies.runs import Recipe
from arginator.studies.tables import gap_table
from arginator.tasks import define_task


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = parse_paths(argv, words=["task"], inputs=["prepared"], outputs=["metrics", "table"])
    params = load_params(args.params)
    prepared = read_prepared(args.prepared)
    gap = measure_gap(
        prepared,
        define_task(args.task, params.task(args.task), prepared.about),
        params.split,
        Recipe(params.baseline, params.model, params.train, params.seed),
    )
    write_json(gap, args.metrics)
    write_text(gap_table(gap), args.table)


if __name__ == "__main__":
    run(main)
