"""What README and docs say is what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from arginator.datasets import load_description
from arginator.params import load_params

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXT = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in DOCUMENTS}


def commands() -> list[str]:
    return sorted(set(re.findall(r"^\$ (.+)$", "\n".join(TEXT.values()), re.M)))


@pytest.mark.parametrize("name", TEXT)
def test_links_lead_to_files_that_exist(name: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT[name]):
        if "://" not in target:
            assert ((ROOT / name).parent / target).exists(), target


@pytest.mark.parametrize("command", [line for line in commands() if " -S " in line])
def test_every_setting_in_a_command_is_a_key_of_params(command: str) -> None:
    params = load_params(ROOT / "params.yaml").model_dump()
    for quoted, plain in re.findall(r"-S (?:'([^']+)'|(\S+))", command):
        override = OverridesParser.create().parse_override(quoted or plain)
        value = params
        for part in override.key_or_group.split("."):
            assert part in value, override.key_or_group
            value = value[part]


@pytest.mark.parametrize("command", [line for line in commands() if line.startswith("make ")])
def test_every_make_target_exists(command: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    assert command.split()[1] in targets


def test_the_example_description_is_valid(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.+?)```", TEXT["docs/data.md"], re.S)
    assert example is not None
    (tmp_path / "dataset.yaml").write_text(example[1])
    assert load_description(tmp_path).labels.keys() == set("ABCD") | {"non"}


def test_the_first_command_stands_within_25_lines() -> None:
    assert "$ make repro" in TEXT["README.md"].splitlines()[:25]


def test_house_rules_are_short() -> None:
    assert len(TEXT["CONTRIBUTING.md"].splitlines()) <= 60


def test_the_file_map_names_what_is_there() -> None:
    block = re.search(r"## What is where\n\n```text\n(.+?)```", TEXT["README.md"], re.S)
    assert block is not None
    named = re.findall(r"(?:^|\s{3,}|^\s*)([a-z._]+/?[a-z.]*)\s{1,}", block[1], re.M)
    assert len(named) >= 10
    for name in named:
        assert (ROOT / name).exists(), name


def test_the_example_of_a_diff_starts_from_the_scores_in_git() -> None:
    rows = re.findall(
        r"^(metrics/\S+)\s+(\w+)\.(\w+)\s+([\d.]+)\s+([\d.]+)\s+(-?[\d.]+)$",
        TEXT["README.md"],
        re.M,
    )
    assert len(rows) == 4
    for path, model, metric, head, workspace, change in rows:
        scores = json.loads((ROOT / path).read_text("utf-8"))
        assert float(head) == scores[model][metric], (path, metric)
        assert float(change) == pytest.approx(float(workspace) - float(head), abs=1e-9)
