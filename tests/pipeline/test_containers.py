"""Container files: what a linter finds nothing in, and nothing that is not there."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "dockerfiles").glob("*.Dockerfile"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_linter_finds_nothing(path):
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_images_do_not_run_as_root_and_take_the_locked_versions(path):
    lines = path.read_text().splitlines()
    assert "USER 10001" in lines
    assert any("requirements.lock" in line for line in lines)


def test_compose_builds_files_that_are_there():
    services = YAML(typ="safe").load(ROOT / "compose.yaml")["services"]
    for service in services.values():
        assert ROOT / service["build"]["dockerfile"] in FILES


def test_the_recipe_asks_for_what_the_package_asks_for():
    recipe = YAML(typ="safe").load(ROOT / "docs/bioconda/meta.yaml")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    python, *rest = recipe["requirements"]["run"]
    assert python == f"python {project['requires-python']}"
    assert sorted(name.replace(" ", "") for name in rest) == sorted(project["dependencies"])
    assert recipe["package"]["version"] == project["version"]
    assert recipe["about"]["license"] == project["license"]
