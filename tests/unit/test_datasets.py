"""dataset.yaml: what is right is read, what is wrong gets one message."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from arginator.datasets import HeaderRule, SourceFile, load_description
from arginator.errors import DataError

RIGHT: dict[str, Any] = {
    "name": "own",
    "title": "three proteins",
    "simulated": False,
    "origin": "a bench",
    "licence": "CC0",
    "citation": "none",
    "embedder": "prott5",
    "labels": {"B": "class B", "A": "class A"},
    "files": [{"path": "a/x.h5", "label": "A"}, {"path": "b.fasta", "labels": "labels.tsv"}],
}


def write(folder: Path, **changes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    content = {key: value for key, value in (RIGHT | changes).items() if value != "absent"}
    YAML().dump(content, folder / "dataset.yaml")
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(DataError) as error:
        load_description(folder)
    return str(error.value).removeprefix(f"{folder / 'dataset.yaml'}: ")


def test_a_description_is_read_with_its_labels_in_order(tmp_path: Path) -> None:
    rules = [{"pattern": "class_A", "label": "A"}, {"pattern": ".", "label": None}]
    files = [*RIGHT["files"], {"path": "c.fasta", "headers": rules, "category": "enzyme"}]
    found = load_description(write(tmp_path, files=files))
    assert list(found.labels) == ["B", "A"]
    assert found.on_invalid == "fail"
    assert found.files == (
        SourceFile(path="a/x.h5", label="A"),
        SourceFile(path="b.fasta", labels="labels.tsv"),
        SourceFile(
            path="c.fasta",
            headers=(HeaderRule(pattern="class_A", label="A"), HeaderRule(pattern=".", label=None)),
            category="enzyme",
        ),
    )
    about = found.provenance("kmer-2")
    assert (about.source, about.embedder, about.labels) == ("own", "kmer-2", RIGHT["labels"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"licence": "absent"}, "missing key 'licence'; add it"),
        ({"license": "MIT"}, "unknown key 'license'; did you mean 'licence'?"),
        ({"xyz": 1}, "unknown key 'xyz'; remove it"),
        ({"title": 7}, "'title' is 7, but should be a valid string; put it in quotes"),
        ({"simulated": "no"}, "'simulated' is 'no', but should be a valid boolean"),
        ({"on_invalid": "drop"}, "'on_invalid' is 'drop', but should be 'fail' or 'skip'"),
        ({"files": []}, "'files' is empty, expected at least one file"),
        ({"title": None}, "'title' is None, but should be a valid string"),
        (
            {"labels": {1: "one", "A": "a"}},
            "a key of 'labels' is 1, but should be a valid string; put it in quotes",
        ),
        (
            {"files": [{"path": "x", "lable": "A"}]},
            "unknown key 'files.0.lable'; did you mean 'label'?",
        ),
        (
            {"files": [{"path": "x", "headers": [{"patern": "A", "label": "A"}]}]},
            "unknown key 'files.0.headers.0.patern' (and 1 more); did you mean 'pattern'?",
        ),
        (
            {"files": [{"path": "x", "label": "A", "labels": "t"}]},
            "'files.0' has both 'label' and 'labels'; keep one",
        ),
        (
            {"files": [{"path": "x", "label": "E"}]},
            "'files.0' uses label 'E', which is not under 'labels' (there: B, A)",
        ),
        (
            {"files": [{"path": "../x", "label": "A"}]},
            "'files.0.path' leads out of the data set's folder ('../x')",
        ),
        (
            {"files": [{"path": "x", "labels": "/etc/passwd"}]},
            "'files.0.labels' leads out of the data set's folder ('/etc/passwd')",
        ),
        (
            {"files": [{"path": "x", "headers": [{"pattern": "a{(", "label": "A"}]}]},
            "'files.0.headers.0' has no valid pattern (missing ), unterminated subpattern at "
            "position 2): 'a{('",
        ),
        (
            {"files": [{"path": "x", "label": "A", "cluster": "a("}]},
            "'files.0.cluster' has no valid pattern (missing ), unterminated subpattern at "
            "position 1): 'a('",
        ),
        (
            {"files": [{"path": "x", "label": "A", "cluster": "(?:a)"}]},
            "'files.0.cluster' has no group in its pattern: '(?:a)'; put what to keep in "
            "parentheses",
        ),
        (
            {"files": [{"path": "x", "cluster": "(a)"}]},
            "'files.0' has 'cluster' but none of 'label', 'labels' and 'headers'; put it where "
            "the labels are",
        ),
    ],
)
def test_each_fault_has_its_message(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    assert refusal(write(tmp_path, **changes)) == message


def test_files_that_are_no_yaml_mapping_are_refused(tmp_path: Path) -> None:
    (tmp_path / "dataset.yaml").write_text("a: [")
    assert refusal(tmp_path).startswith("not readable as YAML (")
    (tmp_path / "dataset.yaml").write_text("")
    assert refusal(tmp_path) == "holds no keys and values"
    (tmp_path / "dataset.yaml").write_text("name: a\nname: b\n")
    assert "duplicate key" in refusal(tmp_path)


def test_a_missing_data_set_says_what_to_do(tmp_path: Path) -> None:
    write(tmp_path / "demo")
    remedy = (
        f"(data sets beside it: demo); put the files there and describe them in "
        f"{tmp_path / 'own' / 'dataset.yaml'}, or choose another data set (`-S source=demo`)"
    )
    with pytest.raises(DataError) as error:
        load_description(tmp_path / "own")
    assert str(error.value) == f"{tmp_path / 'own'}: no such folder {remedy}"
    (tmp_path / "own").mkdir()
    with pytest.raises(DataError) as error:
        load_description(tmp_path / "own")
    assert str(error.value) == f"{tmp_path / 'own'}: no dataset.yaml in it {remedy}"


def test_the_shipped_descriptions_are_valid() -> None:
    raw = Path(__file__).parents[2] / "data" / "raw"
    assert load_description(raw / "amrfinder").name == "amrfinder"
