"""Tests of model cards: they say what speaks against a model before what speaks for it."""

import hashlib
import json
import re
import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import UndefinedError
from markdown_it import MarkdownIt

from arginator.bundles import write_bundle
from arginator.calibration_files import CalibrationFile
from arginator.card_facts import find_hardest, list_caveats, pick_licence, write_settings
from arginator.cards import read_facts, render_card
from arginator.classifiers import OnnxClassifier
from arginator.drawing.canvas import MODEL_COLOURS
from arginator.errors import ModelError
from arginator.ffnn import FeedForward, Shape
from arginator.files import write_json
from arginator.novelty import NoveltyIndex
from arginator.onnx_export import export_onnx
from arginator.prepared import Provenance
from arginator.reports import BASELINES, MODELS, write_report
from arginator.tasks import Signature

LABELS = {"A": "Ambler class A", "B": "Ambler class B", "non": "any other protein"}
ABOUT = Provenance(
    "amrfinder",
    "NCBI reference proteins",
    False,
    "ncbi.nlm.nih.gov",
    "US public domain",
    "Feldgarden et al. 2021",
    "kmer",
    LABELS,
)
SIMULATED = replace(ABOUT, source="demo", title="Families made up", simulated=True)
SIGNATURE = Signature(
    "multiclass", "multiclass", tuple(LABELS), None, 1024, "kmer", "amrfinder", False
)
BINARY = Signature(
    "binary", "binary", ("other", "toxin"), "toxin", 1024, "kmer", "amrfinder", False
)
FOLDS = ("train", "validation", "calibration", "test")
METRICS = (
    "accuracy", "balanced_accuracy", "mcc", "macro_f1", "auroc", "auprc", "log_loss", "brier",
)  # fmt: skip
MCC = dict(zip(MODELS, (0, 0.7, 0.9, 0.95, 0.91), strict=True))
SETTINGS = {
    "seed": 7,
    "split": {"method": "cluster", "bands": {"near": 0.3, "far": 0.2}},
    "task": {"kind": "binary", "positive": ["A", "B"], "positive_name": "toxin: yes"},
    "model": {
        "width": 256, "depth": 2, "dropout": 0.3, "activation": "relu", "normalisation": "batch",
    },
    "train": {
        "monitor": "val_loss", "imbalance": "class_weights", "device": "cpu",
        "learning_rate": 1e-05,
    },
    "compress": {"max_mcc_drop": 0.01}, "evaluate": {"novelty_alpha": 0.05},
}  # fmt: skip
HASHES = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("prepared", "splits")}
HASHES |= {"model": "ab" * 32}
SECTIONS = [
    "Model details",
    "Uses",
    "Bias, risks, and limitations",
    "How to get started with the model",
    "Training details",
    "Evaluation",
    "Environmental impact",
    "Technical specifications",
    "Citation",
    "How to reproduce",
    "DOME",
    "Glossary",
]


def make_scores(mcc, classes=tuple(LABELS)):
    """Return the scores of a model on the test fold; the last class is found least often."""
    per_class = {
        name: {"precision": 0.9, "recall": round(0.9 - 0.1 * place, 4), "f1": 0.8, "support": 1200}
        for place, name in enumerate(classes)
    }
    return {**dict.fromkeys(METRICS, 0.5), "mcc": mcc, "ece": 0.01, "per_class": per_class}


def around(value):
    """Return a score and its interval."""
    return {"value": value, "low": round(value - 0.02, 4), "high": round(value + 0.03, 4)}


def make_verdict(classes):
    """Return the content of verdict.json."""
    against = {"against": "logistic_regression"}
    return {
        "proteins": 3600, "clusters": 971, "resamples": 1000, "resamples_left_out": 0, "seeds": 5,
        "clusters_per_class": {name: 70 + place for place, name in enumerate(classes)},
        "confidence": 0.95,
        "models": {
            name: {metric: around(mcc if metric == "mcc" else 0.5) for metric in METRICS}
            for name, mcc in MCC.items()
        },
        "differences": {
            name: {metric: around(0.01) | against for metric in ("mcc", "macro_f1", "auprc")}
            for name in MODELS[3:]
        },
        "seed_spread": {"mcc": {"lowest": 0.93, "highest": 0.96, "deviation": 0.01}},
        "sentence": "The network beats logistic regression by 0.050 MCC [0.030, 0.080].",
    }  # fmt: skip


