"""What benchmarks share: a fresh clone, a `dvc` run timed stage by stage, the machine's facts."""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[1]
Answer = TypeVar("Answer")
RUNNING = re.compile(r"^Running stage '(.+)':")


@dataclass
class Run:
    """A finished run of DVC.

    Attributes:
        seconds: Wall time of the whole.
        stage_seconds: Wall time of each stage that ran, in order, DVC's own bookkeeping included.
        peak_mib: Largest resident memory of any one process so far, in MiB.
        output: What it printed.
    """

    seconds: float
    stage_seconds: dict[str, float] = field(default_factory=dict)
    peak_mib: float = 0.0
    output: str = ""


@contextmanager
def fresh_clone() -> Iterator[Path]:
    """Yield a clone of this repository's HEAD in an empty folder that is removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="arginator-"))
    try:
        clone = folder / "arginator"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        yield clone
    finally:
        shutil.rmtree(folder)


def run_dvc(
    clone: Path, arguments: Sequence[str], environment: Mapping[str, str] | None = None
) -> Run:
    """Run `dvc` with this interpreter's environment in `clone` and time each stage.

    Raises:
        SystemExit: It failed; what it printed is shown.
    """
    scripts = Path(sys.executable).parent
    variables = os.environ | {
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(clone / "src"),
        **(environment or {}),
    }
    started = time.perf_counter()
    marks: list[tuple[str, float]] = []
    lines: list[str] = []
    with subprocess.Popen(
        [str(scripts / "dvc"), *arguments],
        cwd=clone,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if match := RUNNING.match(line):
                marks.append((match[1], time.perf_counter()))
    ended = time.perf_counter()
    if process.returncode:
        sys.exit(f"dvc {' '.join(arguments)} failed:\n{''.join(lines)}")
    ends = [*(mark for _, mark in marks), ended][1:]
    stage_seconds = {name: end - start for (name, start), end in zip(marks, ends, strict=True)}
    peak_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return Run(ended - started, stage_seconds, peak_mib, "".join(lines))


def stage_table(run: Run) -> str:
    """Return the stages of a run and their times as Markdown."""
    rows = [(name, f"{seconds:.1f}") for name, seconds in run.stage_seconds.items()]
    return markdown(("stage", "s"), [*rows, ("in all", f"{run.seconds:.1f}")])


def score_table(clone: Path, task: str) -> str:
    """Return the test-fold scores of every model of a task as Markdown."""
    scores = read_json(clone / "metrics" / task / "test.json")
    columns = ("accuracy", "balanced_accuracy", "mcc", "macro_f1", "auroc", "auprc", "log_loss")
    rows = [
        (name, *(f"{report[column]:.4f}" for column in columns))
        for name, report in scores.items()
        if isinstance(report, dict)
    ]
    about = f"{scores['source']}, fold {scores['fold']}, {scores['proteins']:,} proteins"
    return f"{task} ({about})\n\n" + markdown(("model", *columns), rows)


def in_own_process(work: Callable[..., Answer], *arguments: object) -> Answer:
    """Return what `work` returns in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *arguments).result()


def core_seconds() -> float:
    """Return the processor time of this process and of those it has waited for."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def peak_mib() -> float:
    """Return the largest resident memory of this process or one that it started."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return max(usage.ru_maxrss for usage in usages) / 1024


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table: the first column to the left, the others to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file."""
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content


# Vector instructions that decide about speed, by their flags in /proc/cpuinfo.
VECTORS = {"avx2": "AVX2", "avx512f": "AVX-512", "avx512_vnni": "VNNI", "avx512_bf16": "BF16"}


def machine() -> str:
    """Return one line about the machine: processor, its vectors, cores, memory, Python."""
    model, cpuinfo = platform.processor() or platform.machine(), Path("/proc/cpuinfo")
    facts = cpuinfo.read_text() if cpuinfo.exists() else ""
    if match := re.search(r"model name\s*: (.+)", facts):
        model = match[1]
    if match := re.search(r"flags\s*: (.+)", facts):
        known = match[1].split()
        model = " ".join([model, *(name for flag, name in VECTORS.items() if flag in known)])
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{model}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, "
        f"Python {platform.python_version()}, {platform.system()}"
    )
