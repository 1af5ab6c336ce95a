"""What a model card says beyond the numbers as they are: what stands out, and in which words."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from arginator.prepared import Provenance
from arginator.tasks import Signature

HARDEST = 8  # categories that the card lists
LINE = 1000  # characters; a section without sections in it stands on one
FREE_LICENCES = re.compile(r"CC0-1\.0|.*public domain.*", re.IGNORECASE)
METRICS = {
    "mcc": ("matthews_correlation", "MCC"),
    "macro_f1": ("f1", "macro-F1"),
    "auprc": ("average_precision", "AUPRC"),
    "auroc": ("roc_auc", "AUROC"),
    "brier": ("brier_score", "Brier score"),
}
"""Identifier on the Hugging Face Hub, and name, of the metrics in the front matter."""

IMBALANCE = {
    "none": "every protein weighs alike",
    "class_weights": "every class weighs alike",
    "balanced_sampling": "every class is drawn alike",
}


def pick_licence(data_licence: str) -> dict[str, str | None]:
    """Return the licence of a model: this project's own if the data's asks for nothing.

    >>> pick_licence("US public domain")
    {'id': 'apache-2.0', 'name': None}
    >>> pick_licence("CC BY-NC 4.0")
    {'id': 'other', 'name': 'cc-by-nc-4.0'}
    """
    if FREE_LICENCES.fullmatch(data_licence):
        return {"id": "apache-2.0", "name": None}
    return {"id": "other", "name": to_tag(data_licence) or "unknown"}


def pick_tags(signature: Signature, about: Provenance, claims: bool) -> list[str]:
    """Return what a model is found by on the Hugging Face Hub."""
    tags = ["biology", "protein", "embeddings", "calibration", "conformal-prediction"]
    tags += [to_tag(signature.embedder), to_tag(signature.positive or "")]
    tags += ["simulated-data"] if about.simulated else []
    tags += [] if claims else ["not-for-claims"]
    return [tag for tag in tags if tag]


def list_caveats(about: Provenance, claims: bool) -> list[str]:
    """Return what must stand beside every score.

    >>> about = Provenance("demo", "Demo", True, "", "", "", "kmer", {})
    >>> list_caveats(about, claims=False)
    ['simulated', 'not for claims']
    """
    return ["simulated"] * about.simulated + ["not for claims"] * (not claims)


def list_results(verdict: Mapping[str, Any], model: str) -> list[dict[str, Any]]:
    """Return the scores of a model that are defined, with intervals, for the front matter."""
    scores = verdict["models"][model]
    interval = f"{100 * verdict['confidence']:g} % interval"
    return [
        {
            "type": kind,
            "name": f"{name} ({interval} {scores[metric]['low']} to {scores[metric]['high']})",
            "value": scores[metric]["value"],
        }
        for metric, (kind, name) in METRICS.items()
        if metric in scores
    ]


def describe_rarest(
    signature: Signature, proteins: Mapping[str, int], verdict: Mapping[str, Any]
) -> str:
    """Say how many test proteins and clusters stand for the positive class, or the smallest one.

    Args:
        signature: The model's signature.
        proteins: Test proteins of each class.
        verdict: The content of verdict.json.
    """
    name = signature.positive or min(proteins, key=lambda name: proteins[name])
    kind = "positive" if signature.positive else "smallest"
    clusters = count(verdict["clusters_per_class"][name], "cluster")
    support = count(proteins[name], "test protein")
    return f"What it knows of its {kind} class {plain(name)} was judged on {support} in {clusters}"


def list_coverage(
    coverage: Mapping[str, Any], band_names: Mapping[str, str]
) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the coverage of all proteins, of each class and of each band, by what it is of."""
    bands = [(band_names[band], row) for band, row in coverage["per_band"].items()]
    return [("all", coverage["overall"]), *coverage["per_class"].items(), *bands]


def find_missed(
    coverage: Mapping[str, Any], band_names: Mapping[str, str]
) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the classes and bands whose interval of coverage lies below what was promised."""
    rows, promised = list_coverage(coverage, band_names), 1 - coverage["alpha"]
    return [(name, row) for name, row in rows[1:] if row["high"] < promised]


def proteins_needed(alpha: float) -> int:
    """Return how many calibration proteins it takes to ever rule a class out.

    >>> proteins_needed(0.1), proteins_needed(0.05)
    (9, 19)
    """
    return math.ceil(1 / alpha - 1 - 1e-9)


def find_hardest(categories: Mapping[str, Any], model: str) -> list[dict[str, Any]]:
    """Return the categories that a model is most often wrong about, the worst first.

    Of equal shares the category with more proteins comes first, then the first by name.
    """
    rows = [{"name": name, **row} for name, row in categories["categories"].items()]
    rows.sort(key=lambda row: (-row["share"][model], -row["proteins"], row["name"]))
    return rows[:HARDEST]


def find_harmed(models: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Return the models whose log loss calibration raised."""
    return [
        name
        for name in names
        if models[name]["after"]["log_loss"] > models[name]["before"]["log_loss"]
    ]


def name_bands(limits: Mapping[str, float]) -> dict[str, str]:
    """Return what each band is called.

    >>> name_bands({"near": 0.3, "far": 0.2})["middle"]
    'middle: 0.2 to 0.3'
    """
    near, far = limits["near"], limits["far"]
    return {
        "all": "all",
        "near": f"near: {near} and above",
        "middle": f"middle: {far} to {near}",
        "far": f"far: below {far}",
    }


def name_kmers(embedder: str) -> str | None:
    """Return which k-mers an embedder counts, by its name; None if it counts none.

    >>> name_kmers("kmer-2-3")
    '2- and 3-mers'
    """
    name, *lengths = embedder.split("-")
    if name != "kmer":
        return None
    return " and ".join(f"{length}-" for length in lengths) + "mers" if lengths else "k-mers"


def write_settings(settings: Mapping[str, Any]) -> str:
    """Return parameters as YAML, a section a line or two."""
    yaml = YAML(typ="safe")
    yaml.default_flow_style, yaml.width = None, LINE
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    stream = StringIO()
    yaml.dump(dict(settings), stream)
    return stream.getvalue()


def hash_settings(settings: Mapping[str, Any]) -> str:
    """Return the SHA-256 of parameters as JSON with sorted keys."""
    text = json.dumps(settings, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def count(number: int, noun: str) -> str:
    """Return a number of things.

    >>> count(1, "cluster"), count(1200, "cluster")
    ('1 cluster', '1,200 clusters')
    """
    return f"{number:,} {noun}" + "s" * (number != 1)


def plain(value: str) -> str:
    r"""Return text from outside on one line, unable to break a table or open a tag.

    >>> plain("a|b\n<c>")
    'a\\|b \\<c>'
    """
    return " ".join(value.split()).replace("|", r"\|").replace("<", r"\<")


def to_tag(text: str) -> str:
    """Return text as a word of small letters, digits, dots and dashes.

    >>> to_tag("Ambler class A")
    'ambler-class-a'
    """
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")