def make_coverage(classes):
    """Return the content of coverage.json."""
    row = {
        "proteins": 1200, "clusters": 70, "coverage": 0.91, "low": 0.88, "high": 0.94,
        "mean_size": 1.12, "empty": 0.01, "single": 0.86, "many": 0.13,
    }  # fmt: skip
    grounds = {"calibration_proteins": 600, "calibration_clusters": 1, "always": False}
    return {
        "alpha": 0.1, "model": "shipped", "overall": dict(row),
        "per_class": {name: row | grounds for name in classes},
        "per_band": {band: dict(row) for band in ("near", "middle", "far")},
    }  # fmt: skip


def make_bands(classes):
    """Return the content of bands.json; one band has proteins of one class alone."""
    row = {"proteins": 100, "clusters": 40, "support": dict.fromkeys(classes, 30)}
    scores = {name: {"accuracy": 0.9, "mcc": mcc, "recall": {}} for name, mcc in MCC.items()}
    alone = {name: {"accuracy": 0.9, "recall": {}} for name in MCC}
    return {
        "band_limits": {"near": 0.3, "far": 0.2},
        "bands": {
            "all": row | {"models": scores},
            "near": row | {"models": scores},
            "far": row | {"models": alone},
        },
    }


def make_candidate(size, loss):
    """Return what is known of a candidate."""
    fold = {
        "mcc_loss": around(loss),
        "expected_mcc_loss": around(loss - 0.001),
        "agreement": 0.9991,
        "coverage": 0.91,
    }
    return {
        "bytes": size, "multiply_adds": 327936, "refused": False, "validation": fold,
        "test": fold | {"mcc_loss": around(loss + 0.01)},
    }  # fmt: skip


def make_category(wrong, proteins=50):
    """Return what is known of the proteins of a category."""
    return {
        "label": "non", "proteins": proteins, "clusters": 9, "wrong": dict.fromkeys(MODELS, 1),
        "share": dict.fromkeys(MODELS, 0.02) | {"shipped": wrong},
        "low": 0.01, "high": 0.3, "called": {"A": 1},
    }  # fmt: skip


def make_calibration(classes):
    """Return the content of the report calibration.json."""
    before = {"log_loss": 0.4, "brier": 0.3, "ece": 0.2, "mcc": 0.9}
    after = {"log_loss": 0.3, "brier": 0.25, "ece": 0.02, "mcc": 0.91}
    row = {"method": "temperature", "temperature": 1.3, "before": before, "after": after}
    return {
        "bins": 15, "prevalence": dict.fromkeys(classes, round(1 / len(classes), 4)),
        "models": {name: deepcopy(row) for name in MODELS},
    }  # fmt: skip


def make_split(claims, method):
    """Return the content of split.json."""
    return {
        "method": method, "claims": claims, "max_similarity": 0.5, "clusters": 1812,
        "cluster_by": "embedding", "largest_cluster": 240, "above_limit": 0 if claims else 2345,
        "folds": {fold: {"proteins": 9000, "A": 3000, "B": 2750, "non": 3250} for fold in FOLDS},
        "clusters_per_class": {fold: {"A": 70, "B": 1, "non": 900} for fold in FOLDS},
        "effective_clusters": {fold: {"A": 12.5, "B": 1.0, "non": 300.0} for fold in FOLDS},
        "similarity_to_train": {
            fold: {"median": 0.25, "p95": 0.4, "max": 0.4999} for fold in FOLDS[1:]
        },
        "leak_score": dict.fromkeys(FOLDS[1:], 0.0 if claims else 0.2),
    }  # fmt: skip


