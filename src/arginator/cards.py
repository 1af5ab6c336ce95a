"""Model cards: what a model is, what it may be used for and what speaks against it.

In the order of the Hugging Face Hub's cards, with the front matter that its site reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from arginator import card_facts
from arginator.bundles import CALIBRATION, MODEL, REFERENCE, describe_ends
from arginator.calibration_files import CalibrationFile
from arginator.errors import ModelError
from arginator.files import read_json
from arginator.prepared import Provenance
from arginator.reports import BASELINES, MODELS, SHIPPED, read_report
from arginator.tasks import Signature

TEMPLATE = "model_card.md.jinja"
OF_DATA = ("prepare", "split")
OF_TASK = (
    "choice",
    "compression",
    "verdict",
    "calibration",
    "coverage",
    "bands",
    "categories",
    "novelty",
)
Facts = Mapping[str, Mapping[str, Any]]


def read_facts(metrics: Path, task: str) -> dict[str, dict[str, Any]]:
    """Read what `render_card` needs to know from the folder of metrics.

    Raises:
        DataError: A file is missing or damaged.
    """
    return {
        "test": read_report(metrics / task, "test"),
        **{name: read_json(metrics / f"{name}.json") for name in OF_DATA},
        **{name: read_json(metrics / task / f"{name}.json") for name in OF_TASK},
    }


def render_card(
    signature: Signature,
    about: Provenance,
    facts: Facts,
    fitted: CalibrationFile,
    settings: Mapping[str, Any],
    hashes: Mapping[str, str],
) -> str:
    """Return the model card of the shipped model, as Markdown.

    Args:
        signature: The shipped model's signature.
        about: Where its data came from.
        facts: What `read_facts` returned.
        fitted: The calibration of the shipped model.
        settings: Parameters that shape the result, by section of params.yaml.
        hashes: SHA-256 of the files `prepared`, `splits` and `model`.

    Raises:
        ModelError: The results are of other models, classes or data than the model.
    """
    _check_match(signature, about, facts, fitted)
    context = _stand_out(signature, about, facts)
    model = fitted.models[facts["choice"]["model"]]
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            **facts,
            **context,
            signature=signature,
            about=about,
            method=model.calibration.method,
            always=[name for name in signature.classes if name not in model.conformal.quantile],
            needed=card_facts.proteins_needed(model.conformal.alpha),
            settings=settings,
            settings_text=card_facts.write_settings(settings),
            imbalance=card_facts.IMBALANCE[settings["train"]["imbalance"]],
            hashes={**hashes, "settings": card_facts.hash_settings(settings)},
            onnx=describe_ends(signature),
            model_file=MODEL,
            calibration_file=CALIBRATION,
            reference_file=REFERENCE,
        )
    )


def _stand_out(signature: Signature, about: Provenance, facts: Facts) -> dict[str, Any]:
    """Return what the card points to in the results."""
    verdict = facts["verdict"]
    shipped, claims = facts["test"][SHIPPED], facts["test"]["claims"]
    support = {name: row["support"] for name, row in shipped["per_class"].items()}
    hardest = card_facts.find_hardest(facts["categories"], SHIPPED)
    bands = card_facts.name_bands(facts["bands"]["band_limits"])
    best = verdict["differences"][SHIPPED]["mcc"]["against"]
    calibrated = [best, SHIPPED]
    return {
        "shipped": shipped,
        "models": [name for name in MODELS if name in verdict["models"]],
        "compared": [*BASELINES[1:], SHIPPED],
        "calibrated": calibrated,
        "worse": card_facts.find_harmed(facts["calibration"]["models"], calibrated),
        "licence": card_facts.pick_licence(about.licence),
        "tags": card_facts.pick_tags(signature, about, claims),
        "caveats": card_facts.list_caveats(about, claims),
        "results": card_facts.list_results(verdict, SHIPPED),
        "kmers": card_facts.name_kmers(signature.embedder),
        "by_identity": "max_identity" in facts["split"],
        "band_names": bands,
        "rarest": card_facts.describe_rarest(signature, support, verdict),
        "weakest": min(support, key=lambda name: shipped["per_class"][name]["recall"]),
        "covered": card_facts.list_coverage(facts["coverage"], bands),
        "missed": card_facts.find_missed(facts["coverage"], bands),
        "hardest": hardest,
        "worst": hardest[0] if hardest and hardest[0]["share"][SHIPPED] > 0 else None,
    }


def _check_match(
    signature: Signature, about: Provenance, facts: Facts, fitted: CalibrationFile
) -> None:
    """Refuse results of another data set, of other models or other classes than the model's."""
    model = facts["choice"]["model"]
    measured = tuple(facts["test"][SHIPPED]["per_class"])
    if about.source != signature.source:
        problem = f"the model is of data {signature.source!r}, the results of {about.source!r}"
    elif not measured == fitted.classes == signature.classes:
        known, found = ", ".join(signature.classes), ", ".join(measured)
        problem = f"the model tells apart {known}, the results {found}"
    elif facts["compression"]["model"] != model:
        other = facts["compression"]["model"]
        problem = f"the chosen candidate is {model!r}, compression.json is of {other!r}"
    elif model not in fitted.models:
        problem = f"the chosen candidate is {model!r}, the calibration is of {min(fitted.models)!r}"
    else:
        return
    raise ModelError(f"model card of {signature.task!r}", problem, "run `dvc repro`")


@cache
def _environment() -> Environment:
    """Return what renders the template: a fact that is missing is an error."""
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
        "count": card_facts.count,
        "score": "{:.3f}".format,
        "similarity": "{:.4f}".format,
        "percent": _percent,
        "interval": _interval,
        "signed": _signed,
        "text": card_facts.plain,
        "words": _words,
        "quoted": _quoted,
    }
    return environment


def _percent(share: float) -> str:
    """Return a share in percent, two digits of it where it is small.

    >>> _percent(0.925), _percent(0.0083), _percent(1.0), _percent(0.0)
    ('92.5 %', '0.83 %', '100 %', '0 %')
    """
    return f"{100 * share:.{1 if share >= 0.01 else 2}f}".rstrip("0").rstrip(".") + " %"


def _interval(scores: Mapping[str, Any], metric: str) -> str:
    """Return a score and its interval.

    >>> _interval({"mcc": {"value": 0.8, "low": 0.71, "high": 0.86}}, "mcc")
    '0.800 [0.710, 0.860]'
    """
    if metric not in scores:
        return "–"
    row = scores[metric]
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def _signed(scores: Mapping[str, Any], metric: str) -> str:
    """Return a difference and its interval.

    >>> _signed({"mcc": {"value": 0.01, "low": -0.02, "high": 0.04}}, "mcc")
    '+0.010 [-0.020, +0.040]'
    """
    value, low, high = (round(scores[metric][key], 3) + 0 for key in ("value", "low", "high"))
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"


def _words(name: str) -> str:
    """Return a name of the code as words."""
    return name.replace("_", " ")


def _quoted(text: str) -> str:
    r"""Return text from outside as a YAML string on one line.

    >>> _quoted('say "a"\n: b')
    '"say \\"a\\" : b"'
    """
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return json.dumps(" ".join(shown.split()), ensure_ascii=False)
