"""Candidates: an index that is read as it was written, or not at all."""

import json

import pytest

from arginator.candidates import (
    Candidate,
    candidate_path,
    read_candidates,
    write_candidates,
)
from arginator.errors import ModelError

NETWORK = Candidate(
    name="network", method="training", hidden=(8, 4), parameters=90, nonzero=88, multiply_adds=70
)
SMALL = NETWORK.model_copy(update={"name": "network_int8_static", "quantization": "static"})
REMEDY = "run `dvc repro compress`"


def write(folder, content):
    (folder / "onnx").mkdir(exist_ok=True)
    path = folder / "onnx" / "candidates.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_candidates_are_read_in_their_order(tmp_path):
    (tmp_path / "onnx").mkdir()
    write_candidates([NETWORK, SMALL], tmp_path / "onnx")
    assert read_candidates(tmp_path) == {"network": NETWORK, "network_int8_static": SMALL}
    assert candidate_path(tmp_path, "network") == tmp_path / "onnx" / "network.onnx"


def row(**changes):
    return {**NETWORK.model_dump(mode="json"), **changes}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            {"candidates": []},
            "damaged (candidates: tuple should have at least 1 item after validation, not 0)",
        ),
        (
            {"candidates": [row(name="../x")]},
            "damaged (candidates.0.name: string should match pattern '^[a-z][a-z0-9_.]{0,99}$')",
        ),
        (
            {"candidates": [row(method="magic")]},
            "damaged (candidates.0.method: input should be "
            "'training', 'pruning', 'masking' or 'distillation')",
        ),
        (
            {"candidates": [row(size=1)]},
            "damaged (candidates.0.size: extra inputs are not permitted)",
        ),
        ({"candidates": [row(name="small")]}, "does not begin with 'network'"),
    ],
)
def test_an_index_that_is_none_is_refused(tmp_path, content, problem):
    path = write(tmp_path, content)
    with pytest.raises(ModelError) as error:
        read_candidates(tmp_path)
    assert str(error.value) == f"{path}: {problem}; {REMEDY}"


def test_a_damaged_index_is_refused(tmp_path):
    path = write(tmp_path, '{"candidates": [')
    with pytest.raises(ModelError) as error:
        read_candidates(tmp_path)
    assert str(error.value).startswith(f"{path}: damaged (")


def test_a_missing_index_says_what_makes_it(tmp_path):
    with pytest.raises(ModelError) as error:
        read_candidates(tmp_path)
    assert str(error.value) == f"{tmp_path}/onnx/candidates.json: no such file; {REMEDY}"