def make_facts(claims=True, method="cluster", classes=tuple(LABELS)):
    """Return the metrics that a card is made of."""
    head = {"source": "amrfinder", "claims": claims, "fold": "test", "proteins": 3600}
    return {
        "test": head | {name: make_scores(score, classes) for name, score in MCC.items()},
        "choice": {
            "model": "network_int8_static", "reason": "the smallest that surely loses 0.01 MCC",
            "bytes": {"network": 1321456, "shipped": 340122},
            "parameters": {"network": 328961, "shipped": 328961},
        },
        "compression": head | {
            "model": "network_int8_static",
            "candidates": {
                "network": make_candidate(1321456, 0.0),
                "network_int8_static": make_candidate(340122, 0.001),
                "random_50": make_candidate(594012, 0.2) | {"refused": True},
            },
        },
        "prepare": {
            "read": 36200, "proteins": 36000, "duplicates": 150, "unlabelled": 40, "invalid": 10,
            "labels": {"A": 12000, "B": 11000, "non": 13000},
        },
        "split": make_split(claims, method),
        "verdict": head | make_verdict(classes),
        "calibration": head | make_calibration(classes),
        "coverage": head | make_coverage(classes),
        "bands": head | make_bands(classes),
        "categories": head | {
            "model": "shipped",
            "categories": {"esterase": make_category(0.1), "regulator": make_category(0.2)},
        },
        "novelty": head | {
            "model": "shipped", "neighbours": 5, "threshold": 0.8642, "confidence_threshold": 0.2,
            "doubtful": 0.07,
            "flagged": {
                "overall": 0.04, "per_class": dict.fromkeys(classes, 0.04),
                "per_band": {"near": 0.0, "far": 0.09},
            },
            "accuracy": {"flagged": 0.8, "not_flagged": 0.97},
            "auroc_of_errors": {"distance": 0.71, "confidence": 0.88},
        },
    }  # fmt: skip


def make_fitted(signature=SIGNATURE, method="temperature", seed=0, quantile=None):
    """Return the calibration of the candidate that ships for a task, with all numbers drawn."""
    rng = np.random.default_rng(seed)
    classes, k = signature.classes, len(signature.classes)
    prior, prevalence = (dict(zip(classes, rng.dirichlet([3] * k), strict=True)) for _ in range(2))
    isotonic, biased = method == "isotonic", method == "bias_corrected_temperature"
    scaled = biased or method == "temperature"
    knots = np.sort(rng.normal(0, 0.4, 6)).tolist() if isotonic else []
    calibration = {
        "classes": classes, "method": method, "training_prior": prior, "prevalence": prevalence,
        "temperature": 1.7 if scaled else 1.0,
        "bias": rng.normal(size=k).tolist() if biased else [0.0] * k,
        "knots": knots, "values": np.sort(rng.uniform(size=len(knots))).tolist(),
    }  # fmt: skip
    if quantile is None:
        quantile = dict.fromkeys(classes, 0.6)
    conformal = {"classes": classes, "alpha": 0.1, "quantile": quantile}
    model = {"calibration": calibration, "conformal": conformal, "confidence_threshold": 0.4}
    content = {
        "format_version": 1, "task": signature.task, "classes": classes, "alpha": 0.1,
        "prevalence": prevalence, "models": {"network_int8_static": model},
        "novelty": {"neighbours": 5, "threshold": 0.8642},
    }  # fmt: skip
    return CalibrationFile.model_validate_json(json.dumps(content))


def render(about=ABOUT, signature=SIGNATURE, facts=None, fitted=None, **changes):
    """Return the card of the model that `make_facts` describes."""
    signature = replace(signature, source=about.source, simulated=about.simulated)
    facts = facts or make_facts(classes=signature.classes, **changes)
    return render_card(signature, about, facts, fitted or make_fitted(signature), SETTINGS, HASHES)


def front_matter(card):
    """Return the front matter of a card as the Hugging Face Hub's own library reads it."""
    return yaml.safe_load(re.match(r"---\n(.*?\n)---\n", card, re.DOTALL).group(1))


def section(card, heading):
    """Return the text under a heading, down to the next one."""
    return re.search(rf"\n#+ {heading}\n\n(.*?)(?=\n#|\Z)", card, re.DOTALL).group(1)


