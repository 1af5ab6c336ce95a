"""The `arginator` command."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("arginator")


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=False)


def test_the_version_is_that_of_the_package() -> None:
    result = call("--version")
    assert (result.returncode, result.stdout) == (0, f"arginator {version('arginator')}\n")


def test_an_unknown_argument_is_status_2() -> None:
    result = call("predict", "proteins.fasta", "--outptu", "calls.tsv")
    assert result.returncode == 2
    assert "unrecognized arguments: --outptu" in result.stderr


@pytest.mark.parametrize("heavy", ["torch", "matplotlib", "dvc", "sklearn", "pandas"])
def test_asking_for_the_version_loads_nothing_heavy(heavy: str) -> None:
    code = f"import sys, arginator.cli; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
