"""The `arginator` command."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from arginator import __version__
from arginator.console import run

FORMATS = ("tsv", "csv", "jsonl", "parquet", "hamronization", "mqc")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line `argv`, by default the process's own."""
    args = _parser().parse_args(argv)
    run(partial(args.command, args), outlives_parent=True)


def _parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    parser = argparse.ArgumentParser(
        "arginator", description="Resistance genes from protein vectors.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_predict(
        commands.add_parser("predict", help="score proteins", description=_predict.__doc__)
    )
    _add_embed(
        commands.add_parser("embed", help="turn sequences into vectors", description=_embed.__doc__)
    )
    _add_audit(
        commands.add_parser("audit", help="look for near-copies", description=_audit.__doc__)
    )
    _add_serve(commands.add_parser("serve", help="answer over HTTP", description=_serve.__doc__))
    bundle = commands.add_parser("bundle", help="look into a bundle of models")
    actions = bundle.add_subparsers(required=True, metavar="ACTION")
    for name, action in (("verify", _verify), ("info", _info)):
        one = actions.add_parser(name, help=action.__doc__, description=action.__doc__)
        one.add_argument("folder", type=Path)
        one.set_defaults(command=action)
    return parser


def _add_predict(parser: argparse.ArgumentParser) -> None:
    """Add the options of `arginator predict`."""
    add = parser.add_argument
    add(
        "input",
        type=Path,
        nargs="+",
        help="vectors or FASTA, folders of them, - for FASTA on stdin",
    )
    add("--bundle", type=Path, default=Path("models"), help="bundle, or folder of <task>/bundle")
    add("--task", default="both", help="name of the only task to ask (default: both)")
    add("-o", "--output", type=Path, help="file to write (default: standard output)")
    add("--format", choices=FORMATS, default="tsv", help="of the output (default: tsv)")
    add("--force", action="store_true", help="replace the output if it exists")
    add("--no-neighbours", action="store_true", help="leave novelty out, which takes longest")
    add("--threads", type=_positive, default=2, help="batches scored side by side (default: 2)")
    add("--batch-size", type=_positive, default=4096, help="most proteins at once (default: 4096)")
    add("--shard", type=_shard, metavar="I/N", help="only the I-th of every N files, into a folder")
    add("--workers", type=_positive, metavar="K", help="processes, a file each, into a folder")
    add("--dask", metavar="ADDRESS", help="of a Dask scheduler: a file a task, into a folder")
    add("--resume", action="store_true", help="keep rows beside the output; go on from those kept")
    add("--ids", type=Path, help="ids of a matrix in npy, one a line")
    add("--matrix", help="what holds the vectors: an array (HDF5, npz) or a column (Parquet)")
    add("--names", help="what holds their ids: an array (HDF5, npz) or a column (Parquet)")
    add(
        "--model", help="folder or hub name of ProtT5 weights for sequences (default: its authors')"
    )
    _add_fasta_options(parser)
    parser.set_defaults(command=_predict)


def _add_embed(parser: argparse.ArgumentParser) -> None:
    """Add the options of `arginator embed`."""
    add = parser.add_argument
    add("input", type=Path, help="FASTA, plain or gzip; with --shard a folder of them")
    add("-o", "--output", type=Path, required=True, help="HDF5 file to write, or folder")
    add("--model", default="prott5", help="prott5, kmer, or a folder (default: prott5)")
    add("--shard", type=_shard, metavar="I/N", help="only the I-th of every N files of a folder")
    add("--revision", help="of the model on the hub (default: its newest)")
    _add_fasta_options(parser)
    add("--force", action="store_true", help="replace the output if it exists")
    parser.set_defaults(command=_embed)


def _add_audit(parser: argparse.ArgumentParser) -> None:
    """Add the options of `arginator audit`."""
    add = parser.add_argument
    add("vectors", type=Path, help="vectors in any format, or FASTA (counted into k-mers)")
    add("labels", type=Path, help="tab-separated table with the columns id, label and fold")
    add("--train", nargs="+", default=["train"], metavar="FOLD", help="to learn from (train)")
    add("--test", nargs="+", default=[], metavar="FOLD", help="to judge by (all other folds)")
    add("--max-similarity", type=float, default=0.9, help="above it is a near-copy (default: 0.9)")
    add("--allow", type=int, default=0, metavar="N", help="near-copies to put up with (default: 0)")
    add("-o", "--output", type=Path, help="JSON report to write")
    add("--figure", type=Path, help="SVG to write")
    add("--force", action="store_true", help="replace files that exist")
    parser.set_defaults(command=_audit)