def test_facts_are_read_from_where_the_stages_write_them(tmp_path):
    facts = make_facts()
    for name, content in facts.items():
        if name == "test":
            write_report(content, tmp_path / "binary")
        else:
            folder = tmp_path if name in {"prepare", "split"} else tmp_path / "binary"
            write_json(content, folder / f"{name}.json")
    assert read_facts(tmp_path, "binary") == facts


def test_models_are_those_of_the_figures():
    assert tuple(MODEL_COLOURS) == MODELS
    assert BASELINES == ("majority", "nearest_neighbour", "logistic_regression")


def test_the_front_matter_is_what_the_hub_asks_for():
    assert front_matter(render()) == {
        "license": "apache-2.0",
        "library_name": "onnx",
        "pipeline_tag": "tabular-classification",
        "tags": [
            "biology", "protein", "embeddings", "calibration", "conformal-prediction", "kmer",
        ],
        "metrics": ["matthews_correlation", "f1", "average_precision", "roc_auc", "brier_score"],
        "model-index": [
            {
                "name": "arginator multiclass on amrfinder",
                "results": [
                    {
                        "task": {
                            "type": "tabular-classification",
                            "name": "class of a protein from its vector: A, B, non",
                        },
                        "dataset": {
                            "type": "amrfinder", "name": "NCBI reference proteins", "split": "test",
                        },
                        "metrics": [
                            {
                                "type": kind,
                                "name": f"{name} (95 % interval {interval})",
                                "value": value,
                            }
                            for kind, name, value, interval in [
                                ("matthews_correlation", "MCC", 0.91, "0.89 to 0.94"),
                                ("f1", "macro-F1", 0.5, "0.48 to 0.53"),
                                ("average_precision", "AUPRC", 0.5, "0.48 to 0.53"),
                                ("roc_auc", "AUROC", 0.5, "0.48 to 0.53"),
                                ("brier_score", "Brier score", 0.5, "0.48 to 0.53"),
                            ]
                        ],
                    }
                ],
            }
        ],
    }  # fmt: skip


def test_scores_in_the_front_matter_never_go_without_their_caveats():
    card = front_matter(render(SIMULATED, claims=False, method="random"))
    (result,) = card["model-index"][0]["results"]
    assert result["dataset"]["name"] == "Families made up (simulated, not for claims)"
    assert {"simulated-data", "not-for-claims"} <= set(card["tags"])
    assert list_caveats(ABOUT, claims=True) == []


@settings(max_examples=30, deadline=None)
@given(title=st.text(), source=st.text(), embedder=st.text(), licence=st.text())
def test_no_text_from_the_data_set_breaks_the_front_matter(title, source, embedder, licence):
    def shown(text):
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())

    about = replace(ABOUT, title=title, source=source, licence=licence)
    card = front_matter(render(about, replace(SIGNATURE, embedder=embedder)))
    assert card["model-index"][0]["results"][0]["dataset"]["name"] == shown(title)
    assert card["model-index"][0]["results"][0]["dataset"]["type"] == shown(source)
    assert re.fullmatch(r"apache-2\.0|other", card["license"])
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9.-]*", tag) for tag in card["tags"])


def test_a_network_learned_from_data_that_asks_for_something_is_not_given_away():
    assert pick_licence("CC0-1.0")["id"] == "apache-2.0"
    about = replace(ABOUT, licence="CC BY-NC 4.0")
    card = render(about)
    assert front_matter(card)["license"] == "other"
    assert front_matter(card)["license_name"] == "cc-by-nc-4.0"
    assert "Apache-2.0 for code and network" not in card
    assert "Apache-2.0 for code and network" in render()


def test_simulated_data_is_said_in_bold_at_the_top():
    above = render(SIMULATED).split("## Model details")[0]
    assert "> **Simulated data.**" in above
    assert "- Real proteins, in any way.\n" in render(SIMULATED)
    assert "clusters, simulated. In brackets" in render(SIMULATED)
    assert "imulated" not in render(ABOUT)


def test_a_random_split_is_not_for_claims_at_the_top_and_at_the_scores():
    card = render(claims=False, method="random")
    assert "> **Not for claims.**" in card.split("## Model details")[0]
    assert "clusters, not for claims. In brackets" in section(card, "Verdict")
    audit = section(card, "Split and leak audit")
    assert audit.startswith("Single proteins were dealt into folds at random.\n")
    assert "finds 2,345 closer to a training or validation protein than a cosine" in audit
    assert "| 0.2500 | 0.4999 | 20 % |" in audit
    assert "or claims" not in render()


