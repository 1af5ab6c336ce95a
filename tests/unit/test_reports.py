"""Reports: what is written in two files is read as one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arginator.errors import DataError
from arginator.reports import read_report, write_report

HEAD = {"source": "own", "claims": True, "fold": "test", "proteins": 3}
REPORT = {
    **HEAD,
    "network": {"mcc": 0.5, "per_class": {"A": {"recall": 0.25}}},
    "majority": {"mcc": 0.0, "per_class": {"A": {"recall": 0.0}}},
}


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_report(REPORT, tmp_path)
    assert read_report(tmp_path, "test") == REPORT


def test_the_classes_stand_in_a_file_of_their_own(tmp_path: Path) -> None:
    write_report(REPORT, tmp_path)
    short = json.loads((tmp_path / "test.json").read_text())
    assert short["network"] == {"mcc": 0.5}
    assert list(short) == list(REPORT)
    detail = json.loads((tmp_path / "test_by_class.json").read_text())
    assert detail["network"] == {"A": {"recall": 0.25}}
    assert {name: detail[name] for name in HEAD} == {name: short[name] for name in HEAD} == HEAD


def test_a_report_without_its_classes_is_refused(tmp_path: Path) -> None:
    write_report(REPORT, tmp_path)
    (tmp_path / "test_by_class.json").unlink()
    with pytest.raises(DataError, match=r"test_by_class\.json: no such file"):
        read_report(tmp_path, "test")
