"""Tests of the figures: right numbers, the same bytes, nothing that another machine must have."""

import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from arginator.drawing.canvas import MODEL_COLOURS, house_style
from arginator.drawing.curve_figures import draw_precision_recall, draw_roc
from arginator.drawing.data_figures import draw_folds, draw_similarity
from arginator.drawing.model_figures import (
    draw_confusion,
    draw_models,
    find_best_epoch,
    format_share,
)
from arginator.errors import DataError
from arginator.figures import TaskResults, draw_data, draw_task, read_results, write_figures
from arginator.folds import Folds
from arginator.reports import write_report

CLASSES = {"binary": ["other", "toxin"], "multiclass": ["A", "B", "C", "D", "non"]}
SVG = "{http://www.w3.org/2000/svg}"


def make_results(task, classes=None, source="demo (simulated)", claims=True, n=120):
    """Return results of six models that know more or less."""
    rng = np.random.default_rng(5)
    classes = classes or CLASSES[task]
    k = len(classes)
    target = rng.permutation(np.arange(n) % k)
    looked_for = [1] if k == 2 else range(k)
    metrics = {"source": source, "claims": claims, "fold": "test", "proteins": n}
    roc, precision_recall, predicted = [], [], target
    for strength, model in enumerate(MODEL_COLOURS):
        logit = rng.normal(size=(n, k)) + strength * np.eye(k)[target]
        probability = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
        if model == "nearest_neighbour":
            probability = np.eye(k)[probability.argmax(axis=1)]
        score = round(0.15 * strength, 4)
        per_class = {name: {"recall": score, "support": n // k} for name in classes}
        metrics[model] = {"mcc": score, "macro_f1": score, "auprc": score, "per_class": per_class}
        for index in looked_for:
            of_class = (target == index, probability[:, index])
            false_rate, true_rate, _ = roc_curve(*of_class)
            precision, recall, _ = precision_recall_curve(*of_class)
            name = classes[index]
            roc += [(model, name, x, y) for x, y in zip(false_rate, true_rate, strict=True)]
            precision_recall += [
                (model, name, x, y) for x, y in zip(recall[::-1], precision[::-1], strict=True)
            ]
        predicted = probability.argmax(axis=1)
    epoch = np.arange(1, 13)
    return TaskResults(
        task,
        metrics,
        pd.DataFrame(roc, columns=["model", "class", "false_positive_rate", "true_positive_rate"]),
        pd.DataFrame(precision_recall, columns=["model", "class", "recall", "precision"]),
        pd.DataFrame(
            {
                "actual": [classes[i] for i in target],
                "predicted": [classes[i] for i in predicted],
            }
        ),
        pd.DataFrame(
            {
                "epoch": epoch,
                "train_loss": 1 / epoch,
                "val_loss": 1 / epoch + epoch / 50,
                "val_mcc": 1 - 1 / epoch,
                "val_macro_f1": 1 - 0.8 / epoch,
            }
        ),
        "val_loss",
    )


def make_split(source="demo (simulated)", method="cluster", limit=0.5):
    """Return split.json and the folds of a small data set."""
    counts = {"train": 70, "validation": 10, "calibration": 11, "test": 12}
    fold = tuple(np.repeat(list(counts), [5 * count for count in counts.values()]).tolist())
    similarity = np.random.default_rng(2).uniform(-0.2, limit, len(fold)).astype(np.float32)
    similarity[:350] = np.nan
    ids = tuple(f"p{row:03}" for row in range(len(fold)))
    facts = {
        "source": source,
        "method": method,
        "claims": method != "random",
        "max_similarity": limit,
        "clusters": 40,
        "above_limit": 0,
        "folds": {
            fold: {"proteins": 5 * count} | dict.fromkeys("ABCDE", count)
            for fold, count in counts.items()
        },
    }
    return facts, Folds(ids, np.zeros(len(fold), np.int32), fold, similarity)


def draw_all(source="demo (simulated)", claims=True, tasks=CLASSES):
    """Return every figure of the tasks and of the data set."""
    figures = {}
    for task in tasks:
        drawn = draw_task(make_results(task, source=source, claims=claims))
        figures |= {f"{task}_{name}": figure for name, figure in drawn.items()}
    return figures | draw_data(*make_split(source, "cluster" if claims else "random"))


def texts_of(axes):
    """Return the texts written into a plot."""
    return [text.get_text() for text in axes.texts]


def test_each_figure_is_there_under_its_name(tmp_path):
    write_figures(draw_task(make_results("binary")), tmp_path)
    write_figures(draw_data(*make_split()), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "confusion.svg",
        "folds.svg",
        "models.svg",
        "precision_recall.svg",
        "roc.svg",
        "similarity.svg",
        "training.svg",
    ]


def write_results(results, folder):
    """Write results as the stages do."""
    write_report(results.metrics, folder)
    for name in ("roc", "precision_recall", "predictions", "history"):
        getattr(results, name).to_csv(folder / f"{name}.csv", index=False)


@pytest.mark.parametrize("classes", [["NA", "None", "nan"], ["1", "2", "3"]])
def test_class_names_stay_as_they_were_written(tmp_path, classes):
    results = make_results("multiclass", classes)
    write_results(results, tmp_path)
    read = read_results("multiclass", tmp_path, tmp_path, "val_loss")
    assert read.metrics == results.metrics
    for name in ("roc", "precision_recall", "predictions", "history"):
        pd.testing.assert_frame_equal(getattr(read, name), getattr(results, name))
    assert texts_of(draw_task(read)["confusion"].axes[0])[0] != "0"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "no such file"),
        ("", "damaged or no table (No columns to parse from file)"),
        ("model,class,recall\n", "has no column 'precision'"),
    ],
)
def test_plot_data_that_cannot_be_used_is_named(tmp_path, content, problem):
    write_results(make_results("binary"), tmp_path)
    path = tmp_path / "precision_recall.csv"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(DataError) as error:
        read_results("binary", tmp_path, tmp_path, "val_loss")
    assert str(error.value) == f"{path}: {problem}; run `dvc repro evaluate`"


