"""Params: every fault gets one message that names the key."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from arginator.errors import ParamsError
from arginator.params import BinaryTask, MulticlassTask, Params, load_params

ROOT = Path(__file__).parents[2]
DEFAULTS: dict[str, Any] = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text())

NAME = "letters, digits, '_' and '-', the first a letter or digit"


def set_at(content: dict[str, Any], key: str, value: object) -> dict[str, Any]:
    changed = copy.deepcopy(content)
    *path, last = key.split(".")
    section = changed
    for part in path:
        section = section[part]
    section[last] = value
    return changed


def remove_at(content: dict[str, Any], key: str) -> dict[str, Any]:
    changed = copy.deepcopy(content)
    *path, last = key.split(".")
    section = changed
    for part in path:
        section = section[part]
    del section[last]
    return changed


def leaves(content: dict[str, Any], prefix: str = "") -> list[str]:
    keys: list[str] = []
    for key, value in content.items():
        name = f"{prefix}{key}"
        keys += leaves(value, f"{name}.") if isinstance(value, dict) else [name]
    return keys


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "params.yaml"


def load(content: object, path: Path) -> Params:
    YAML(typ="safe", pure=True).dump(content, path)
    return load_params(path)


def message(content: object, path: Path) -> str:
    with pytest.raises(ParamsError) as caught:
        load(content, path)
    return str(caught.value).removeprefix(f"{path.parent}/")


def test_the_shipped_file_is_valid_and_frozen() -> None:
    params = load_params(ROOT / "params.yaml")
    assert isinstance(params.tasks["binary"], BinaryTask)
    assert isinstance(params.tasks["multiclass"], MulticlassTask)
    with pytest.raises(ValueError, match="frozen"):
        params.model.width = 3  # type: ignore[misc]


def test_every_value_of_the_shipped_file_is_commented_at_its_line_or_its_section() -> None:
    section_comment = ""
    for line in (ROOT / "params.yaml").read_text().splitlines():
        value, _, comment = line.partition(":")[2].partition("#")
        if not value.strip():
            section_comment = comment
        elif not line.startswith("#"):
            assert comment or section_comment, line


@pytest.mark.parametrize("key", leaves(DEFAULTS))
def test_a_missing_key_is_named(key: str, path: Path) -> None:
    text = message(remove_at(DEFAULTS, key), path)
    if key.startswith("tasks.") and key.endswith(".kind"):
        assert key.rpartition(".")[0] in text
    else:
        assert text == f"params.yaml: missing key {key!r}; add it"


@pytest.mark.parametrize("key", leaves(DEFAULTS))
def test_a_wrong_type_is_named_with_its_value(key: str, path: Path) -> None:
    wrong = {"a": "mapping"}
    text = message(set_at(DEFAULTS, key, wrong), path)
    assert text.startswith(f"params.yaml: {key!r} is {wrong!r}, but ") or key.endswith(".kind")


@pytest.mark.parametrize("key", leaves(DEFAULTS))
def test_a_misspelt_key_is_named_with_a_suggestion(key: str, path: Path) -> None:
    section, _, name = key.rpartition(".")
    misspelt = f"{section}.{name}x".lstrip(".")
    text = message(set_at(DEFAULTS, misspelt, 1), path)
    assert text == f"params.yaml: unknown key {misspelt!r}; did you mean {name!r}?"


def bounds() -> list[tuple[str, float]]:
    """Return each bounded number with a value just outside its range."""
    found: list[tuple[str, float]] = []

    def walk(model: type[BaseModel], prefix: str) -> None:
        for name, field in model.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                walk(field.annotation, f"{prefix}{name}.")
            for rule in field.metadata:
                step = 1 if field.annotation is int else 0.001
                if getattr(rule, "ge", None) is not None:
                    found.append((prefix + name, rule.ge - step))
                if getattr(rule, "le", None) is not None:
                    found.append((prefix + name, rule.le + step))

    walk(Params, "")
    return found


@pytest.mark.parametrize(("key", "value"), bounds())
def test_a_number_out_of_range_is_named_with_the_range(key: str, value: float, path: Path) -> None:
    text = message(set_at(DEFAULTS, key, value), path)
    assert text.startswith(f"params.yaml: {key!r} is {value!r}, but should be "), text


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("model.width", "wide", "'model.width' is 'wide', but should be a valid integer"),
        ("model.width", 2.5, "'model.width' is 2.5, but should be a valid integer"),
        ("model.width", True, "'model.width' is True, but should be a valid integer"),
        ("model.dropout", float("nan"), "'model.dropout' is nan, but should be a finite number"),
        ("split.method", "cleverly", "should be 'cluster', 'random' or 'given'"),
        ("embedder.kmer_lengths", [], "'embedder.kmer_lengths' is []"),
        (
            "embedder.kmer_lengths",
            [2, 9],
            "params.yaml: 'embedder.kmer_lengths.1' is 9, but should be less than or equal to 4",
        ),
        (
            "embedder.kmer_lengths",
            [9],
            "params.yaml: 'embedder.kmer_lengths.0' is 9, but should be less than or equal to 4",
        ),
        ("source", "../own", f"'source' is '../own', expected {NAME}"),
        ("source", "-own", f"'source' is '-own', expected {NAME}"),
        ("source", "own\n", f"'source' is 'own\\n', expected {NAME}"),
        ("tasks.a b", {"kind": "multiclass"}, f"a key of 'tasks' is 'a b', expected {NAME}"),
        (
            "tasks.data",
            {"kind": "multiclass"},
            "a key of 'tasks' is 'data', as the folder of the data set's figures is called",
        ),
        (
            "tasks.studies",
            {"kind": "multiclass"},
            "a key of 'tasks' is 'studies', as the folder of the studies is called",
        ),
        (
            "tasks.binary.positive_name",
            DEFAULTS["tasks"]["binary"]["negative_name"],
            "'tasks.binary' has the same 'positive_name' and 'negative_name' "
            f"({DEFAULTS['tasks']['binary']['negative_name']!r}), expected two names",
        ),
        ("tasks", {}, "'tasks' is {}, but "),
        ("tasks.binary.kind", "ternary", "ternary"),
        (
            "split.fractions.test",
            0.3,
            "'split.fractions' has four shares that add up to 1.1, expected 1",
        ),
        ("model", 3, "'model' is 3, but "),
    ],
)
def test_a_wrong_value_is_explained(key: str, value: object, expected: str, path: Path) -> None:
    text = message(set_at(DEFAULTS, key, value), path)
    assert expected in text
    assert "more)" not in text


@pytest.mark.parametrize("written", ["1e-5", "1e-05", "1E-5", "0.00001"])
def test_scientific_notation_is_a_number(written: str, path: Path) -> None:
    text = (ROOT / "params.yaml").read_text()
    path.write_text(text.replace("learning_rate: 0.001 ", f"learning_rate: {written} ", 1))
    assert load_params(path).train.learning_rate == 1e-5


@pytest.mark.parametrize("content", ["", "- a\n", "seed: [\n", "a: 1\na: 2\n"])
def test_a_file_that_is_no_mapping_is_one_error(content: str, path: Path) -> None:
    path.write_text(content)
    with pytest.raises(ParamsError):
        load_params(path)


def test_a_missing_file_is_one_error(path: Path) -> None:
    with pytest.raises(ParamsError, match=r"params\.yaml: no such file"):
        load_params(path)


def test_an_unknown_task_lists_those_that_exist() -> None:
    with pytest.raises(ParamsError) as caught:
        load_params(ROOT / "params.yaml").task("ternary")
    assert str(caught.value) == (
        "params.yaml: no task 'ternary' under 'tasks' (there: binary, multiclass)"
    )
