"""Tests of model cards: they say what speaks against a model before what speaks for it."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from jinja2 import UndefinedError
from markdown_it import MarkdownIt

from arginator.bundles import write_bundle
from arginator.cards import read_facts, render_card
from arginator.classifiers import OnnxClassifier
from arginator.compression import export_onnx
from arginator.drawing.canvas import MODEL_COLOURS
from arginator.errors import ModelError
from arginator.ffnn import FeedForward, Shape
from arginator.files import write_json
from arginator.prepared import Provenance
from arginator.reports import BASELINES, MODELS, write_report
from arginator.tasks import Signature

LABELS = {"A": "Ambler class A", "B": "Ambler class B", "non": "any other protein"}
ABOUT = Provenance(
    "amrfinder",
    "NCBI reference proteins",
    False,
    "ncbi.nlm.nih.gov",
    "public domain",
    "Feldgarden et al. 2021",
    "kmer",
    LABELS,
)
SIMULATED = replace(ABOUT, source="demo", title="Simulated families", simulated=True)
SIGNATURE = Signature(
    "multiclass", "multiclass", tuple(LABELS), None, 1024, "kmer", "amrfinder", False
)
FOLDS = ("train", "validation", "calibration", "test")


def make_report(mcc, classes=tuple(LABELS)):
    """Return the scores of a model; the last class is found least often."""
    names = ("accuracy", "balanced_accuracy", "macro_f1", "auroc", "auprc", "log_loss")
    per_class = {
        name: {"precision": 0.9, "recall": round(0.9 - 0.1 * place, 4), "f1": 0.8, "support": 1200}
        for place, name in enumerate(classes)
    }
    return {"mcc": mcc, **dict.fromkeys(names, 0.5), "per_class": per_class}


def make_facts(claims=True, method="cluster", gain=0.01):
    """Return the metrics that a card is made of."""
    mcc = dict(zip(MODELS, (0, 0.7, 0.9, 0.95, 0.94, 0.9 + gain), strict=True))
    return {
        "test": {
            "source": "amrfinder", "claims": claims, "fold": "test", "proteins": 3600,
            **{name: make_report(score) for name, score in mcc.items()},
        },
        "choice": {
            "model": "quantized", "reason": "the smallest within 0.01 of the network's MCC",
            "bytes": {"network": 1321456, "pruned": 594012, "quantized": 340122},
            "parameters": {"network": 328961, "pruned": 148353, "quantized": 328961},
        },
        "prepare": {
            "read": 36200, "proteins": 36000, "duplicates": 150, "unlabelled": 40, "invalid": 10,
            "labels": {"A": 12000, "B": 11000, "non": 13000},
        },
        "split": {
            "method": method, "claims": claims, "max_similarity": 0.5, "clusters": 1812,
            "largest_cluster": 240, "above_limit": 0 if claims else 2345,
            "folds": {
                fold: {"proteins": 9000, "A": 3000, "B": 2750, "non": 3250} for fold in FOLDS
            },
            "clusters_per_class": {fold: {"A": 70, "B": 1, "non": 900} for fold in FOLDS},
            "similarity_to_train": {
                fold: {"median": 0.25, "p95": 0.4, "max": 0.4999} for fold in FOLDS[1:]
            },
        },
    }  # fmt: skip


def render(about=ABOUT, signature=SIGNATURE, **changes):
    """Return the card of the model that `make_facts` describes."""
    signature = replace(signature, source=about.source, simulated=about.simulated)
    return render_card(signature, about, **make_facts(**changes))


def test_facts_are_read_from_where_the_stages_write_them(tmp_path):
    facts = make_facts()
    for name, content in facts.items():
        if name == "test":
            write_report(content, tmp_path / "binary")
        else:
            folder = tmp_path / "binary" if name == "choice" else tmp_path
            write_json(content, folder / f"{name}.json")
    assert read_facts(tmp_path, "binary") == facts


def test_models_are_those_of_the_figures():
    assert tuple(MODEL_COLOURS) == MODELS
    assert BASELINES == ("majority", "nearest_neighbour", "logistic_regression")


def test_simulated_data_is_said_in_bold_at_the_top():
    above = render(SIMULATED).split("## What it is")[0]
    assert "**Simulated data.**" in above
    assert "- Real proteins, in any way.\n" in render(SIMULATED)
    assert "imulated" not in render(ABOUT)


def test_a_random_split_is_not_for_claims_at_the_top_and_at_the_scores():
    card = render(claims=False, method="random")
    assert "**Not for claims.**" in card.split("## What it is")[0]
    assert "## Scores on the test fold (3,600 proteins, not for claims)\n" in card
    assert "at random; 2,345 held-out proteins lie closer" in card
    assert "laims" not in render()


@pytest.mark.parametrize("about", [ABOUT, SIMULATED])
def test_no_card_lets_a_model_pass_for_a_diagnostic_device(about):
    assert "- **It is not a diagnostic device.**" in render(about)


def test_every_model_has_its_row_and_the_shipped_one_is_bold():
    rows = re.findall(r"^\| (.+?) \| (\d\.\d{3}) \|.*\| (.+) \|$", render(), re.MULTILINE)
    assert [row for row in rows if row[0].strip("*").replace(" ", "_") in MODELS] == [
        ("majority", "0.000", "–"),
        ("nearest neighbour", "0.700", "–"),
        ("logistic regression", "0.900", "–"),
        ("network", "0.950", "1,321,456"),
        ("pruned", "0.940", "594,012"),
        ("**quantized**", "0.910", "340,122"),
    ]


@pytest.mark.parametrize(
    ("gain", "mcc", "difference"), [(0.01, "0.910", "+0.010"), (-0.3, "0.600", "-0.300")]
)
def test_without_an_interval_there_is_no_verdict_on_the_network(gain, mcc, difference):
    assert (
        f"model's MCC is {mcc}, that of the best baseline (logistic regression) 0.900,\n"
        f"  a difference of {difference} on 1,200 test proteins of the smallest class A, in the "
        "clusters counted by label above.\n"
        "  No interval is computed, so a difference of this size decides nothing.\n"
    ) in render(gain=gain)


def test_the_smallest_class_is_named_with_its_clusters_where_they_are_known():
    facts = make_facts()
    facts["test"]["quantized"]["per_class"]["B"]["support"] = 29
    facts["split"]["folds"]["test"]["B"] = 29
    card = render_card(SIGNATURE, ABOUT, **facts)
    assert " on 29 test proteins of the smallest class B in 1 cluster.\n" in card
    assert "\nA, 3,000 proteins in 70 clusters; B, 29 proteins in 1 cluster; non, 3,250 " in card


def test_the_embedder_is_told_by_its_name():
    kmer = render(signature=replace(SIGNATURE, embedder="kmer-2-3"))
    assert "`kmer-2-3` counts 2- and 3-mers, hashed to 1,024 signed counts" in kmer
    assert "about 65 % identical residues" in kmer
    other = render(signature=replace(SIGNATURE, embedder="prott5"))
    assert "hashed" not in other
    assert "65 %" not in other
    assert "the limit is a cosine of vectors, not a share of identical residues.\n" in other


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_the_code_on_the_card_gives_the_probabilities_of_the_bundle(tmp_path, monkeypatch, kind):
    binary = Signature(
        "binary", "binary", ("other", "toxin"), "toxin", 12, "kmer", "amrfinder", False
    )
    signature = binary if kind == "binary" else replace(SIGNATURE, width=12)
    facts = make_facts()
    facts["test"]["quantized"] = make_report(0.9, signature.classes)
    card = render_card(signature, ABOUT, **facts)
    torch.manual_seed(1)
    outputs = 1 if kind == "binary" else 3
    network = FeedForward(Shape(12, (8,), outputs, 0.0, "relu", "batch"))
    export_onnx(network, signature, tmp_path / "m.onnx")
    write_bundle(tmp_path / "bundle", tmp_path / "m.onnx", card, {})
    monkeypatch.chdir(tmp_path / "bundle")
    matrix = np.random.default_rng(0).normal(size=(20, 12)).astype(np.float32)
    names = {"matrix": matrix}
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    exec(code, names)
    assert names["probability"].shape == (20, outputs)
    expected = OnnxClassifier(tmp_path / "m.onnx").predict_probability(matrix)
    np.testing.assert_allclose(names["probability"], expected[:, -outputs:], atol=1e-6)


def test_the_weakest_class_is_named():
    assert "- Weakest class: non, of whose 1,200 test proteins it finds 70 %.\n" in render()


def test_a_binary_model_names_its_positive_class():
    classes = ("other", "toxin")
    signature = Signature("binary", "binary", classes, "toxin", 1024, "kmer", "amrfinder", False)
    facts = make_facts()
    facts["test"]["quantized"] = make_report(0.9, classes)
    card = render_card(signature, ABOUT, **facts)
    assert "2 classes: other, toxin. The positive class is toxin.\n" in card
    assert "positive class" not in render()


@pytest.mark.parametrize("about", [ABOUT, SIMULATED])
@pytest.mark.parametrize("method", ["cluster", "random", "given"])
def test_a_card_is_short_sound_markdown(about, method):
    card = render(about, claims=method != "random", method=method)
    assert len(card.splitlines()) <= 120
    assert card.startswith("# ")
    assert card.endswith(".\n")
    assert "\n\n\n" not in card
    html = MarkdownIt("commonmark").enable("table").render(card)
    assert html.count("<table>") == 4
    assert html.count("<h2>") == 8
    for table in html.split("<table>")[1:]:
        columns = {len(re.findall("<t[hd][ >]", row)) for row in table.split("<tr>")[1:]}
        assert len(columns) == 1


def test_text_from_the_data_set_cannot_break_a_table_or_open_a_tag():
    about = replace(ABOUT, labels=LABELS | {"A": "a|b\n<script>"})
    html = MarkdownIt("commonmark").enable("table").render(render(about))
    assert "<td>a|b &lt;script&gt;</td>" in html


def test_results_of_other_data_are_refused():
    with pytest.raises(ModelError) as error:
        render_card(SIGNATURE, SIMULATED, **make_facts())
    assert str(error.value) == (
        "model card of 'multiclass': the model is of data 'amrfinder', the results of 'demo'; "
        "run `dvc repro`"
    )


def test_results_of_other_classes_are_refused():
    with pytest.raises(ModelError) as error:
        render_card(replace(SIGNATURE, classes=("A", "C")), ABOUT, **make_facts())
    assert str(error.value) == (
        "model card of 'multiclass': the model tells apart A, C, the results A, B, non; "
        "run `dvc repro`"
    )


def test_a_fact_that_is_missing_is_never_left_blank():
    facts = make_facts()
    del facts["split"]["max_similarity"]
    with pytest.raises(UndefinedError, match="max_similarity"):
        render_card(SIGNATURE, ABOUT, **facts)