def test_a_class_without_a_curve_leaves_the_others_their_colours():
    results = make_results("multiclass")
    some = results.roc[results.roc["class"] != "A"]
    legend = draw_roc(some, results.metrics, "multiclass").legends[0]
    full = draw_roc(results.roc, results.metrics, "multiclass").legends[0]
    colours = [
        {text.get_text(): line.get_color() for text, line in zip(*entries, strict=True)}
        for entries in ((box.get_texts(), box.get_lines()) for box in (legend, full))
    ]
    assert colours[0] == {name: colour for name, colour in colours[1].items() if name != "A"}


def test_same_results_give_the_same_bytes_in_every_process(tmp_path):
    command = (
        "import importlib.util, pathlib, sys\n"
        "spec = importlib.util.spec_from_file_location('figures_test', sys.argv[1])\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "module.write_figures(module.draw_all(tasks=['multiclass']), pathlib.Path(sys.argv[2]))\n"
    )
    subprocess.run(
        [sys.executable, "-c", command, __file__, tmp_path / "other"],
        env={"PYTHONHASHSEED": "7", "PATH": "", "HOME": str(tmp_path)},
        check=True,
    )
    write_figures(draw_all(tasks=["multiclass"]), tmp_path / "here")
    here, other = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("here", "other")
    )
    assert len(here) == 7
    assert here == other


def test_figures_need_no_font_script_or_other_file_and_carry_no_date(tmp_path):
    write_figures(draw_all(), tmp_path)
    for path in tmp_path.iterdir():
        root = ET.fromstring(path.read_bytes())
        tags = {element.tag for element in root.iter()}
        assert not tags & {f"{SVG}text", f"{SVG}script", f"{SVG}foreignObject"}, path.name
        assert not re.search(r"\d{4}-\d{2}-\d{2}|dc:date|/home|/tmp", path.read_text("utf-8"))
        links = [
            value
            for element in root.iter()
            for key, value in element.attrib.items()
            if key.endswith("href")
        ]
        assert all(link.startswith(("#", "data:image/png;base64,")) for link in links), path.name