def _add_serve(parser: argparse.ArgumentParser) -> None:
    """Add the options of `arginator serve`."""
    add = parser.add_argument
    add("--bundle", type=Path, default=Path("models"), help="bundle, or folder of <task>/bundle")
    add("--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1)")
    add("--port", type=_port, default=8000, help="port to listen at (default: 8000)")
    add("--data", type=Path, help="folder for jobs (default: a new one, for this run only)")
    add("--workers", type=_positive, default=1, help="processes for jobs (default: 1)")
    add("--max-body", type=_positive, default=256, help="MiB of a request (default: 256)")
    add("--max-waiting", type=_positive, default=100, help="jobs that may wait (default: 100)")
    add("--jobs-a-minute", type=_positive, default=600, help="of one client (default: 600)")
    add("--job-memory", type=_positive, default=4096, help="MiB of a worker (default: 4096)")
    add("--keep-hours", type=float, default=24.0, help="for ended jobs (default: 24)")
    add("--client-timeout", type=_positive, default=30, help="s of silence (default: 30)")
    parser.set_defaults(command=_serve)


def _add_fasta_options(parser: argparse.ArgumentParser) -> None:
    """Add what says how sequences are read and embedded."""
    add = parser.add_argument
    add("--device", choices=("auto", "cpu"), default="auto", help="auto: a GPU if there is one")
    add(
        "--on-invalid",
        choices=("fail", "skip"),
        default="fail",
        help="skip: go on without invalid sequences, which are listed (default: fail)",
    )
    add("--max-length", type=_positive, metavar="RESIDUES", help="longer sequences are invalid")
    add("--force-protein", action="store_true", help="accept what looks like nucleotides")


def _positive(text: str) -> int:
    """Read a whole number from 1 on."""
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def _port(text: str) -> int:
    """Read the number of a port."""
    if not (text.isdecimal() and int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 0 to 65535")
    return int(text)


def _shard(text: str) -> tuple[int, int]:
    """Read which shard of how many."""
    number, _, shards = text.partition("/")
    if not (number.isdecimal() and shards.isdecimal() and 1 <= int(number) <= int(shards)):
        raise argparse.ArgumentTypeError(f"{text!r} is no shard such as 1/4")
    return int(number), int(shards)


def _predict(args: argparse.Namespace) -> None:
    """Score proteins: one row each, in the order of the input."""
    from arginator.predict_command import predict  # loads what only this command needs

    predict(args)


def _embed(args: argparse.Namespace) -> None:
    """Write one vector a protein; a run that was killed goes on where it was."""
    from arginator.embed_command import embed  # loads what only this command needs

    embed(args)


def _audit(args: argparse.Namespace) -> None:
    """Say which test proteins have a near-copy in training; exit status 3 if any have."""
    from arginator.audit_command import audit  # loads what only this command needs

    audit(args)


def _serve(args: argparse.Namespace) -> None:
    """Answer requests, run jobs and show a page; ARGINATOR_TOKEN, if set, is asked for."""
    from arginator.serve_command import serve  # loads what only this command needs

    serve(args)


def _verify(args: argparse.Namespace) -> None:
    """Check every file of a bundle against its manifest."""
    from arginator.loaded_bundles import find_bundles, load_bundle

    for folder in find_bundles(args.folder):
        bundle = load_bundle(folder)
        bundle.refuse_others(folder)
        sys.stdout.write(f"{folder}: bundle {bundle.id} of task {bundle.task!r} is whole\n")


def _info(args: argparse.Namespace) -> None:
    """Print what a bundle says about itself, after checking it, as JSON."""
    from arginator.loaded_bundles import load_bundle

    bundle = load_bundle(args.folder)
    facts = {"id": bundle.id} | bundle.manifest.model_dump(mode="json")
    sys.stdout.write(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