def test_a_split_by_sequence_states_its_limit_as_identity():
    facts = make_facts()
    facts["split"] |= {"cluster_by": "sequence", "max_identity": 0.4}
    card = render(facts=facts)
    assert "1,812 clusters by sequence identity" in card
    assert "than\n40 % identical residues, as an audit of every one confirms.\n" in card
    assert "homologues fall below any" in card


@pytest.mark.parametrize("about", [ABOUT, SIMULATED])
@pytest.mark.parametrize("signature", [SIGNATURE, BINARY])
def test_no_card_lets_a_model_pass_for_a_diagnostic_device(about, signature):
    assert "- **It is not a diagnostic device.**" in section(
        render(about, signature), "Out-of-scope use"
    )


def test_the_verdict_stands_at_the_top_and_beside_the_scores():
    sentence = "The network beats logistic regression by 0.050 MCC [0.030, 0.080]."
    card = render()
    assert f"**Verdict:** {sentence}\n" in card.split("## Model details")[0]
    assert section(card, "Verdict").startswith(f"{sentence}\n")


def test_every_model_has_its_row_with_intervals_and_the_shipped_one_is_bold():
    rows = re.findall(
        r"^\| (\S.*?) \| (\S+ \[.+?\]) \| .* \| (\S+) \|$", section(render(), "Verdict"), re.M
    )
    assert rows[:5] == [
        ("majority", "0.000 [-0.020, 0.030]", "–"),
        ("nearest neighbour", "0.700 [0.680, 0.730]", "–"),
        ("logistic regression", "0.900 [0.880, 0.930]", "–"),
        ("network", "0.950 [0.930, 0.980]", "1,321,456"),
        ("**shipped**", "0.910 [0.890, 0.940]", "340,122"),
    ]


def test_a_score_that_is_not_defined_is_a_dash():
    facts = make_facts()
    for scores in facts["verdict"]["models"].values():
        del scores["auroc"]
    card = render(facts=facts)
    assert "| – | 0.500 [0.480, 0.530] | 340,122 |" in card
    assert "roc_auc" not in front_matter(card)["metrics"]


def test_each_network_stands_against_the_best_baseline():
    row = " | +0.010 [-0.010, +0.040] (logistic regression)" * 3
    for name in MODELS[3:]:
        assert f"| {name}{row} |\n" in section(render(), "Verdict")


def test_a_single_training_claims_no_spread_of_seeds():
    facts = make_facts()
    assert "mean of 5 trainings that differ by their seed alone (MCC 0.930 to 0.960)" in render()
    facts["verdict"]["seeds"] = 1
    assert "differ by their seed" not in render(facts=facts)
    assert "One network was trained: no interval holds" in render(facts=facts)


def test_resamples_that_could_not_be_scored_are_counted():
    assert "are left out. The best" not in render()
    facts = make_facts()
    facts["verdict"]["resamples_left_out"] = 12
    assert "across models; 12 without two classes are left out. The best" in render(facts=facts)


def test_the_smallest_class_is_named_with_its_clusters():
    facts = make_facts()
    facts["test"]["shipped"]["per_class"]["B"]["support"] = 29
    facts["verdict"]["clusters_per_class"]["B"] = 1
    assert (
        "- What it knows of its smallest class B was judged on 29 test proteins in 1 cluster.\n"
    ) in render(facts=facts)


def test_the_weakest_class_is_named():
    assert "- Weakest class: non, of whose 1,200 test proteins it finds 70 %.\n" in render()


def test_a_binary_model_names_its_positive_class():
    card = render(signature=BINARY)
    assert "2 classes: other, toxin. The positive class is toxin.\n" in card
    assert "toxin" in front_matter(card)["tags"]
    assert "- What it knows of its positive class toxin was judged on 1,200 test proteins" in card
    assert "positive class" not in render()