@pytest.mark.parametrize(
    ("source", "claims", "beginning"),
    [
        ("demo (simulated)", True, "simulated data ·"),
        ("amrfinder", True, "amrfinder ·"),
        ("amrfinder", False, "amrfinder · random split, not for claims ·"),
    ],
)
def test_every_figure_names_its_data(source, claims, beginning):
    for name, figure in draw_all(source, claims).items():
        assert figure.texts[1].get_text().startswith(beginning), name


def test_every_text_stands_inside_the_figure():
    for name, figure in draw_all().items():
        with house_style():
            figure.draw_without_rendering()
            box = figure.get_tightbbox()
        assert box.x0 >= 0, name
        assert box.y0 >= 0, name
        assert box.x1 <= figure.get_figwidth(), name
        assert box.y1 <= figure.get_figheight(), name


def test_binary_curves_go_through_every_point_of_their_model():
    results = make_results("binary")
    [axes] = draw_roc(results.roc, results.metrics, "binary").axes
    network = results.roc[results.roc["model"] == "network"]
    [line] = [line for line in axes.lines if line.get_label() == "network"]
    assert line.get_color() == MODEL_COLOURS["network"]
    np.testing.assert_array_equal(line.get_ydata(), network["true_positive_rate"])
    low = axes.get_xlim()[0]
    np.testing.assert_array_equal(line.get_xdata(), np.maximum(network["false_positive_rate"], low))


@pytest.mark.parametrize("model", ["network", "logistic_regression"])
def test_a_perfect_model_with_probabilities_is_a_line(model):
    results = make_results("binary")
    others = results.roc[results.roc["model"] != model]
    rows = [(model, "toxin", *point) for point in ((0.0, 0.0), (0.0, 1.0), (1.0, 1.0))]
    perfect = pd.DataFrame(rows, columns=results.roc.columns)
    figure = draw_roc(pd.concat([others, perfect]), results.metrics, "binary")
    name = model.replace("_", " ")
    [line] = [line for line in figure.axes[0].lines if line.get_label() == name]
    assert line.get_marker() == "None"
    assert line.get_ydata().tolist() == [0, 1, 1]


def test_the_proteins_above_the_limit_are_those_that_the_figure_shows():
    facts, folds = make_split(method="random", limit=0.6)
    count = int((folds.similarity_to_train > np.float32(0.3)).sum())
    figure = draw_similarity(folds, facts | {"max_similarity": 0.3, "above_limit": 999})
    assert f"{count} proteins above the limit" in figure.texts[1].get_text()


def test_a_model_that_only_says_yes_or_no_is_a_dot_at_its_choice():
    results = make_results("binary")
    curve = results.precision_recall
    [axes] = draw_precision_recall(curve, results.metrics, "binary").axes
    [dot] = [line for line in axes.lines if line.get_label() == "nearest neighbour"]
    choice = curve[curve["model"] == "nearest_neighbour"].iloc[1]
    assert dot.get_xydata().tolist() == [[choice["recall"], choice["precision"]]]
    assert dot.get_marker() == "o"


def test_curves_of_several_classes_stand_beside_those_of_the_best_baseline():
    results = make_results("multiclass")
    results.metrics["nearest_neighbour"]["auprc"] = 0.99
    figure = draw_precision_recall(results.precision_recall, results.metrics, "multiclass")
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [*CLASSES["multiclass"], "network", "nearest neighbour"]
    assert len(figure.axes[0].lines) == 10


def test_roc_of_a_perfect_model_can_be_drawn():
    results = make_results("binary")
    perfect = pd.DataFrame(
        [(model, "toxin", *point) for model in MODEL_COLOURS for point in ((0, 0), (0, 1), (1, 1))],
        columns=results.roc.columns,
    )
    [axes] = draw_roc(perfect, results.metrics, "binary").axes
    assert axes.get_xlim() == (0.1, 1)


@pytest.mark.parametrize("task", CLASSES)
def test_confusion_shows_scikit_learns_counts_and_shares_of_the_row(task):
    results = make_results(task)
    [axes] = draw_confusion(results.predictions, results.metrics, task).axes
    counts = confusion_matrix(
        results.predictions["actual"], results.predictions["predicted"], labels=CLASSES[task]
    )
    expected = [
        f"{count}\n{format_share(count / counts[row].sum())}" if count else "0"
        for (row, _), count in np.ndenumerate(counts)
    ]
    assert texts_of(axes) == expected
    assert [label.get_text() for label in axes.get_xticklabels()] == CLASSES[task]


