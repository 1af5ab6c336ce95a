"""Tests of the studies' figures: every number that was measured can be read off."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest

from arginator.drawing.canvas import COMPARED, MODEL_COLOURS, house_style, write_figure
from arginator.drawing.left_out_figures import draw_left_out
from arginator.drawing.study_figures import (
    draw_ablation,
    draw_gap,
    draw_learning_curve,
)

METRICS = ("mcc", "macro_f1", "auprc")
FACTS = {"source": "demo (simulated)", "claims": False}


def make_scores(value):
    """Return the scores of the compared models, each a little better than the one before."""
    return {model: dict.fromkeys(METRICS, value + 0.01 * i) for i, model in enumerate(COMPARED)}


def make_gap():
    """Return gap.json: half the proteins are far when apart, none under a random split."""
    far, near = {"far": {"proteins": 50}, "near": {"proteins": 50}}, {"near": {"proteins": 100}}
    splits = {
        "cluster": {"proteins": 100, "models": make_scores(0.6), "by_band": far},
        "random": {"proteins": 100, "models": make_scores(0.9), "by_band": near},
    }
    gap = {model: dict.fromkeys(METRICS, 0.3) for model in COMPARED}
    return {**FACTS, "max_similarity": 0.4, "splits": splits, "gap": gap}


def make_learning_curve():
    """Return learning_curve.json with the range of the network over seeds."""
    points = []
    for share, proteins in ((0.1, 300), (0.4, 1200), (1.0, 3000)):
        scores = make_scores(0.5 + share / 3)
        mean = scores["network"]["mcc"]
        spread = {"mean": mean, "lowest": mean - 0.05, "highest": mean + 0.05}
        scores["network"] = dict.fromkeys(METRICS, spread)
        points.append({"share": share, "proteins": proteins, "clusters": 9, "models": scores})
    return {**FACTS, "claims": True, "fold": "test", "points": points}


def make_ablation():
    """Return ablation.json; the lowest limit cannot be split."""
    limits = [{"max_similarity": 0.3, "reason": "one cluster holds all of class 'B'"}]
    limits += [
        {"max_similarity": limit, "largest_cluster": size, "clusters": 7, "models": make_scores(y)}
        for limit, size, y in ((0.5, 161, 0.6), (1.0, 9, 0.9))
    ]
    return {**FACTS, "limits": limits}


def make_left_out(classes="AB", families=("TEM",)):
    """Return left_out.json; a half of the left-out proteins is flagged."""

    def describe(label):
        auroc = {"distance": 0.9, "confidence": 0.3}
        return {"label": label, "proteins": 8, "auroc": auroc, "flagged": 0.5, "false_flags": 0.04}

    found = {
        "classes": {name: describe(name) for name in classes},
        "families": {name: describe("A") for name in families},
    }
    about = {"claims": True, "neighbours": 5, "alpha": 0.05, "labels": [*"ABCD", "non"]}
    return {**FACTS, **about, **found}


FIGURES = {
    "gap": (draw_gap, make_gap),
    "learning_curve": (draw_learning_curve, make_learning_curve),
    "ablation": (draw_ablation, make_ablation),
    "left_out": (draw_left_out, make_left_out),
}


def texts_of(axes):
    """Return the texts written into a plot."""
    return [text.get_text() for text in axes.texts]


def line_of(axes, model):
    """Return the line of a model."""
    [line] = [line for line in axes.lines if line.get_color() == MODEL_COLOURS[model]]
    return line


@pytest.mark.parametrize("name", FIGURES)
def test_every_study_gives_the_same_bytes_inside_the_figure(tmp_path, name):
    draw, make = FIGURES[name]
    figure = draw(make())
    with house_style():
        figure.draw_without_rendering()
        box = figure.get_tightbbox()
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= figure.get_figwidth()
    assert box.y1 <= figure.get_figheight()
    assert figure.texts[1].get_text().startswith("simulated data ·")
    for path in (tmp_path / "a.svg", tmp_path / "b.svg"):
        write_figure(draw(make()), path)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert ET.fromstring((tmp_path / "a.svg").read_bytes()).tag.endswith("svg")


@pytest.mark.parametrize("name", ["gap", "ablation"])
def test_a_study_of_splits_says_why_it_is_not_for_claims(name):
    draw, make = FIGURES[name]
    facts = make() | {"source": "amrfinder"}
    assert draw(facts).texts[1].get_text().startswith("amrfinder · study of splits, not for claims")


def test_the_gap_joins_the_scores_of_both_splits_and_writes_the_difference():
    *metrics, bands = draw_gap(make_gap()).axes
    assert len(metrics) == len(METRICS)
    for axes in metrics:
        assert texts_of(axes) == ["+0.30"] * 3
        joined = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2]
        np.testing.assert_allclose(joined, [[0.6, 0.9], [0.61, 0.91], [0.62, 0.92]])
    assert texts_of(bands) == ["50%", "50%", "100%"]


def test_the_learning_curve_shows_mean_and_range_against_proteins():
    for axes in draw_learning_curve(make_learning_curve()).axes:
        line = line_of(axes, "network")
        assert line.get_xdata().tolist() == [300, 1200, 3000]
        ends = {tuple(corner) for corner in axes.collections[-1].get_paths()[0].vertices.tolist()}
        for x, mean in line.get_xydata().tolist():
            assert {(x, mean - 0.05), (x, mean + 0.05)} <= ends


def test_a_score_that_is_undefined_leaves_a_gap_in_the_curve():
    curve = make_learning_curve()
    del curve["points"][0]["models"]["nearest_neighbour"]["mcc"]
    mcc = draw_learning_curve(curve).axes[0]
    assert line_of(mcc, "nearest_neighbour").get_xdata().tolist() == [1200, 3000]


def test_the_ablation_shows_each_limit_and_says_which_cannot_be_split():
    *metrics, clusters = draw_ablation(make_ablation()).axes
    for axes in metrics:
        assert line_of(axes, "network").get_xdata().tolist() == [0.5, 1.0]
    assert texts_of(clusters) == ["cannot\nbe split", "161", "9"]
    assert [label.get_text() for label in clusters.get_xticklabels()] == ["0.3", "0.5", "1"]


def test_left_out_shows_what_is_flagged_of_the_unknown_and_of_the_known():
    flagged, auroc = draw_left_out(make_left_out()).axes
    names = [label.get_text() for label in flagged.get_yticklabels()]
    assert names == ["class A (8)", "class B (8)", "family TEM (8)"]
    assert texts_of(flagged) == ["50%"] * 3
    drawn = [line.get_xdata()[0] for line in flagged.lines if len(line.get_xdata()) == 1]
    assert drawn == [0.04, 0.5] * 3
    colours = [line.get_color() for line in flagged.lines if line.get_xdata()[0] == 0.5]
    assert colours[0] == colours[2] != colours[1]
    shown = [line.get_xdata()[0] for line in auroc.lines if len(line.get_xdata()) == 1]
    assert shown == [0.3, 0.9] * 3
    assert auroc.get_xlim()[0] < 0.3


def test_a_study_in_which_nothing_could_be_left_out_can_be_drawn(tmp_path):
    write_figure(draw_left_out(make_left_out("", ())), tmp_path / "left_out.svg")
