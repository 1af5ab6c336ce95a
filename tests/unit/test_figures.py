"""Tests of the figures: right numbers, the same bytes, nothing that another machine must have."""

import re
import subprocess
import sys
from collections import Counter
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from arginator.drawing.band_figures import draw_bands, draw_coverage
from arginator.drawing.canvas import COMPARED, MODEL_COLOURS, house_style
from arginator.drawing.compression_figures import draw_compression
from arginator.drawing.curve_figures import draw_precision_recall, draw_roc
from arginator.drawing.data_figures import draw_folds, draw_similarity
from arginator.drawing.map_figures import choose_shown, lay_out
from arginator.drawing.model_figures import draw_confusion, find_best_epoch, format_share
from arginator.drawing.score_figures import MOST_CATEGORIES, draw_categories, draw_models
from arginator.embeddings import Embeddings
from arginator.errors import DataError
from arginator.figures import (
    REPORTS,
    TABLES,
    TaskResults,
    draw_data,
    draw_task,
    read_results,
    write_figures,
)
from arginator.files import write_json
from arginator.folds import Folds
from arginator.prepared import Prepared, Provenance
from arginator.reports import write_report

CLASSES = {"binary": ["other", "toxin"], "multiclass": ["A", "B", "C", "D", "non"]}
FIGURES = {
    "bands",
    "categories",
    "compression",
    "confusion",
    "coverage",
    "models",
    "precision_recall",
    "reliability",
    "roc",
    "training",
}
SVG = "{http://www.w3.org/2000/svg}"


