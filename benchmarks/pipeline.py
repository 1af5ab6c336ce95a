"""Time the pipeline on the demo data and compare its bytes between runs and settings.

    python benchmarks/pipeline.py [--bytes]

Prints the time of each stage of a `dvc repro` by force, of one that finds nothing to do, and the
peak memory. With `--bytes`, runs everything again under several settings and tells which outputs
differ.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from measuring import fresh_clone, machine, markdown, run_dvc, stage_table

SETTINGS: dict[str, dict[str, str]] = {
    "again": {},
    "OMP_NUM_THREADS=1": {"OMP_NUM_THREADS": "1"},
    "OMP_NUM_THREADS=2": {"OMP_NUM_THREADS": "2"},
    "OPENBLAS_CORETYPE=Sandybridge": {"OPENBLAS_CORETYPE": "Sandybridge"},
    "ATEN_CPU_CAPABILITY=avx2": {"ATEN_CPU_CAPABILITY": "avx2"},
    "ATEN_CPU_CAPABILITY=default": {"ATEN_CPU_CAPABILITY": "default"},
}
OUTPUTS = ("data", "models", "metrics", "plots")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bytes", action="store_true", help="compare bytes under other settings")
    args = parser.parse_args()
    print(machine() + "\n")
    with fresh_clone() as clone:
        first = run_dvc(clone, ["repro", "--force"])
        print(stage_table(first))
        print(f"\npeak of one process: {first.peak_mib:,.0f} MiB")
        print(f"nothing to do: {run_dvc(clone, ['repro']).seconds:.1f} s")
        if args.bytes:
            compare_bytes(clone)


def compare_bytes(clone: Path) -> None:
    """Run everything again under each setting and print which outputs differ from the first."""
    expected = hash_outputs(clone)
    rows = []
    for name, environment in SETTINGS.items():
        run = run_dvc(clone, ["repro", "--force"], environment)
        found = hash_outputs(clone)
        differ = [path for path in expected if found.get(path) != expected[path]]
        rows.append((name, f"{run.seconds:.0f}", f"{len(differ)} of {len(expected)}"))
        print("\n" + name + ": " + (", ".join(differ) or "the same bytes"))
    print("\n" + markdown(("setting", "s", "files that differ"), rows))


def hash_outputs(clone: Path) -> dict[str, str]:
    """Return the SHA-256 of every file that stages write."""
    return {
        path.relative_to(clone).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in OUTPUTS
        for path in sorted((clone / folder).rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.suffix != ".dvc"
    }


if __name__ == "__main__":
    main()
