"""Reports on a fold as JSON: scores of each model in short, and class by class beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arginator.files import read_json, write_json

NETWORK = "network"
BASELINES = ("majority", "nearest_neighbour", "logistic_regression")
SHIPPED = "shipped"  # the candidate that was chosen, maybe the network itself
MODELS = (*BASELINES, NETWORK, SHIPPED)
DETAIL = "per_class"


def write_report(report: Mapping[str, Any], folder: Path) -> None:
    """Write `<fold>.json` without the classes, and `<fold>_by_class.json` with them alone.

    Two files, since `dvc metrics` shows every number of the first.

    Args:
        report: Facts about the fold (`fold` is its name), and one mapping of scores a model.
        folder: Where the files go.
    """
    models = {name: scores for name, scores in report.items() if isinstance(scores, Mapping)}
    short = {name: _without_detail(scores) for name, scores in models.items()}
    write_json({**report, **short}, folder / f"{report['fold']}.json")
    detail = {name: scores[DETAIL] for name, scores in models.items()}
    write_json({**report, **detail}, folder / f"{report['fold']}_by_class.json")


def read_report(folder: Path, fold: str) -> dict[str, Any]:
    """Read what `write_report` wrote, put together again.

    Raises:
        DataError: A file is missing or damaged.
    """
    report = read_json(folder / f"{fold}.json")
    detail = read_json(folder / f"{fold}_by_class.json")
    return report | {
        name: {**scores, DETAIL: detail[name]}
        for name, scores in report.items()
        if isinstance(scores, Mapping)
    }


def _without_detail(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scores over all classes."""
    return {name: value for name, value in scores.items() if name != DETAIL}


def rounded(value: float) -> float:
    """Return a plain number with four decimals, none of them -0.0.

    A sum taken in another order ends in the same number: its last digits go first.
    """
    return round(round(float(value), 10), 4) + 0.0