def make_results(task, classes=None, source="demo (simulated)", claims=True, n=120):
    """Return results of five models that know more or less."""
    classes = classes or CLASSES[task]
    facts = {"source": source, "claims": claims, "fold": "test", "proteins": n}
    metrics = dict(facts)
    for strength, model in enumerate(MODEL_COLOURS):
        score = round(0.15 * strength, 4)
        per_class = {name: {"recall": score, "support": n // len(classes)} for name in classes}
        metrics[model] = {"mcc": score, "macro_f1": score, "auprc": score, "per_class": per_class}
    reports = {
        "verdict": make_verdict(facts),
        "calibration": make_calibration(facts),
        "compression": make_compression(facts),
        "coverage": make_coverage(facts, classes),
        "bands": make_bands(facts, classes),
        "categories": make_categories(facts),
    }
    return TaskResults(task, metrics, reports, make_tables(classes, n), "val_loss")


def make_verdict(facts):
    """Return verdict.json."""
    models = {
        model: {
            metric: {"value": value, "low": round(value - 0.1, 2), "high": round(value + 0.1, 2)}
            for metric in ("mcc", "macro_f1", "auprc")
        }
        for model, value in zip(MODEL_COLOURS, (0.0, 0.5, 0.6, 0.7, 0.65), strict=True)
    }
    words = "The network beats logistic regression by 0.100 MCC [0.010, 0.190]."
    return {**facts, "models": models, "sentence": words}


def make_calibration(facts):
    """Return calibration.json."""
    stages = {"before": {"ece": 0.0613}, "after": {"ece": 0.0127}}
    return {**facts, "models": dict.fromkeys(MODEL_COLOURS, stages)}


def make_coverage(facts, classes):
    """Return coverage.json; the first class was never ruled out."""

    def describe(proteins, coverage, empty=0.0):
        interval = {"low": coverage - 0.05, "high": min(coverage + 0.05, 1.0)}
        sizes = {"empty": empty, "single": 0.75 - empty, "many": 0.25}
        return {"proteins": proteins, "coverage": coverage, **interval, **sizes}

    per_class = {name: describe(24, 0.85, 0.1) | {"always": False} for name in classes}
    per_class[classes[0]] = describe(24, 1.0) | {"always": True}
    per_band = {"near": describe(20, 0.95), "far": describe(100, 0.88)}
    overall = {"overall": describe(120, 0.9), "per_class": per_class, "per_band": per_band}
    return {**facts, "alpha": 0.1, "model": "shipped", **overall}


def make_bands(facts, classes):
    """Return bands.json: nobody is in the middle, and a single class is far."""

    def describe(proteins, models):
        support = dict.fromkeys(classes, proteins // len(classes))
        return {"proteins": proteins, "clusters": 9, "support": support, "models": models}

    scores = {model: {"mcc": 0.1 * i, "accuracy": 0.9} for i, model in enumerate(MODEL_COLOURS)}
    single = {model: {"accuracy": 0.5 + 0.05 * i} for i, model in enumerate(MODEL_COLOURS)}
    bands = {name: describe(60, scores) for name in ("all", "near")} | {"far": describe(60, single)}
    return {**facts, "band_limits": {"near": 0.3, "far": 0.2}, "bands": bands}


def make_compression(facts):
    """Return compression.json: the network, its 8-bit forms, one that is refused."""

    def describe(method, quantization, size, mcc, *, refused=False):
        criterion = "contribution" if method == "pruning" else None
        found = {"method": method, "criterion": criterion, "quantization": quantization}
        found |= {"bytes": size, "multiply_adds": size // 4, "refused": refused}
        return found | {fold: {"mcc": mcc} for fold in ("validation", "test")}

    candidates = {
        "network": describe("training", None, 1_300_000, 0.8),
        "network_int8_static": describe("training", "static", 340_000, 0.79),
        "contribution_50_int8_dynamic": describe("pruning", "dynamic", 160_000, 0.78),
        "masked_50": describe("masking", None, 1_300_000, 0.7, refused=True),
        "distilled_64": describe("distillation", None, 290_000, 0.6, refused=True),
    }
    return {**facts, "model": "contribution_50_int8_dynamic", "candidates": candidates}


def make_categories(facts, names=("esterase-like", "penicillin-binding-protein-like")):
    """Return categories.json; each category is called wrongly once more than the one before."""
    found = {
        name: {
            "label": "non",
            "proteins": 40,
            "wrong": dict.fromkeys(MODEL_COLOURS, number),
            "share": dict.fromkeys(MODEL_COLOURS, number / 40),
            "low": 0.0,
            "high": min(number / 40 + 0.1, 1.0),
        }
        for number, name in enumerate(names)
    }
    return {**facts, "model": "shipped", "categories": found}


def make_tables(classes, n):
    """Return the data of the plots."""
    rng = np.random.default_rng(5)
    k = len(classes)
    target = rng.permutation(np.arange(n) % k)
    roc, precision_recall, bands, reliability, predicted = [], [], [], [], target
    for strength, model in enumerate(MODEL_COLOURS):
        logit = rng.normal(size=(n, k)) + strength * np.eye(k)[target]
        probability = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
        if model == "nearest_neighbour":
            probability = np.eye(k)[probability.argmax(axis=1)]
        for index in [1] if k == 2 else range(k):
            of_class = (target == index, probability[:, index])
            false_rate, true_rate, _ = roc_curve(*of_class)
            precision, recall, _ = precision_recall_curve(*of_class)
            name = classes[index]
            roc += [(model, name, x, y) for x, y in zip(false_rate, true_rate, strict=True)]
            precision_recall += [
                (model, name, x, y) for x, y in zip(recall[::-1], precision[::-1], strict=True)
            ]
            bands += [(model, name, x, 0.5 * x, x) for x in np.linspace(0, 1, 9).tolist()]
        for stage in ("before", "after"):
            reliability += [(model, stage, i, n // 10, i / 10, i / 10) for i in range(10)]
        predicted = probability.argmax(axis=1)
    epoch = np.arange(1, 13)
    answers = {
        "actual": [classes[i] for i in target],
        "predicted": [classes[i] for i in predicted],
    }
    history = {
        "epoch": epoch,
        "train_loss": 1 / epoch,
        "val_loss": 1 / epoch + epoch / 50,
        "val_mcc": 1 - 1 / epoch,
        "val_macro_f1": 1 - 0.8 / epoch,
    }
    shown = [row for row in bands if row[0] in ("logistic_regression", "network")]
    tables = {
        "roc": roc,
        "roc_band": shown,
        "precision_recall": precision_recall,
        "precision_recall_band": shown,
        "reliability": reliability,
    }
    return {
        name: pd.DataFrame(rows, columns=list(TABLES[name])) for name, rows in tables.items()
    } | {
        "predictions": pd.DataFrame(answers),
        "history": pd.DataFrame(history),
    }


def make_split(source="demo (simulated)", method="cluster", limit=0.5):
    """Return a small data set, its split.json and its folds."""
    counts = {"train": 70, "validation": 10, "calibration": 11, "test": 12}
    fold = tuple(np.repeat(list(counts), [5 * count for count in counts.values()]).tolist())
    rng = np.random.default_rng(2)
    similarity = rng.uniform(-0.2, limit, len(fold)).astype(np.float32)
    similarity[:350] = np.nan
    ids = tuple(f"p{row:03}" for row in range(len(fold)))
    facts = {
        "source": source,
        "method": method,
        "claims": method != "random",
        "max_similarity": limit,
        "band_limits": {"near": 0.3, "far": 0.2},
        "clusters": 40,
        "above_limit": 0,
        "folds": {
            fold: {"proteins": 5 * count} | dict.fromkeys("ABCDE", count)
            for fold, count in counts.items()
        },
    }
    labels = tuple("ABCDE"[row % 5] for row in range(len(fold)))
    nothing = (None,) * len(fold)
    about = Provenance("demo", "t", True, "o", "l", "c", "kmer", dict.fromkeys("ABCDE", "a class"))
    matrix = rng.normal(size=(len(fold), 8)).astype(np.float32)
    prepared = Prepared(Embeddings(ids, matrix), labels, *(nothing,) * 4, about)
    return prepared, facts, Folds(ids, np.zeros(len(fold), np.int32), fold, similarity)


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
    assert {path.stem for path in tmp_path.iterdir()} == FIGURES
    write_figures(draw_data(*make_split()), tmp_path / "data")
    names = sorted(path.name for path in (tmp_path / "data").iterdir())
    assert names == ["folds.svg", "map.svg", "similarity.svg"]


def test_no_figure_of_categories_where_the_data_set_names_none():
    results = make_results("binary")
    results.reports["categories"]["categories"].clear()
    assert set(draw_task(results)) == FIGURES - {"categories"}


def write_results(results, folder):
    """Write results as the stages do."""
    write_report(results.metrics, folder)
    for name, report in results.reports.items():
        write_json(report, folder / f"{name}.json")
    for name, table in results.tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)


@pytest.mark.parametrize("classes", [["NA", "None", "nan"], ["1", "2", "3"]])
def test_class_names_stay_as_they_were_written(tmp_path, classes):
    results = make_results("multiclass", classes)
    write_results(results, tmp_path)
    read = read_results("multiclass", tmp_path, tmp_path, "val_loss")
    assert read.metrics == results.metrics
    assert read.reports == results.reports
    assert set(read.reports) == set(REPORTS)
    assert set(read.tables) == set(TABLES)
    for name, table in results.tables.items():
        pd.testing.assert_frame_equal(read.tables[name], table)
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
    roc, bands = results.tables["roc"], results.tables["roc_band"]
    some = roc[roc["class"] != "A"]
    colours = [
        {axes.get_title(): axes.title.get_color() for axes in figure.axes}
        for figure in (
            draw_roc(some, bands, results.metrics, "multiclass"),
            draw_roc(roc, bands, results.metrics, "multiclass"),
        )
    ]
    assert list(colours[1]) == CLASSES["multiclass"]
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
    assert len(here) == len(FIGURES) + 3
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
        ("amrfinder", False, "amrfinder · near-copies in training, not for claims ·"),
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


def draw_binary_roc(roc, results):
    """Return the panel of the ROC curves of a binary task."""
    [axes] = draw_roc(roc, results.tables["roc_band"], results.metrics, "binary").axes
    return axes


def find_line(axes, label):
    """Return the line of that name."""
    [line] = [line for line in axes.lines if line.get_label() == label]
    return line


def test_binary_curves_go_through_every_point_of_their_model():
    results = make_results("binary")
    roc = results.tables["roc"]
    axes = draw_binary_roc(roc, results)
    network, line = roc[roc["model"] == "network"], find_line(axes, "network")
    assert line.get_color() == MODEL_COLOURS["network"]
    np.testing.assert_array_equal(line.get_ydata(), network["true_positive_rate"])
    low = axes.get_xlim()[0]
    np.testing.assert_array_equal(line.get_xdata(), np.maximum(network["false_positive_rate"], low))


def test_bands_reach_from_the_low_to_the_high_end_of_the_interval():
    results = make_results("binary")
    axes = draw_binary_roc(results.tables["roc"], results)
    corners = [
        band.get_paths()[0].vertices if band.get_paths() else [] for band in axes.collections
    ]
    drawn = [len(vertices) > 0 for vertices in corners]
    assert drawn == [model in ("logistic_regression", "network") for model in COMPARED]
    band = results.tables["roc_band"].query("model == 'network'")
    x, low, high = (band[name].to_numpy() for name in ("x", "low", "high"))
    shown = {tuple(corner) for corner in corners[-1].tolist()}
    assert set(zip(x[x > 0], low[x > 0], strict=True)) <= shown
    assert set(zip(x[x > 0], high[x > 0], strict=True)) <= shown


@pytest.mark.parametrize("model", ["network", "logistic_regression"])
def test_a_perfect_model_with_probabilities_is_a_line(model):
    results = make_results("binary")
    roc = results.tables["roc"]
    rows = [(model, "toxin", *point) for point in ((0.0, 0.0), (0.0, 1.0), (1.0, 1.0))]
    perfect = pd.DataFrame(rows, columns=roc.columns)
    axes = draw_binary_roc(pd.concat([roc[roc["model"] != model], perfect]), results)
    line = find_line(axes, model.replace("_", " "))
    assert line.get_marker() == "None"
    assert line.get_ydata().tolist() == [0, 1, 1]


def test_the_proteins_above_the_limit_are_those_that_the_figure_shows():
    _, facts, folds = make_split(method="random", limit=0.6)
    count = int((folds.similarity_to_train > np.float32(0.3)).sum())
    figure = draw_similarity(folds, facts | {"max_similarity": 0.3, "above_limit": 999})
    assert f"{count} proteins above the limit" in figure.texts[1].get_text()


def test_a_model_that_only_says_yes_or_no_is_a_dot_at_its_choice():
    results = make_results("binary")
    curve, bands = results.tables["precision_recall"], results.tables["precision_recall_band"]
    [axes] = draw_precision_recall(curve, bands, results.metrics, "binary").axes
    dot = find_line(axes, "nearest neighbour")
    choice = curve[curve["model"] == "nearest_neighbour"].iloc[1]
    assert dot.get_xydata().tolist() == [[choice["recall"], choice["precision"]]]
    assert dot.get_marker() == "o"


def test_each_of_several_classes_has_a_panel_with_the_network_and_the_best_baseline():
    results = make_results("multiclass")
    results.metrics["nearest_neighbour"]["auprc"] = 0.99
    curve, bands = results.tables["precision_recall"], results.tables["precision_recall_band"]
    figure = draw_precision_recall(curve, bands, results.metrics, "multiclass")
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["network", "nearest neighbour", "95% over clusters"]
    for axes in figure.axes:
        assert [line.get_label() for line in axes.lines] == ["nearest neighbour", "network"]


def test_roc_of_a_perfect_model_can_be_drawn():
    results = make_results("binary")
    perfect = pd.DataFrame(
        [(model, "toxin", *point) for model in MODEL_COLOURS for point in ((0, 0), (0, 1), (1, 1))],
        columns=results.tables["roc"].columns,
    )
    assert draw_binary_roc(perfect, results).get_xlim() == (0.1, 1)


@pytest.mark.parametrize("task", CLASSES)
def test_confusion_shows_scikit_learns_counts_and_shares_of_the_row(task):
    results = make_results(task)
    [axes] = draw_confusion(results.tables["predictions"], results.metrics, task).axes
    counts = confusion_matrix(
        results.tables["predictions"]["actual"],
        results.tables["predictions"]["predicted"],
        labels=CLASSES[task],
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
    write_figures(draw_task(results), tmp_path)
    assert len(list(tmp_path.iterdir())) == len(FIGURES)


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


def test_every_score_is_written_beside_its_interval_and_the_verdict_below():
    verdict = make_results("binary").reports["verdict"]
    figure = draw_models(verdict, "binary")
    assert [axes.get_title() for axes in figure.axes] == ["MCC", "macro-F1", "AUPRC"]
    assert figure.legends[0].get_title().get_text() == verdict["sentence"]
    for axes in figure.axes:
        assert texts_of(axes) == ["0.000", "0.500", "0.600", "0.700", "0.650"]
        drawn = {tuple(line.get_xdata()) for line in axes.lines}
        assert {(0.6, 0.8), (0.7,)} < drawn


def test_a_dashed_line_stands_at_the_best_baseline():
    figure = draw_models(make_results("binary").reports["verdict"], "binary")
    for axes in figure.axes:
        assert axes.lines[0].get_xdata() == [0.6, 0.6]


def test_a_model_worse_than_chance_stays_in_sight():
    verdict = make_results("binary").reports["verdict"]
    verdict["models"]["majority"]["mcc"] = {"value": -0.4, "low": -0.6, "high": 0.1}
    assert draw_models(verdict, "binary").axes[0].get_xlim()[0] < -0.6


def test_every_candidate_is_a_mark_and_the_one_that_ships_has_a_ring():
    compression = make_results("binary").reports["compression"]
    figure = draw_compression(compression, "binary")
    assert [axes.get_xlabel() for axes in figure.axes] == ["bytes", "multiply-adds a protein"]
    for axes, effort in zip(figure.axes, ("bytes", "multiply_adds"), strict=True):
        marks = [line for line in axes.lines if line.get_marker() in ("o", "s", "D")]
        ring = marks.pop()
        found = {
            (line.get_xdata()[0], line.get_ydata()[0]): line.get_markerfacecolor() == "white"
            for line in marks
        }
        rows = compression["candidates"]
        assert found.keys() == {(row[effort], row["test"]["mcc"]) for row in rows.values()}
        for row in rows.values():
            assert found[row[effort], row["test"]["mcc"]] == row["refused"]
        ships = rows[compression["model"]]
        assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (ships[effort], ships["test"]["mcc"])
        assert list(axes.lines[0].get_xdata()) == sorted(
            rows[name][effort]
            for name in ("contribution_50_int8_dynamic", "network_int8_static", "network")
        )


def test_reliability_shows_the_bins_of_both_stages_and_the_error_before_and_after():
    results = make_results("binary")
    table = results.tables["reliability"]
    table.loc[table["stage"] == "after", "accuracy"] = 0.25
    figure = draw_task(results)["reliability"]
    titles = [axes.get_title() for axes in figure.axes[:2]]
    error = "error (ECE) 0.061 → 0.013"
    assert titles == [f"network\n{error}", f"logistic regression\n{error}"]
    for axes in figure.axes[:2]:
        _, before, after = axes.lines
        assert before.get_ydata().tolist() == [i / 10 for i in range(10)]
        assert after.get_ydata().tolist() == [0.25] * 10
    for axes in figure.axes[2:]:
        assert [sum(patch.get_data().values) for patch in axes.patches] == [120, 120]


def test_a_band_with_a_single_class_shows_a_ring_at_the_share_called_rightly():
    figure = draw_bands(make_results("binary").reports["bands"], "binary")
    [axes] = figure.axes
    rings = [line.get_ydata()[0] for line in axes.lines if line.get_markerfacecolor() == "white"]
    np.testing.assert_allclose(rings, [0.55, 0.6, 0.65])
    labels = [label.get_text().split("\n")[0] for label in axes.get_xticklabels()]
    assert labels == ["all of them", "near (≥ 0.3)", "far (< 0.2)"]


def test_coverage_writes_every_share_and_marks_the_class_that_is_never_ruled_out():
    results = make_results("binary")
    held, sizes = draw_coverage(results.reports["coverage"], results.metrics, "binary").axes
    assert texts_of(held) == ["90%", "100%", "85%", "95%", "88%"]
    rings = [line.get_xdata()[0] for line in held.lines if line.get_markerfacecolor() == "white"]
    assert rings == [1.0]
    names = [label.get_text() for label in held.get_yticklabels()]
    assert names == [
        "all proteins (120)",
        "other (24)",
        "toxin (24)",
        "near training (20)",
        "far from training (100)",
    ]
    widths = np.array([patch.get_width() for patch in sizes.patches]).reshape(5, 3)
    np.testing.assert_allclose(widths.sum(axis=1), 1)


def test_the_categories_with_most_errors_are_shown_the_worst_on_top():
    facts = {"source": "s", "claims": True, "fold": "test"}
    names = [f"category {i:02}" for i in range(MOST_CATEGORIES + 3)]
    figure = draw_categories(make_categories(facts, names), "binary")
    shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert shown == names[:2:-1]
    assert texts_of(figure.axes[0])[0] == f"{len(names) - 1} of 40"


def test_the_map_has_a_dot_for_each_protein_by_class_and_by_fold():
    figure = draw_data(*make_split())["map"]
    sizes = [[len(dots.get_offsets()) for dots in axes.collections] for axes in figure.axes]
    by_class, by_fold = [103] * 5, [350, 60, 55, 50]
    assert sizes == [by_class, by_class, [], by_fold, by_fold, []]


def test_the_map_of_a_tiny_data_set_can_be_drawn():
    matrix = np.eye(4, 3, dtype=np.float32)
    assert [place.shape for place in lay_out(matrix).values()] == [(4, 2), (4, 2)]


@given(
    st.lists(st.sampled_from(["A", "B", "non"]), min_size=1, max_size=60),
    st.integers(2, 40),
)
def test_the_map_never_shows_too_many_and_keeps_rare_labels_as_far_as_half(labels, most):
    shown = choose_shown(labels, most)
    assert len(set(shown.tolist())) == len(shown) == min(most, len(labels))
    count = Counter(labels)
    common = max(sorted(count), key=lambda name: count[name])
    rare = len(labels) - count[common]
    kept = sum(labels[row] != common for row in shown)
    assert kept >= min(rare, most // 2)


def test_folds_show_every_count_and_total():
    _, facts, _ = make_split()
    [axes] = draw_folds(facts).axes
    assert texts_of(axes) == ["70", "10", "11", "12", "103"] * 5
    assert [label.get_text() for label in axes.get_yticklabels()] == list("ABCDE")
    widths = [patch.get_width() for patch in axes.patches]
    np.testing.assert_allclose(np.reshape(widths, (5, 4)).sum(axis=1), 1)


def test_similarity_draws_every_held_out_protein_and_the_limit():
    _, facts, folds = make_split()
    folds.similarity_to_train[-1] = 1.0000001
    figure = draw_similarity(folds, facts)
    drawn = [axes.get_title(loc="left").split(":")[0] for axes in figure.axes]
    assert drawn == ["validation", "calibration", "test"]
    for axes in figure.axes:
        assert sum(axes.patches[0].get_data().values) == pytest.approx(1)
        assert [line.get_xdata()[0] for line in axes.lines] == [0.5, 0.2, 0.3]
    assert texts_of(figure.axes[0]) == ["limit 0.5", "far", "near"]


@pytest.mark.parametrize("limit", [0.0, 0.95, 1.0])
def test_name_of_the_limit_stands_inside_the_figure(limit):
    _, facts, folds = make_split(limit=limit)
    figure = draw_similarity(folds, facts)
    with house_style():
        figure.draw_without_rendering()
        box = figure.get_tightbbox()
    assert box.x0 >= 0
    assert box.x1 <= figure.get_figwidth()
