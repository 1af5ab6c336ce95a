"""Turn a source's files into one table of labelled protein vectors, checked and free of copies."""

from collections.abc import Sequence

from arginator.console import parse_paths, run
from arginator.files import write_json
from arginator.params import load_params
from arginator.preparation import prepare, write_left_out
from arginator.prepared import write_prepared
from arginator.tasks import define_task


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = parse_paths(argv, inputs=["source"], outputs=["prepared", "left_out", "metrics"])
    params = load_params(args.params)
    preparation = prepare(args.source, params.embedder)
    for name, task in params.tasks.items():
        define_task(name, task, preparation.prepared.about)
    write_prepared(preparation.prepared, args.prepared)
    write_left_out(preparation.left_out, args.left_out)
    write_json(preparation.summary, args.metrics)


if __name__ == "__main__":
    run(main)