def test_the_embedder_is_told_by_its_name():
    kmer = render(signature=replace(SIGNATURE, embedder="kmer-2-3"))
    assert "`kmer-2-3` counts 2- and 3-mers, hashed to 1,024 signed counts" in kmer
    assert "relatives of 40 to 70 % identical residues" in kmer
    other = render(signature=replace(SIGNATURE, embedder="prott5"))
    assert "hashed" not in other
    assert "k-mer vectors" not in other
    assert "the limit is a cosine of vectors, not a share of identical residues.\n" in other


def test_calibration_is_told_before_and_after_and_where_it_harms():
    numbers = "0.400 → 0.300 | 0.300 → 0.250 | 0.200 → 0.020 | 0.900 → 0.910"
    assert f"| shipped | temperature | {numbers} |\n" in section(render(), "Calibration")
    assert "is higher after it" not in render()
    facts = make_facts()
    facts["calibration"]["models"]["shipped"]["after"]["log_loss"] = 0.5
    assert "On this fold the log loss of shipped is higher after it.\n" in render(facts=facts)


def test_a_band_without_two_classes_has_dashes_for_scores():
    bands = section(render(), "Similarity to training")
    assert "| near: 0.3 and above | 100 (30 / 30 / 30) | 40 | 0.700 | 0.900 | 0.910 |" in bands
    assert "| far: below 0.2 | 100 (30 / 30 / 30) | 40 | – | – | – |" in bands


def test_classes_and_bands_that_miss_their_coverage_are_named_as_limits():
    promise = "- Conformal sets miss more"
    assert promise not in render()
    facts = make_facts()
    facts["coverage"]["per_class"]["B"] |= {"coverage": 0.5, "low": 0.3, "high": 0.8999}
    facts["coverage"]["per_band"]["far"] |= {"coverage": 0.85, "low": 0.7, "high": 0.9}
    assert (
        f"{promise} than the 10 % they may, even at the upper end of the interval over test "
        "clusters: B, 50 % of 1,200 covered.\n"
    ) in section(render(facts=facts), "Bias, risks, and limitations")


def test_a_class_that_cannot_be_ruled_out_is_named():
    fitted = make_fitted(quantile={"A": 0.5, "non": 0.5})
    assert (
        "- In every conformal set: B, with fewer than the 9 calibration proteins that it takes to "
        "rule a class out.\n"
    ) in render(fitted=fitted)
    assert "In every conformal set" not in render()


def test_categories_come_worst_first():
    card = render(signature=BINARY)
    rows = re.findall(r"^\| (esterase|regulator) .* \| (\S+ %) \[", card, re.M)
    assert rows == [("regulator", "20 %"), ("esterase", "10 %")]
    assert "- Worst category: of 50 test proteins in category regulator (9 clusters)" in card
    assert "Proteins that are not toxin, by category" in section(card, "Hard negatives")
    assert "called by another class" in section(render(), "Mistakes by category")


def test_of_equally_bad_categories_the_larger_comes_first():
    rows = {"b": make_category(0.1), "a": make_category(0.1), "c": make_category(0.1, 51)}
    found = find_hardest({"categories": rows}, "shipped")
    assert [row["name"] for row in found] == ["c", "a", "b"]


def test_long_lists_of_categories_are_cut_and_say_so():
    facts = make_facts()
    facts["categories"]["categories"] = {
        f"kind {place:02}": make_category(round(place / 100, 2)) for place in range(12)
    }
    text = section(render(facts=facts), "Mistakes by category")
    assert text.count("| kind ") == 8
    assert "The 8 worst of 12." in text


def test_without_categories_the_card_says_what_is_not_known():
    facts = make_facts()
    facts["categories"]["categories"] = {}
    card = render(facts=facts)
    assert "names no categories, so it is not known which kinds of proteins it mistakes" in card
    assert "Worst category" not in card


def test_no_category_is_the_worst_where_none_is_mistaken():
    facts = make_facts()
    facts["categories"]["categories"] = {"esterase": make_category(0.0)}
    assert "Worst category" not in render(facts=facts)


