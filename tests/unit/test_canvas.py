"""Tests of the look that all figures share."""

import matplotlib as mpl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from arginator.drawing.canvas import (
    CLASS_COLOURS,
    MODEL_COLOURS,
    WIDTH_IN,
    class_colours,
    describe_source,
    describe_test,
    house_style,
    is_for_claims,
    new_figure,
    write_figure,
)
from arginator.reports import BASELINES

REAL = {"source": "amrfinder", "claims": True}
SIMULATED = {"source": "demo (simulated)", "claims": True}
RANDOM = {"source": "amrfinder", "claims": False}


@pytest.mark.parametrize(
    ("facts", "words", "for_claims"),
    [
        (REAL, "amrfinder", True),
        (SIMULATED, "simulated data", False),
        (RANDOM, "amrfinder · near-copies in training, not for claims", False),
    ],
)
def test_headline_says_what_speaks_against_quoting_a_result(facts, words, for_claims):
    figure = new_figure(3.0, "Title", facts, ["a note"])
    title, line = figure.texts
    assert (title.get_text(), line.get_text()) == ("Title", f"{words} · a note")
    assert describe_source(facts) == words
    assert is_for_claims(facts) is for_claims


def test_headline_of_what_may_be_quoted_has_another_colour():
    colour = [new_figure(3.0, "T", facts, []).texts[1].get_color() for facts in (REAL, SIMULATED)]
    assert colour[0] != colour[1]


@given(st.text("abcdefgW _-", min_size=1, max_size=120), st.integers(0, 10**7))
def test_headline_always_fits_the_width(source, proteins):
    metrics = {"source": source, "claims": False, "fold": "calibration", "proteins": proteins}
    with house_style():
        figure = new_figure(1.0, "T", metrics, describe_test(metrics, "multiclass"))
        extent = figure.texts[1].get_window_extent(FigureCanvasAgg(figure).get_renderer())
    assert extent.x1 <= WIDTH_IN * figure.dpi


def test_models_and_classes_have_colours_of_their_own():
    assert len(set(MODEL_COLOURS.values())) == len(MODEL_COLOURS)
    assert set(BASELINES) < set(MODEL_COLOURS)
    classes = [f"class {i}" for i in range(9)]
    colours = class_colours(classes)
    assert list(colours) == classes
    assert len({colours[name] for name in classes[:8]}) == len(CLASS_COLOURS) == 8
    assert colours["class 8"] == colours["class 0"]


def test_house_style_leaves_the_settings_as_they_were():
    before = dict(mpl.rcParams)
    with house_style():
        assert dict(mpl.rcParams) != before
    assert dict(mpl.rcParams) == before


def test_settings_of_the_user_do_not_change_the_bytes(tmp_path):
    def draw() -> Figure:
        with house_style():
            figure = new_figure(2.0, "Title", REAL, ["note"])
            figure.subplots().plot([0, 1], [1, 0])
            return figure

    write_figure(draw(), tmp_path / "plain.svg")
    with mpl.rc_context({"font.size": 20, "svg.fonttype": "none", "axes.facecolor": "black"}):
        write_figure(draw(), tmp_path / "styled.svg")
    assert (tmp_path / "plain.svg").read_bytes() == (tmp_path / "styled.svg").read_bytes()
