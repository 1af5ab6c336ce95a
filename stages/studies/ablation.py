"""Split anew at other limits on similarity: how much hangs on the one that was chosen?"""

from collections.abc import Sequence

from arginator.console import parse_paths, run
from arginator.files import write_json, write_text
from arginator.params import load_params
from arginator.prepared import read_prepared
from arginator.studies.ablation import measure_limits
from arginator.studies.runs import Recipe
from arginator.studies.tables import ablation_table
from arginator.tasks import define_task


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = parse_paths(argv, words=["task"], inputs=["prepared"], outputs=["metrics", "table"])
    params = load_params(args.params)
    prepared = read_prepared(args.prepared)
    ablation = measure_limits(
        prepared,
        define_task(args.task, params.task(args.task), prepared.about),
        params.split,
        Recipe(params.baseline, params.model, params.train, params.seed),
        params.studies,
    )
    write_json(ablation, args.metrics)
    write_text(ablation_table(ablation), args.table)


if __name__ == "__main__":
    run(main)
