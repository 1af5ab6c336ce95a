"""The look of every figure: colours, type, a headline that names the data, the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from arginator.files import replacing

# Told apart with every kind of colour vision: Okabe & Ito 2008, jfly.uni-koeln.de/color.
BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW, BLACK = "#CC79A7", "#56B4E9", "#F0E442", "#000000"
INK, GREY, FAINT = "#262626", "#6B6B6B", "#E3E3E3"
DASHED = (0, (4, 3))

CLASS_COLOURS = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, BLACK, YELLOW)
MODEL_COLOURS = {
    "majority": GREY,
    "nearest_neighbour": GREEN,
    "logistic_regression": ORANGE,
    "network": BLUE,
    "shipped": PURPLE,
}
COMPARED = ("nearest_neighbour", "logistic_regression", "network")  # where six would be a crowd
SCORES = {"mcc": "MCC", "macro_f1": "macro-F1", "auprc": "AUPRC"}
BAND_COLOURS = {"near": "#6E6E6E", "middle": "#A9A9A9", "far": "#DCDCDC"}
FOLD_COLOURS = {"train": "#B8B8B8", "validation": SKY, "calibration": ORANGE, "test": GREEN}

WIDTH_IN = 5.4
HEADLINE_IN = 0.62
CHARACTERS_A_LINE = 70  # of the headline's second line; longer ones shrink
STYLE = {
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.axisbelow": True,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "legend.columnspacing": 1.2,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.handletextpad": 0.5,
    "lines.linewidth": 2,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "path",
    "svg.hashsalt": "arginator",
    "text.color": INK,
    "xtick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.color": GREY,
    "ytick.labelcolor": INK,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the house style, whatever the user's matplotlibrc says; restored afterwards."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(mpl.RcParams(STYLE))
        yield


def new_figure(
    height_in: float, title: str, facts: Mapping[str, Any], notes: Sequence[str]
) -> Figure:
    """Return an empty figure with a headline: the title, and a line that names the data.

    Args:
        height_in: Height below the headline, in inches.
        title: What the figure shows.
        facts: `source` and `claims`, as every metrics file has them.
        notes: Further words for the line, such as the fold.
    """
    height_in += HEADLINE_IN
    figure = Figure(figsize=(WIDTH_IN, height_in), facecolor="white")
    figure.set_layout_engine(
        "constrained", rect=(0, 0, 1, 1 - HEADLINE_IN / height_in), w_pad=0.09, h_pad=0.07
    )
    left, top = 0.1 / WIDTH_IN, 1 - 0.09 / height_in
    line = " · ".join([describe_source(facts), *notes])
    colour = GREY if is_for_claims(facts) else VERMILLION
    size = min(9.0, 9.0 * CHARACTERS_A_LINE / len(line))
    figure.text(left, top, title, va="top", size=12.5, weight="bold")
    figure.text(left, top - 0.26 / height_in, line, va="top", size=size, color=colour)
    return figure


def describe_source(facts: Mapping[str, Any]) -> str:
    """Return how figures name the data: "simulated data" for what nothing living ever made.

    Args:
        facts: `source` and `claims`; `reason` is what speaks against claims, by default
            near-copies in training.

    >>> describe_source({"source": "demo (simulated)", "claims": False})
    'simulated data · near-copies in training, not for claims'
    """
    source = str(facts["source"])
    name = "simulated data" if "(simulated)" in source else source
    reason = facts.get("reason", "near-copies in training")
    return name if facts["claims"] else f"{name} · {reason}, not for claims"


def is_for_claims(facts: Mapping[str, Any]) -> bool:
    """Return whether results may be quoted: real data, similar proteins kept apart."""
    return bool(facts["claims"]) and "(simulated)" not in str(facts["source"])


def describe_test(metrics: Mapping[str, Any], task: str) -> list[str]:
    """Return what the headline says about task and fold."""
    return [f"{task} task", f"{metrics['fold']} fold, {metrics['proteins']:,} proteins"]


def name_model(model: str) -> str:
    """Return the name of a model as figures show it."""
    return model.replace("_", " ")


def class_colours(classes: Sequence[str]) -> dict[str, str]:
    """Return the colour of each class, by its place; the ninth has that of the first."""
    return {name: CLASS_COLOURS[i % len(CLASS_COLOURS)] for i, name in enumerate(classes)}


def write_figure(figure: Figure, path: Path) -> None:
    """Write `figure` as SVG; the same figure gives the same bytes."""
    with house_style(), replacing(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": "arginator"})
