"""The pipeline in an empty folder, with real DVC, on a small demo data set."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
SMALL = {
    "proteins: 6000": "proteins: 1500",
    "epochs: 60": "epochs: 3",
    "finetune_epochs: 10": "finetune_epochs: 1",
    "seeds: 5": "seeds: 2",
    "resamples: 1000": "resamples: 100",
}


class Project:
    """A copy of this repository in a folder of its own, under git."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        scripts = Path(sys.executable).parent
        self.environment = os.environ | {
            "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(folder / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "GIT_AUTHOR_NAME": "t",
            "GIT_AUTHOR_EMAIL": "t@example.org",
            "GIT_COMMITTER_NAME": "t",
            "GIT_COMMITTER_EMAIL": "t@example.org",
        }

    def run(self, *command: str, status: int = 0) -> str:
        """Return what a command printed to stdout and stderr; its exit status must be `status`."""
        result = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert result.returncode == status, result.stdout
        return result.stdout

    def commit(self) -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--allow-empty", "-m", "x")

    def clone(self, folder: Path) -> Project:
        self.run("git", "clone", "--quiet", str(self.folder), str(folder))
        return Project(folder)

    def change(self, old: str, new: str, file: str = "params.yaml") -> None:
        text = (self.folder / file).read_text()
        assert old in text
        (self.folder / file).write_text(text.replace(old, new))

    def json(self, path: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / path).read_text())
        return content

    def hashes(self) -> dict[str, str]:
        return {
            path.relative_to(self.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for top in ("data", "models", "metrics", "plots")
            for path in sorted((self.folder / top).rglob("*"))
            if path.is_file() and path.name != ".gitignore"
        }


def copy_of_the_working_tree(folder: Path) -> Project:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    project = Project(folder)
    project.run("git", "init", "--quiet", "--initial-branch=main")
    return project


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The pipeline after one run on a small demo data set, everything committed."""
    project = copy_of_the_working_tree(tmp_path_factory.mktemp("finished"))
    for old, new in SMALL.items():
        project.change(old, new)
    project.commit()
    project.run("dvc", "repro")
    project.commit()
    return project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished project that a test may change, data and cache included."""
    shutil.copytree(finished.folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")


def numbers(content: object) -> Iterator[float]:
    if isinstance(content, dict):
        for value in content.values():
            yield from numbers(value)
    elif isinstance(content, int | float):
        yield content


def test_every_metric_is_a_finite_number_of_four_decimals(finished: Project) -> None:
    files = sorted((finished.folder / "metrics").rglob("*.json"))
    assert {path.relative_to(finished.folder / "metrics").as_posix() for path in files} >= {
        "prepare.json",
        "split.json",
        "binary/test.json",
        "multiclass/test.json",
    }
    for path in files:
        for number in numbers(json.loads(path.read_text())):
            assert math.isfinite(number)
            assert number == round(number, 4), path


def test_all_that_shows_results_says_that_the_data_are_simulated(finished: Project) -> None:
    shown = [
        *(finished.folder / "plots" / "figures").rglob("*.svg"),
        *(finished.folder / "models").rglob("MODEL_CARD.md"),
        *(finished.folder / "metrics").rglob("*.json"),
    ]
    assert len(shown) >= 12
    silent = [path.name for path in shown if "simulated" not in path.read_text()]
    assert silent == []


def test_nothing_is_pickled(finished: Project) -> None:
    kinds = {
        path.suffix
        for top in ("data", "models")
        for path in (finished.folder / top).rglob("*")
        if path.is_file() and path.name != ".gitignore"
    }
    assert kinds <= {
        ".parquet", ".tsv", ".csv", ".json", ".safetensors", ".onnx", ".md", ".yaml", ".fasta",
        ".dvc",
    }  # fmt: skip


def test_a_second_run_has_nothing_to_do(finished: Project) -> None:
    assert "Running stage" not in finished.run("dvc", "repro")
    assert finished.run("git", "status", "--porcelain") == ""


def test_a_forced_run_gives_the_same_bytes(project: Project) -> None:
    before = project.hashes()
    project.environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Sandybridge"}
    assert "Running stage 'train_ffnn@multiclass'" in project.run("dvc", "repro", "--force")
    assert project.hashes() == before
    assert project.run("git", "status", "--porcelain") == ""


def test_an_experiment_runs_what_depends_on_its_change_and_nothing_else(project: Project) -> None:
    output = project.run("dvc", "exp", "run", "-S", "model.width=32")
    ran = {line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")}
    trained = ("train_ffnn", "train_repeats", "compress", "calibrate")
    stages = (*trained, "evaluate", "plot", "card")
    tasks = ("binary", "multiclass")
    assert ran == {f"{stage}@{task}" for stage in stages for task in tasks} | {"agree"}
    touched = project.run("git", "status", "--porcelain").splitlines()
    assert [line for line in touched if line[3:].startswith(("data/", "src/"))] == []
    changed = json.loads(project.run("dvc", "metrics", "diff", "--json"))
    assert {"metrics/binary/test.json", "metrics/multiclass/test.json"} <= set(changed)
    assert "model.width" in project.run("dvc", "params", "diff")


def test_scientific_notation_on_the_command_line_arrives_as_a_number(project: Project) -> None:
    project.run("dvc", "exp", "run", "-S", "train.learning_rate=1e-5", "train_ffnn@binary")
    history = (project.folder / "models/binary/ffnn/history.csv").read_text().splitlines()
    rate = float(history[1].split(",")[history[0].split(",").index("learning_rate")])
    assert rate <= 1e-5


def test_a_task_is_added_by_params_alone(project: Project) -> None:
    project.change(
        "  multiclass:\n",
        "  metallo:\n    kind: binary\n    positive: [B]\n    positive_name: metallo\n"
        "    negative_name: other\n  multiclass:\n",
    )
    project.run("dvc", "repro")
    scores = project.json("metrics/metallo/test_by_class.json")
    assert set(scores["network"]) == {"other", "metallo"}


def test_the_lock_is_checked_in_a_clone_without_data(finished: Project, tmp_path: Path) -> None:
    bare = finished.clone(tmp_path / "bare")
    bare.run("dvc", "repro", "--dry", "--allow-missing")
    bare.change("width: 256", "width: 255")
    bare.run("dvc", "repro", "--dry", "--allow-missing", status=255)


def test_the_diagram_metrics_and_plots_are_shown(finished: Project) -> None:
    assert "train_ffnn@multiclass" in finished.run("dvc", "dag")
    assert "metrics/binary/test.json" in finished.run("dvc", "metrics", "show", "--md")
    shown = json.loads(finished.run("dvc", "plots", "show", "--json"))["data"]
    assert {key.partition("/")[2] for key in shown} >= {
        f"{task}/{table}.csv"
        for task in ("binary", "multiclass")
        for table in ("roc", "precision_recall", "predictions", "history")
    }


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_run_leaves_nothing_half_written_and_the_next_one_the_same_bytes(
    project: Project, seed: int
) -> None:
    before = project.hashes()
    rng = random.Random(seed)
    with subprocess.Popen(
        ["dvc", "repro", "--force"],
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        time.sleep(rng.uniform(1, 25))
        process.send_signal(signal.SIGKILL)
    after = project.hashes()
    assert {path: after[path] for path in after if not path.endswith(".tmp")}.items() <= (
        before.items()
    )
    if not lock_is_whole(project):
        project.run("git", "checkout", "dvc.lock")
    project.run("dvc", "repro")
    assert {path: h for path, h in project.hashes().items() if ".tmp" not in path} == before


def lock_is_whole(project: Project) -> bool:
    """Tell whether DVC can read its lock file, which it rewrites in place: a kill may tear it."""
    status = subprocess.run(
        ["dvc", "status", "--json"],
        cwd=project.folder,
        env=project.environment,
        capture_output=True,
        check=False,
    )
    return status.returncode == 0


def test_a_torn_lock_file_is_named_and_git_has_the_whole_one(project: Project) -> None:
    before = project.hashes()
    lock = project.folder / "dvc.lock"
    text = lock.read_text()
    lock.write_text(text[: text.index("hash: md5", len(text) // 2) + 2])
    assert "dvc.lock" in project.run("dvc", "repro", status=255)
    assert not lock_is_whole(project)
    project.run("git", "checkout", "dvc.lock")
    assert "Data and pipelines are up to date" in project.run("dvc", "repro")
    assert project.hashes() == before


def test_input_at_fault_is_one_line_and_leaves_no_output(project: Project) -> None:
    project.change("source: demo", "source: elsewhere")
    (project.folder / "data/raw/elsewhere").mkdir()
    (project.folder / "data/raw/elsewhere/file").write_text("x")
    output = project.run("dvc", "repro", "prepare", status=255)
    complaints = [line for line in output.splitlines() if line.startswith("arginator: ")]
    assert len(complaints) == 1
    assert "data/raw/elsewhere" in complaints[0]
    assert "Traceback" not in output
    assert not (project.folder / "data/prepared.parquet").exists()


@pytest.mark.parametrize(
    "notebook", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem
)
def test_a_notebook_runs_from_top_to_bottom(finished: Project, notebook: Path) -> None:
    cells = json.loads(notebook.read_text())["cells"]
    assert all(not cell.get("outputs") for cell in cells), "clear the outputs"
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    finished.run(sys.executable, "-W", "error", "-c", code)


def test_similar_proteins_are_in_one_fold(finished: Project) -> None:
    table = pq.read_table(finished.folder / "data/splits.parquet").to_pandas()
    assert table.groupby("cluster").fold.nunique().max() == 1
    assert set(table.fold) == {"train", "validation", "calibration", "test"}


def shared_file(*parts: str) -> Path:
    path = SHARED.joinpath(*parts)
    if not path.exists():
        if "CI" in os.environ:
            pytest.fail("the shared data sets stand beside CI's checkout, but do not")
        pytest.skip("the shared data sets are not beside this checkout")
    return path


@pytest.fixture
def ncbi(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder served on the loopback interface, and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize("tampered", [False, True])
def test_the_reference_proteins_are_fetched_and_checked(
    project: Project, ncbi: tuple[Path, str], tampered: bool
) -> None:
    source = shared_file("amrfinder", "AMRProt")
    folder, address = ncbi
    (folder / "AMRProt").write_bytes(source.read_bytes() + b">x\nMKV\n" * tampered)
    pointer = "data/raw/amrfinder/AMRProt.dvc"
    published = re.findall(r"https://\S+", (project.folder / pointer).read_text())
    assert len(published) == 1
    project.change(published[0], f"{address}AMRProt", pointer)
    project.commit()
    commands = [
        line.strip()
        for line in (ROOT / "Makefile").read_text().partition("\namrfinder:")[2].splitlines()[1:4]
    ]
    script = " && ".join(command.replace("$(BIN)/", "") for command in commands)
    assert "dvc update" in script
    project.run("bash", "-c", script, status=255 if tampered else 0)
    fetched = project.folder / "data/raw/amrfinder/AMRProt"
    assert fetched.exists() is not tampered
    assert project.run("git", "status", "--porcelain") == ""