def test_novelty_is_told_with_what_it_is_worth():
    text = section(render(), "Unlike training")
    assert (
        "Above 0.864 it is flagged: 4 % of the\ntest fold, 0 % of the near, 9 % of the far." in text
    )
    assert "right for 80 % of the flagged and 97 % of the others." in text
    assert "novelty 0.710, 1 minus the highest probability 0.880." in text


def test_without_errors_or_flags_novelty_is_still_told():
    facts = make_facts()
    facts["novelty"] |= {"accuracy": {"not_flagged": 1.0}, "auroc_of_errors": {}}
    text = section(render(facts=facts), "Unlike training")
    assert "Calls are right" not in text
    assert "AUROC" not in text


@pytest.mark.parametrize(
    ("signature", "method"),
    [
        (BINARY, "none"),
        (BINARY, "temperature"),
        (BINARY, "bias_corrected_temperature"),
        (BINARY, "isotonic"),
        (SIGNATURE, "none"),
        (SIGNATURE, "temperature"),
        (SIGNATURE, "bias_corrected_temperature"),
    ],
)
def test_the_code_on_the_card_gives_the_answers_of_the_bundle(
    tmp_path, monkeypatch, signature, method
):
    signature = replace(signature, width=12)
    quantile = {name: 0.45 + 0.1 * place for place, name in enumerate(signature.classes[:-1])}
    fitted = make_fitted(signature, method, quantile=quantile)
    card = render(signature=signature, fitted=fitted)
    torch.manual_seed(1)
    outputs = 1 if signature.positive else len(signature.classes)
    network = FeedForward(Shape(12, (8,), outputs, 0.0, "relu", "batch"))
    export_onnx(network, signature, tmp_path / "m.onnx")
    points = np.eye(12, dtype=np.float16)
    names = tuple(map(str, range(12)))
    reference = NoveltyIndex(np.zeros(12, np.float32), points, names, names, 5, 0.8642)
    write_bundle(tmp_path / "bundle", tmp_path / "m.onnx", card, fitted, reference, ABOUT, {})
    monkeypatch.chdir(tmp_path / "bundle")
    matrix = np.random.default_rng(0).normal(0, 5, size=(50, 12)).astype(np.float32)
    names = {"matrix": matrix}
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    exec(code, names)
    own = OnnxClassifier(tmp_path / "m.onnx").predict_probability(matrix)
    known = fitted.models["network_int8_static"]
    expected = known.calibration.apply(own)
    np.testing.assert_allclose(names["probability"], expected, atol=1e-12)
    np.testing.assert_array_equal(names["in_set"], known.conformal.sets(own))
    assert 0 < names["in_set"].mean() < 1
    np.testing.assert_array_equal(names["doubtful"], 1 - expected.max(axis=1) > 0.4)
    mine = np.linspace(1, 2, len(signature.classes))
    mine /= mine.sum()
    stated = known.calibration.apply(own, dict(zip(signature.classes, mine, strict=True)))
    shifted = names["softmax"](np.log(names["probability"]) + np.log(mine / names["prevalence"]))
    np.testing.assert_allclose(shifted, stated, atol=1e-12)


@pytest.mark.parametrize("method", ["none", "temperature", "isotonic"])
def test_the_code_on_the_card_is_laid_out_as_the_formatter_would(method):
    card = render(signature=BINARY, fitted=make_fitted(BINARY, method))
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--stdin-filename=x.py", "-"]
    done = subprocess.run(command, input=code, capture_output=True, text=True, check=True)
    assert done.stdout == code


def test_the_parameters_on_the_card_are_those_of_the_run():
    card = render()
    (text,) = re.findall(r"```yaml\n(.*?)```", card, re.DOTALL)
    assert text == write_settings(SETTINGS)
    assert yaml.safe_load(text.replace("1e-05", "1.0e-05")) == SETTINGS
    canonical = json.dumps(SETTINGS, sort_keys=True).encode()
    for digest in [*HASHES.values(), hashlib.sha256(canonical).hexdigest()]:
        assert f"| `{digest}` |\n" in section(card, "How to reproduce")


