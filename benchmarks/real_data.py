"""Run the whole pipeline on real proteins and print its scores, times and memory.

    python benchmarks/real_data.py --data FOLDER [--only amrfinder|own|toxins]
                                   [--studies gap|learning_curve|ablation|leave_out ...]

FOLDER holds `amrfinder/AMRProt`, `hydrolases/hydrolases.fasta.gz` and `prott5_toxins/*.h5`. Each
run happens in a fresh clone, by the commands that a user would type.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from measuring import fresh_clone, machine, read_json, run_dvc, score_table, stage_table
from tables import record_tables

HYDROLASES = """
name: own
title: NCBI AMRFinderPlus reference proteins against bacterial hydrolases
simulated: false
origin: AMRFinderPlus database 2024-07-22.1; UniRef90 representatives with EC 3.*
licence: US public domain (AMRFinderPlus); CC BY 4.0 (UniProt)
citation: Feldgarden et al. 2021, doi:10.1038/s41598-021-91456-0; UniProt Consortium 2023
embedder: null
"""

TOXINS = """
name: own
title: Three-finger toxins and Ly-6 proteins, ProtT5 vectors
simulated: false
origin: protspace, ProtT5-XL-U50 vectors, one HDF5 file a group
licence: MIT
citation: Senoner et al. 2025, doi:10.1016/j.jmb.2025.168940
embedder: prott5
labels:
  Short-chain: short-chain three-finger toxin
  Plesiotypic: plesiotypic three-finger toxin
  Non-standard: three-finger toxin with a fifth disulphide bridge
  Long-chain: long-chain three-finger toxin
  Ly-6: Ly-6 protein, no toxin
files:
"""

TABLES = {
    "gap": "gap",
    "learning_curve": "learning_curve",
    "ablation": "ablation",
    "leave_out": "left_out",
}


def prepare_amrfinder(data: Path, clone: Path) -> list[str]:
    """Put NCBI's file where `make amrfinder` would and return the settings of the run."""
    shutil.copy(data / "amrfinder" / "AMRProt", clone / "data/raw/amrfinder/AMRProt")
    return ["source=amrfinder"]


def prepare_own(data: Path, clone: Path) -> list[str]:
    """Lay out `data/raw/own` of two FASTA files and return the settings of the run."""
    own = clone / "data/raw/own"
    own.mkdir(parents=True)
    shutil.copy(data / "amrfinder" / "AMRProt", own)
    shutil.copy(data / "hydrolases" / "hydrolases.fasta.gz", own)
    described = (clone / "data/raw/amrfinder/dataset.yaml").read_text("utf-8")
    shared = described[described.index("labels:") :].rstrip()
    hydrolases = "\n  - path: hydrolases.fasta.gz\n    label: non\n    category: hydrolase\n"
    (own / "dataset.yaml").write_text(HYDROLASES + shared + hydrolases, "utf-8")
    return ["source=own"]


def prepare_toxins(data: Path, clone: Path) -> list[str]:
    """Lay out `data/raw/own` of five HDF5 files and return the settings of the run."""
    own = clone / "data/raw/own"
    own.mkdir(parents=True)
    files = ""
    for path in sorted((data / "prott5_toxins").glob("*.h5")):
        shutil.copy(path, own)
        files += f"  - path: {path.name}\n    label: {path.stem}\n"
    (own / "dataset.yaml").write_text(TOXINS + files, "utf-8")
    return [
        "source=own",
        "embedder.name=prott5",
        "split.max_similarity=0.8",
        "tasks.binary.positive=[Ly-6]",
        "tasks.binary.positive_name=Ly-6",
        "tasks.binary.negative_name=toxin",
    ]


RUNS: dict[str, Callable[[Path, Path], list[str]]] = {
    "amrfinder": prepare_amrfinder,
    "own": prepare_own,
    "toxins": prepare_toxins,
}


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the real data")
    parser.add_argument("--only", choices=[*RUNS], help="run one of them")
    parser.add_argument("--studies", nargs="+", choices=TABLES, default=[], help="run them too")
    args = parser.parse_args()
    print(machine())
    for name, lay_out in RUNS.items():
        if args.only in (None, name):
            with fresh_clone() as clone:
                report(name, lay_out(args.data, clone), clone)
                if args.studies:
                    report_studies(clone, args.studies)


def report(name: str, settings: list[str], clone: Path) -> None:
    """Run the pipeline with `settings` and print what came of it."""
    if (clone / "data/raw/own").exists():
        run_dvc(clone, ["add", "--quiet", "data/raw/own"])
        subprocess.run(["git", "commit", "-qam", "Add own data"], cwd=clone, check=True)
    changes = [word for setting in settings for word in ("-S", setting)]
    run = run_dvc(clone, ["exp", "run", *changes])
    print(f"\n## {name}\n\n    dvc exp run {' '.join(f'-S {s!r}' for s in settings)}\n")
    prepared, audit = (read_json(clone / "metrics" / f"{n}.json") for n in ("prepare", "split"))
    print(f"{prepared['proteins']:,} proteins kept of {prepared['read']:,}: {prepared['labels']}")
    print(f"{audit['clusters']:,} clusters, the largest of {audit['largest_cluster']:,}")
    print(
        f"test fold: {audit['folds']['test']}, clusters {audit['clusters_per_class']['test']}, "
        f"effectively {audit['effective_clusters']['test']}\n"
    )
    for task in ("binary", "multiclass"):
        print(score_table(clone, task) + "\n")
        print(record_tables(clone, task) + "\n")
        choice = read_json(clone / "metrics" / task / "choice.json")
        print(f"ships: {choice['model']}, {choice['reason']}\n")
    print(stage_table(run))
    print(f"\npeak of one process: {run.peak_mib:,.0f} MiB")


def report_studies(clone: Path, studies: Sequence[str]) -> None:
    """Run studies on the same data and print their tables."""
    run = run_dvc(clone, ["repro", *(f"stages/studies/dvc.yaml:{study}" for study in studies)])
    for study in studies:
        for path in sorted((clone / "metrics" / "studies").glob(f"*/{TABLES[study]}.md")):
            print(f"\n{path.parent.name} {path.stem}\n\n{path.read_text('utf-8')}")
    print(stage_table(run))


if __name__ == "__main__":
    main()
