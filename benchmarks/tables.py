"""Tables of a finished run as Markdown: verdict, calibration, coverage, hard negatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from measuring import markdown, read_json

VERDICT_METRICS = ("mcc", "macro_f1", "auprc")


def record_tables(clone: Path, task: str) -> str:
    """Return every table of a task's record."""
    folder = clone / "metrics" / task
    makers = {
        "verdict": verdict_table,
        "calibration": calibration_table,
        "coverage": coverage_table,
        "bands": band_table,
        "categories": category_table,
        "novelty": novelty_table,
    }
    made = [make(read_json(folder / f"{name}.json")) for name, make in makers.items()]
    return "\n\n".join(made)


def verdict_table(verdict: Mapping[str, Any]) -> str:
    """Return each model's scores with intervals, the differences, and the sentence."""
    rows = [
        (name, *(_interval(scores[metric]) for metric in VERDICT_METRICS))
        for name, scores in verdict["models"].items()
    ]
    rows += [
        (f"{name} less best baseline", *(_difference(scores[m]) for m in VERDICT_METRICS))
        for name, scores in verdict["differences"].items()
    ]
    head = (
        f"{verdict['sentence']}\n\n{verdict['proteins']:,} proteins in {verdict['clusters']:,} "
        f"clusters ({_counts(verdict['clusters_per_class'])}), {verdict['seeds']} seeds"
    )
    return f"{head}\n\n{markdown(('model', *VERDICT_METRICS), rows)}"


def calibration_table(calibration: Mapping[str, Any]) -> str:
    """Return errors of the probabilities before and after calibration."""
    columns = ("ece", "brier", "log_loss", "mcc")
    rows = [
        (
            name,
            report["method"],
            *(f"{report['before'][c]:.4f} → {report['after'][c]:.4f}" for c in columns),
        )
        for name, report in calibration["models"].items()
    ]
    return markdown(("calibration", "map", *columns), rows)


def coverage_table(coverage: Mapping[str, Any]) -> str:
    """Return how often the conformal sets hold the true class."""
    columns = ("coverage", "mean_size", "empty", "many")
    parts = {"overall": coverage["overall"], **coverage["per_class"], **coverage["per_band"]}
    rows = [
        (
            name,
            f"{part['proteins']:,}",
            f"{part['clusters']:,}",
            f"{part['coverage']:.3f} [{part['low']:.3f}, {part['high']:.3f}]",
            *(f"{part[column]:.3f}" for column in columns[1:]),
        )
        for name, part in parts.items()
        if part["proteins"]
    ]
    title = f"sets of {coverage['model']}, nominal {1 - coverage['alpha']:g}"
    return markdown((title, "proteins", "clusters", *columns), rows)


def band_table(bands: Mapping[str, Any]) -> str:
    """Return MCC by similarity to training; the share of right calls where MCC is undefined."""
    names = list(bands["bands"]["all"]["models"])
    rows = [
        (
            band,
            f"{part['proteins']:,}",
            *(_score(part["models"][name]) for name in names),
        )
        for band, part in bands["bands"].items()
        if part["proteins"]
    ]
    return markdown(("band", "proteins", *names), rows)


def category_table(categories: Mapping[str, Any]) -> str:
    """Return wrong calls by category of protein."""
    found = categories["categories"]
    if not found:
        return "wrong calls: the data set names no categories"
    names = sorted({name for part in found.values() for name in part["wrong"]})
    rows = [
        (
            name,
            f"{part['proteins']:,}",
            f"{part['clusters']:,}",
            *(f"{part['wrong'].get(model, 0):,}" for model in names),
        )
        for name, part in found.items()
    ]
    return markdown(("wrong calls", "proteins", "clusters", *names), rows)


def novelty_table(novelty: Mapping[str, Any]) -> str:
    """Return what share of the test fold is flagged, and whether the flag finds wrong calls."""
    flagged = novelty["flagged"]
    parts = {"overall": flagged["overall"], **flagged["per_class"], **flagged["per_band"]}
    rows = [(name, f"{share:.3f}") for name, share in parts.items()]
    areas = novelty["auroc_of_errors"]
    words = ", ".join(f"{name} {area:.3f}" for name, area in areas.items())
    return f"{markdown(('flagged as new', 'share'), rows)}\n\nAUROC of wrong calls: {words}"


def _interval(score: Mapping[str, float]) -> str:
    """Return a value and its interval."""
    return f"{score['value']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"


def _difference(score: Mapping[str, Any]) -> str:
    """Return a difference, its interval and what it is against."""
    words = f"{score['value']:+.3f} [{score['low']:+.3f}, {score['high']:+.3f}]"
    return f"{words} ({score['against']})"


def _score(scores: Mapping[str, float]) -> str:
    """Return MCC, or the share of right calls where it is undefined."""
    return f"{scores['mcc']:.3f}" if "mcc" in scores else f"{scores['accuracy']:.3f} right"


def _counts(counts: Mapping[str, int]) -> str:
    """Return counts by name in words."""
    parts: Sequence[str] = [f"{name} {count:,}" for name, count in counts.items() if count]
    return ", ".join(parts)