def test_confusion_keeps_a_class_that_is_never_predicted():
    results = make_results("multiclass")
    predictions = pd.DataFrame({"actual": ["A", "B"], "predicted": ["A", "A"]})
    [axes] = draw_confusion(predictions, results.metrics, "multiclass").axes
    assert texts_of(axes) == ["1\n100%", *"0000", "1\n100%", *("0" * 19)]


def test_twenty_classes_with_long_names_can_be_drawn(tmp_path):
    classes = [f"non-standard family {i}" for i in range(20)]
    results = make_results("multiclass", classes)
    curves = draw_precision_recall(results.precision_recall, results.metrics, "multiclass")
    confusion = draw_confusion(results.predictions, results.metrics, "multiclass")
    write_figures({"curves": curves, "confusion": confusion}, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@given(st.integers(0, 100_000), st.integers(1, 100_000))
def test_a_share_never_rounds_to_none_or_all(part, rest):
    text = format_share(part / (part + rest))
    assert (text == "0%") == (part == 0)
    assert text != "100%"
    assert format_share(1.0) == "100%"


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=30),
    st.sampled_from(["val_loss", "val_mcc", "val_macro_f1"]),
)
def test_best_epoch_is_the_first_that_none_surpasses(values, monitor):
    history = pd.DataFrame({"epoch": range(1, len(values) + 1), monitor: values})
    best = min(values) if monitor == "val_loss" else max(values)
    assert find_best_epoch(history, monitor) == values.index(best) + 1


def test_training_marks_the_epoch_that_is_kept():
    figure = draw_task(make_results("binary"))["training"]
    assert figure.axes[0].get_title() == "epoch 7 is kept (best loss)"
    for axes in figure.axes:
        assert axes.lines[-1].get_xdata() == [7, 7]


def test_scores_of_all_six_models_are_written_beside_their_dots():
    results = make_results("binary")
    figure = draw_models(results.metrics, "binary")
    assert [axes.get_title() for axes in figure.axes] == ["MCC", "macro-F1", "AUPRC"]
    for axes in figure.axes:
        assert texts_of(axes) == ["0.000", "0.150", "0.300", "0.450", "0.600", "0.750"]


def test_a_model_worse_than_chance_stays_in_sight():
    results = make_results("binary")
    results.metrics["majority"]["mcc"] = -0.4
    axes = draw_models(results.metrics, "binary").axes[0]
    assert axes.get_xlim()[0] < -0.4


def test_folds_show_every_count_and_total():
    facts, _ = make_split()
    [axes] = draw_folds(facts).axes
    assert texts_of(axes) == ["70", "10", "11", "12", "103"] * 5
    assert [label.get_text() for label in axes.get_yticklabels()] == list("ABCDE")
    widths = [patch.get_width() for patch in axes.patches]
    np.testing.assert_allclose(np.reshape(widths, (5, 4)).sum(axis=1), 1)


def test_similarity_draws_every_held_out_protein_and_the_limit():
    facts, folds = make_split()
    folds.similarity_to_train[-1] = 1.0000001
    figure = draw_similarity(folds, facts)
    drawn = [axes.get_title(loc="left").split(":")[0] for axes in figure.axes]
    assert drawn == ["validation", "calibration", "test"]
    for axes in figure.axes:
        assert sum(axes.patches[0].get_data().values) == pytest.approx(1)
        assert axes.lines[0].get_xdata() == [0.5, 0.5]
    assert texts_of(figure.axes[0]) == ["limit 0.5"]


@pytest.mark.parametrize("limit", [0.0, 0.95, 1.0])
def test_name_of_the_limit_stands_inside_the_figure(limit):
    facts, folds = make_split(limit=limit)
    figure = draw_similarity(folds, facts)
    with house_style():
        figure.draw_without_rendering()
        box = figure.get_tightbbox()
    assert box.x0 >= 0
    assert box.x1 <= figure.get_figwidth()