@pytest.mark.parametrize("about", [ABOUT, SIMULATED])
@pytest.mark.parametrize("method", ["cluster", "random", "given"])
@pytest.mark.parametrize("signature", [SIGNATURE, BINARY])
def test_a_card_is_short_sound_markdown(about, method, signature):
    card = render(about, signature, claims=method != "random", method=method)
    text = card.split("---\n", 2)[2]
    assert len(text.splitlines()) <= 300
    assert card.endswith(".\n")
    assert "\n\n\n" not in re.sub(r"```.*?```", "code", text, flags=re.DOTALL)
    assert not re.search(r"[^|] +$", text, re.M)
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert html.count("<table>") == 12
    for table in html.split("<table>")[1:]:
        columns = {len(re.findall("<t[hd][ >]", row)) for row in table.split("<tr>")[1:]}
        assert len(columns) == 1


def test_sections_come_in_the_order_of_the_hub_and_links_lead_to_one():
    card = render()
    headings = re.findall(r"^(#+) (.+)$", re.sub(r"```.*?```", "", card, flags=re.DOTALL), re.M)
    assert [text for level, text in headings if level == "##"] == SECTIONS
    slugs = {re.sub(r"[^a-z0-9 -]", "", text.lower()).replace(" ", "-") for _, text in headings}
    assert set(re.findall(r"\]\(#(.+?)\)", card)) <= slugs
    assert all(len(later) - len(earlier) <= 1 for (earlier, _), (later, _) in pairwise(headings))


def test_the_headings_of_dome_are_covered():
    rows = re.findall(r"^\| (\w+) \| .+ \|$", section(render(), "DOME"), re.M)
    assert rows == ["heading", "Data", "Optimization", "Model", "Evaluation"]


def test_text_from_the_data_set_cannot_break_a_table_or_open_a_tag():
    about = replace(ABOUT, labels=LABELS | {"A": "a|b\n<script>"})
    html = MarkdownIt("commonmark").enable("table").render(render(about))
    assert "<td>a|b &lt;script&gt;</td>" in html


def test_results_of_other_data_are_refused():
    with pytest.raises(ModelError) as error:
        render_card(SIGNATURE, SIMULATED, make_facts(), make_fitted(), SETTINGS, HASHES)
    assert str(error.value) == (
        "model card of 'multiclass': the model is of data 'amrfinder', the results of 'demo'; "
        "run `dvc repro`"
    )


def test_results_of_other_classes_are_refused():
    signature = replace(SIGNATURE, classes=("A", "C"))
    with pytest.raises(ModelError) as error:
        render_card(signature, ABOUT, make_facts(), make_fitted(), SETTINGS, HASHES)
    assert str(error.value) == (
        "model card of 'multiclass': the model tells apart A, C, the results A, B, non; "
        "run `dvc repro`"
    )


def test_results_of_another_choice_are_refused():
    facts = make_facts()
    facts["compression"]["model"] = "network"
    with pytest.raises(ModelError) as error:
        render(facts=facts)
    assert str(error.value) == (
        "model card of 'multiclass': the chosen candidate is 'network_int8_static', "
        "compression.json is of 'network'; run `dvc repro`"
    )


def test_a_calibration_of_another_candidate_is_refused():
    facts = make_facts()
    for name in ("choice", "compression"):
        facts[name]["model"] = "network"
    with pytest.raises(ModelError) as error:
        render(facts=facts)
    assert str(error.value) == (
        "model card of 'multiclass': the chosen candidate is 'network', the calibration is of "
        "'network_int8_static'; run `dvc repro`"
    )


def test_every_candidate_is_on_the_card_and_what_became_of_it():
    rows = section(render(), "Compression").splitlines()
    losses = "-0.001 [-0.021, 0.029] | 0.000 [-0.020, 0.030] | 0.010 [-0.010, 0.040]"
    assert f"| network | 1,321,456 | 327,936 | {losses} | 99.9 % | 91 % |" in rows
    assert any(row.startswith("| **network int8 static** | 340,122 |") for row in rows)
    assert any(row.startswith("| random 50 (refused) | 594,012 |") for row in rows)


def test_a_fact_that_is_missing_is_never_left_blank():
    facts = make_facts()
    del facts["split"]["max_similarity"]
    with pytest.raises(UndefinedError, match="max_similarity"):
        render(facts=facts)
