"""Tables of the studies in Markdown, as people read them beside the JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

METRICS = {"mcc": "MCC", "macro_f1": "macro-F1", "auprc": "AUPRC"}
Row = Sequence[str]


def gap_table(gap: Mapping[str, Any]) -> str:
    """Return each model's scores under both splits, and by similarity to training.

    Args:
        gap: What `arginator.studies.gap` measured.
    """
    apart, random = gap["splits"]["cluster"], gap["splits"]["random"]
    header = ["model", *(f"{name}: apart → random" for name in METRICS.values())]
    rows = [
        [
            _words(model),
            *(
                f"{apart['models'][model][metric]:.3f} → {random['models'][model][metric]:.3f} "
                f"({difference[metric]:+.3f})"
                for metric in METRICS
            ),
        ]
        for model, difference in gap["gap"].items()
    ]
    bands = _table(["split", "band", "proteins", *map(_words, gap["gap"])], _band_rows(gap))
    return (
        _head("How much a random split flatters", gap)
        + _table(header, rows)
        + "\nMCC by similarity to the nearest training protein (accuracy where one class is there):"
        + f"\n\n{bands}"
    )


def learning_curve_table(curve: Mapping[str, Any]) -> str:
    """Return each model's scores by the share of the training clusters.

    Args:
        curve: What `arginator.studies.learning_curves` measured.
    """
    models = list(curve["points"][0]["models"])
    header = ["share", "proteins", "clusters"]
    header += [f"{_words(model)}: {name}" for model in models for name in METRICS.values()]
    rows = [
        [
            f"{point['share']:g}",
            f"{point['proteins']:,}",
            f"{point['clusters']:,}",
            *(_range(point["models"][model][metric]) for model in models for metric in METRICS),
        ]
        for point in curve["points"]
    ]
    return _head(f"Scores by training data, {curve['fold']} fold", curve) + _table(header, rows)


def ablation_table(ablation: Mapping[str, Any]) -> str:
    """Return clusters and each model's scores by the limit on similarity.

    Args:
        ablation: What `arginator.studies.ablation` measured.
    """
    limits = ablation["limits"]
    models = next((list(limit["models"]) for limit in limits if "models" in limit), [])
    header = ["limit", "clusters", "largest"]
    header += [f"{_words(model)}: {name}" for model in models for name in METRICS.values()]
    rows = []
    for limit in limits:
        row = [f"{limit['max_similarity']:g}"]
        if "reason" in limit:
            row += [limit["reason"], *[""] * (len(header) - 2)]
        else:
            row += [f"{limit['clusters']:,}", f"{limit['largest_cluster']:,}"]
            row += [f"{limit['models'][m][metric]:.3f}" for m in models for metric in METRICS]
        rows.append(row)
    return _head("Scores by the limit on similarity", ablation) + _table(header, rows)


def left_out_table(left_out: Mapping[str, Any]) -> str:
    """Return how often what was left out is flagged, and what it is called.

    Args:
        left_out: What `arginator.studies.left_out` measured.
    """
    header = ["left out", "label", "judged", "flagged", "known flagged"]
    header += ["AUROC of distance", "AUROC of confidence", "called"]
    rows = [
        [
            name,
            found["label"],
            f"{found['proteins']:,} of {found['left_out']:,}",
            f"{found['flagged']:.1%}",
            f"{found['false_flags']:.1%}",
            f"{found['auroc']['distance']:.3f}",
            f"{found['auroc']['confidence']:.3f}",
            ", ".join(f"{label} {count:,}" for label, count in found["called"].items() if count),
        ]
        for name, found in {**left_out["classes"], **left_out["families"]}.items()
    ]
    skipped = "".join(f"\nNot left out: {n}: {why}\n" for n, why in left_out["skipped"].items())
    return _head("Is the unknown noticed?", left_out) + _table(header, rows) + skipped


def _band_rows(gap: Mapping[str, Any]) -> Iterable[Row]:
    """Yield a row for each band of each split."""
    for split, found in gap["splits"].items():
        for band, inside in found["by_band"].items():
            scores = [inside["models"][model] for model in gap["gap"]]
            shown = [_either(one, "mcc", "accuracy") for one in scores]
            yield [split, band, f"{inside['proteins']:,}", *shown]


def _either(scores: Mapping[str, float], first: str, second: str) -> str:
    """Return the first score, or the second in brackets where the first is not defined."""
    return f"{scores[first]:.3f}" if first in scores else f"({scores[second]:.3f})"


def _range(score: float | Mapping[str, float]) -> str:
    """Return a score, or the mean of several with the lowest and the highest."""
    if isinstance(score, Mapping):
        return f"{score['mean']:.3f} [{score['lowest']:.3f}, {score['highest']:.3f}]"
    return f"{score:.3f}"


def _head(title: str, facts: Mapping[str, Any]) -> str:
    """Return a heading and the line that says what the numbers may be used for."""
    claims = "" if facts["claims"] else "; a study, not for claims"
    return f"# {title}\n\nData: {facts['source']}{claims}.\n\n"


def _table(header: Row, rows: Iterable[Row]) -> str:
    """Return a table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(_cell(text) for text in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    """Keep a bar in the text from ending its cell."""
    return text.replace("|", r"\|")


def _words(name: str) -> str:
    """Return a model's name as words."""
    return name.replace("_", " ")
