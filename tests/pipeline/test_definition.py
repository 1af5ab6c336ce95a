"""dvc.yaml says what the stages do: imports, files, params and descriptions are compared."""

from __future__ import annotations

import ast
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
from dvc.output import Output
from dvc.repo import Repo
from dvc.stage import PipelineStage

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "arginator"
CACHED = {"train_baseline", "train_ffnn", "compress", "train_repeats", "calibrate"}
READ = re.compile(r"params\.([a-z_.]+)$")
SCRIPTS = sorted((ROOT / "stages").rglob("*.py"))


@cache
def stages() -> tuple[PipelineStage, ...]:
    with Repo(str(ROOT)) as repo:
        return tuple(stage for stage in repo.index.stages if isinstance(stage, PipelineStage))


def words_of(stage: PipelineStage) -> list[str]:
    """Return the words of a command after `python`, which stands behind a variable."""
    setting, program, *words = shlex.split(stage.cmd)
    assert (setting, program) == ("OPENBLAS_CORETYPE=Haswell", "python")
    return words


def script_of(stage: PipelineStage) -> Path:
    return ROOT / words_of(stage)[0]


def cases() -> list[object]:
    return [pytest.param(stage, id=stage.name) for stage in stages()]


def scripts() -> list[object]:
    return [pytest.param(path, id=path.stem) for path in SCRIPTS]


def own_modules(path: Path) -> set[Path]:
    """Return the modules of the library that `path` imports, directly."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            module = ROOT / "src" / Path(*name.split(".")).with_suffix(".py")
            if name.startswith("arginator.") and module.exists():
                found.add(module)
    return found


def imported(path: Path) -> set[Path]:
    """Return the modules of the library that `path` imports, through others too."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        new = own_modules(waiting.pop()) - found
        found |= new
        waiting += new
    return found


def templates(modules: set[Path]) -> set[str]:
    """Return the data files of the package whose names stand in `modules`."""
    names = {path.name: path for path in SOURCE.rglob("*") if path.suffix not in {".py", ".pyc"}}
    texts = "".join(module.read_text() for module in modules)
    return {relative(path) for name, path in names.items() if path.is_file() and name in texts}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def paths(items: list[Output]) -> set[str]:
    return {relative(Path(item.fs_path)) for item in items}


@pytest.mark.parametrize("stage", cases())
def test_every_module_that_a_stage_imports_is_a_dependency(stage: PipelineStage) -> None:
    script = script_of(stage)
    modules = imported(script)
    expected = {relative(script)} | {relative(path) for path in modules} | templates(modules)
    deps = paths([dep for dep in stage.deps if not hasattr(dep, "params")])
    assert {dep for dep in deps if dep.startswith(("src/", "stages/"))} == expected


@pytest.mark.parametrize("stage", cases())
def test_a_stage_bears_the_name_of_its_script(stage: PipelineStage) -> None:
    assert script_of(stage).stem == str(stage.name).partition("@")[0]


@pytest.mark.parametrize("stage", cases())
def test_the_files_in_a_command_are_those_declared(stage: PipelineStage) -> None:
    words = words_of(stage)
    options = dict(zip(words[1::2], words[2::2], strict=True))
    named = {words[0], *(value for option, value in options.items() if option != "--task")}
    files = paths([*stage.outs, *(d for d in stage.deps if not hasattr(d, "params"))])
    declared = {path for path in files if not path.startswith("src/")}

    def within(path: str, folder: str) -> bool:
        return path == folder or path.startswith(f"{folder}/")

    assert [path for path in declared if not any(within(path, name) for name in named)] == []
    assert [name for name in named if not any(within(path, name) for path in declared)] == []


@pytest.mark.parametrize("stage", cases())
def test_the_params_that_a_stage_declares_are_those_it_reads(stage: PipelineStage) -> None:
    task = str(stage.name).partition("@")[2]
    read = {f"tasks.{task}" if key == "task" else key for key in params_read(script_of(stage))}
    declared = {key for dep in stage.deps if hasattr(dep, "params") for key in dep.params}

    def covers(key: str, name: str) -> bool:
        return name == key or name.startswith(f"{key}.")

    assert [name for name in read if not any(covers(key, name) for key in declared)] == []
    assert [key for key in declared if not any(covers(key, name) for name in read)] == []


def params_read(script: Path) -> set[str]:
    """Return the keys that a script reads, such as `evaluate.seeds` or `split`."""
    tree = ast.parse(script.read_text())
    chains = [match[1] for node in ast.walk(tree) if (match := READ.match(ast.unparse(node)))]
    whole = {chain.removesuffix(".model_dump") for chain in chains}
    return {key for key in whole if not any(other.startswith(f"{key}.") for other in whole)}


@pytest.mark.parametrize("script", scripts())
def test_the_description_is_the_same_in_script_pipeline_and_readme(script: Path) -> None:
    sentence = ast.get_docstring(ast.parse(script.read_text()))
    described = {stage.desc for stage in stages() if script_of(stage) == script}
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", (ROOT / "README.md").read_text(), re.M))
    assert described == {sentence}
    assert rows[script.stem] == sentence


def test_every_script_is_a_stage_and_every_stage_a_script() -> None:
    assert {script_of(stage) for stage in stages()} == set(SCRIPTS)


@pytest.mark.parametrize("script", scripts())
def test_a_stage_is_a_thin_script(script: Path) -> None:
    lines = script.read_text().splitlines()
    assert len(lines) <= 50, "formulas and loops belong into the library"


@pytest.mark.parametrize("stage", cases())
def test_training_and_compression_keep_their_run_cache(stage: PipelineStage) -> None:
    if script_of(stage).stem in CACHED:
        assert all(out.use_cache for out in stage.outs)
    for out in stage.outs:
        assert not out.persist
        assert out.can_push
    assert not stage.frozen
    assert not stage.always_changed


@pytest.mark.parametrize("stage", cases())
def test_what_a_person_reads_is_in_git_and_the_rest_is_not(stage: PipelineStage) -> None:
    for out in stage.outs:
        path = relative(Path(out.fs_path))
        readable = path.startswith(("metrics/", "plots/")) or path.endswith("MODEL_CARD.md")
        assert out.use_cache is not readable, path
