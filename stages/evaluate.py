"""Judge every model, and the baselines beside it, on proteins that none of them has seen."""

from collections.abc import Sequence

from arginator.console import parse_paths, run
from arginator.evaluation import evaluate, write_metrics
from arginator.files import read_json, write_text
from arginator.params import load_params
from arginator.plot_data import write_tables
from arginator.prepared import read_prepared
from arginator.splits import read_splits
from arginator.tasks import define_task


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = parse_paths(
        argv,
        words=["task"],
        inputs=["prepared", "splits", "audit", "models"],
        folders=["metrics", "plots"],
    )
    params = load_params(args.params)
    prepared = read_prepared(args.prepared)
    evaluation = evaluate(
        prepared,
        read_splits(args.splits),
        read_json(args.audit),
        define_task(args.task, params.task(args.task), prepared.about),
        args.models,
        params.evaluate,
        params.split.bands,
        params.compress.max_mcc_drop,
        params.seed,
    )
    write_metrics(evaluation, args.metrics)
    write_tables(evaluation.tables, args.plots)
    history = (args.models / "ffnn" / "history.csv").read_text("utf-8")
    write_text(history, args.plots / "history.csv")


if __name__ == "__main__":
    run(main)
