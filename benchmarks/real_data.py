"""Run the whole pipeline on real proteins and print its scores, times and memory.

    python benchmarks/real_data.py --data FOLDER [--only amrfinder|own|toxins|held_out ...]
                                   [--studies gap|learning_curve|ablation|leave_out ...]

FOLDER holds `amrfinder/AMRProt`, `hydrolases/hydrolases.fasta.gz` and `prott5_toxins/*.h5`. Each
run happens in a fresh clone, by the commands that a user would type. `held_out` trains without some
well-known proteins, asks the models that ship about them, and fails if a shuffled beta-lactamase
is called one.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from measuring import fresh_clone, machine, markdown, read_json, run_dvc, score_table, stage_table
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

HELD_OUT, SHUFFLED = "held_out.fasta", "shuffled-TEM-1"
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


KNOWN = {
    "blaTEM-1": "class A",
    "blaNDM-1": "class B",
    "blaEC": "class C, chromosomal AmpC",
    "blaOXA-48": "class D",
    "mecA": "PBP2a, no beta-lactamase",
}
"""Alleles in NCBI's file that no model of `held_out` has seen."""

HYDROLASES_KEPT = 20  # every one of so many, so that the run takes minutes


def prepare_held_out(data: Path, clone: Path) -> list[str]:
    """Lay out `data/raw/own` without the known proteins, and those in a file of their own."""
    settings = prepare_own(data, clone)
    own = clone / "data/raw/own"
    records = (own / "AMRProt").read_text("utf-8").split("\n>")
    alleles = [record.lstrip(">").split("|")[4] for record in records]
    first = {name: alleles.index(name) for name in KNOWN}
    left_out = {residues(records[place]) for place in first.values()}
    kept = [record.lstrip(">") for record in records if residues(record) not in left_out]
    (own / "AMRProt").write_text("".join(f">{record.rstrip()}\n" for record in kept), "utf-8")
    with gzip.open(own / "hydrolases.fasta.gz", "rt", encoding="utf-8") as file:
        hydrolases = file.read().split("\n>")
    some = [record.lstrip(">") for record in hydrolases[::HYDROLASES_KEPT]]
    with gzip.open(own / "hydrolases.fasta.gz", "wt", encoding="utf-8") as file:
        file.writelines(f">{record.rstrip()}\n" for record in some)
    asked = {name: residues(records[place]) for name, place in first.items()}
    asked["hydrolase"] = residues(hydrolases[1])
    letters = list(asked["blaTEM-1"])
    random.Random(0).shuffle(letters)
    asked[SHUFFLED] = "".join(letters)
    text = "".join(f">{name}\n{sequence}\n" for name, sequence in asked.items())
    (clone / HELD_OUT).write_text(text, "utf-8")
    return settings


def residues(record: str) -> str:
    """Return the residues of a FASTA record."""
    return "".join(record.split("\n")[1:]).rstrip("*")


def score_held_out(clone: Path) -> None:
    """Ask the models about known proteins; fail if a shuffled one is called a beta-lactamase."""
    words = [str(Path(sys.executable).with_name("arginator")), "predict", HELD_OUT]
    done = subprocess.run(words, cwd=clone, check=True, capture_output=True, text=True)
    rows = list(csv.DictReader(done.stdout.splitlines(), delimiter="\t"))
    columns = ["id", "call", "binary.beta-lactamase", "multiclass.set", "novelty"]
    columns += ["unlike_training", "neighbour_1.label", "neighbour_1.similarity"]
    cells = [[row[column] for column in columns] for row in rows]
    print("\n" + markdown(columns, cells))
    (shuffled,) = (row for row in rows if row["id"] == SHUFFLED)
    if shuffled["class"] or shuffled["call"].startswith("beta-lactamase"):
        sys.exit("a shuffled beta-lactamase is called one")


RUNS: dict[str, Callable[[Path, Path], list[str]]] = {
    "amrfinder": prepare_amrfinder,
    "own": prepare_own,
    "toxins": prepare_toxins,
    "held_out": prepare_held_out,
}


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the real data")
    parser.add_argument("--only", nargs="+", choices=RUNS, default=RUNS, help="run some of them")
    parser.add_argument("--studies", nargs="+", choices=TABLES, default=[], help="run them too")
    args = parser.parse_args()
    print(machine())
    for name, lay_out in RUNS.items():
        if name in args.only:
            with fresh_clone() as clone:
                report(name, lay_out(args.data, clone), clone)
                if name == "held_out":
                    score_held_out(clone)
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
