"""Model cards: what a model is, what it may be used for and what speaks against it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from arginator.bundles import MODEL, describe_ends
from arginator.errors import ModelError
from arginator.files import read_json
from arginator.prepared import Provenance
from arginator.reports import BASELINES, MODELS, read_report
from arginator.tasks import Signature

TEMPLATE = "model_card.md.jinja"


def read_facts(metrics: Path, task: str) -> dict[str, dict[str, Any]]:
    """Read what `render_card` needs to know from the folder of metrics.

    Raises:
        DataError: A file is missing or damaged.
    """
    return {
        "test": read_report(metrics / task, "test"),
        "choice": read_json(metrics / task / "choice.json"),
        "prepare": read_json(metrics / "prepare.json"),
        "split": read_json(metrics / "split.json"),
    }


def render_card(
    signature: Signature,
    about: Provenance,
    *,
    test: Mapping[str, Any],
    choice: Mapping[str, Any],
    prepare: Mapping[str, Any],
    split: Mapping[str, Any],
) -> str:
    """Return the model card of the shipped model, as Markdown.

    Args:
        signature: The shipped model's signature.
        about: Where its data came from.
        test: The task's report on the test fold.
        choice: The task's choice.json.
        prepare: metrics/prepare.json.
        split: metrics/split.json.

    Raises:
        ModelError: The results are of other classes or other data than the model.
    """
    shipped = test[choice["model"]]
    _check_match(signature, about, shipped)
    environment = Environment(
        loader=PackageLoader("arginator"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {
        "number": "{:,}".format,
        "count": _count,
        "score": "{:.3f}".format,
        "similarity": "{:.4f}".format,
        "text": _text,
    }
    return environment.get_template(TEMPLATE).render(
        signature=signature,
        about=about,
        test=test,
        choice=choice,
        prepare=prepare,
        split=split,
        shipped=shipped,
        onnx=describe_ends(signature),
        model_file=MODEL,
        kmers=_name_kmers(signature.embedder),
        rarest=_describe_rarest(signature, shipped, split, test["fold"]),
        models=[name for name in MODELS if name in test],
        best_baseline=max(BASELINES, key=lambda name: float(test[name]["mcc"])),
        weakest=min(shipped["per_class"], key=lambda name: shipped["per_class"][name]["recall"]),
    )


def _check_match(signature: Signature, about: Provenance, shipped: Mapping[str, Any]) -> None:
    """Refuse results of another data set or of other classes than the model's."""
    if about.source != signature.source:
        problem = f"the model is of data {signature.source!r}, the results of {about.source!r}"
    elif tuple(shipped["per_class"]) != signature.classes:
        measured, known = ", ".join(shipped["per_class"]), ", ".join(signature.classes)
        problem = f"the model tells apart {known}, the results {measured}"
    else:
        return
    raise ModelError(f"model card of {signature.task!r}", problem, "run `dvc repro`")


def _describe_rarest(
    signature: Signature, shipped: Mapping[str, Any], split: Mapping[str, Any], fold: str
) -> str:
    """Say how many proteins and clusters stand for the positive class, or else the smallest one.

    The clusters are only known of a class that is a label of the data set.
    """
    support = {name: row["support"] for name, row in shipped["per_class"].items()}
    name = signature.positive or min(support, key=lambda name: support[name])
    kind = "positive class" if signature.positive else "smallest class"
    words = f"{_count(support[name], 'test protein')} of the {kind} {_text(name)}"
    if split["folds"][fold].get(name) == support[name]:
        return f"{words} in {_count(split['clusters_per_class'][fold][name], 'cluster')}"
    return f"{words}, in the clusters counted by label above"


def _name_kmers(embedder: str) -> str | None:
    """Return which k-mers an embedder counts, by its name; None if it counts none.

    >>> _name_kmers("kmer-2-3")
    '2- and 3-mers'
    """
    name, *lengths = embedder.split("-")
    if name != "kmer":
        return None
    return " and ".join(f"{length}-" for length in lengths) + "mers" if lengths else "k-mers"


def _count(number: int, noun: str) -> str:
    """Return a number of things.

    >>> _count(1, "cluster"), _count(1200, "cluster")
    ('1 cluster', '1,200 clusters')
    """
    return f"{number:,} {noun}" + "s" * (number != 1)


def _text(value: str) -> str:
    r"""Return text from outside on one line, unable to break a table or open a tag.

    >>> _text("a|b\n<c>")
    'a\\|b \\<c>'
    """
    return " ".join(value.split()).replace("|", r"\|").replace("<", r"\<")
