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


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line `argv`, by default the process's own."""
    args = _parser().parse_args(argv)
    run(partial(args.command, args))


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
    add("--format", choices=("tsv", "csv", "jsonl", "parquet", "hamronization"), default="tsv")
    add("--force", action="store_true", help="replace the output if it exists")
    add("--no-neighbours", action="store_true", help="leave novelty out, which takes longest")
    add("--threads", type=_positive, default=2, help="batches scored side by side (default: 2)")
    parser.set_defaults(command=_predict)


def _positive(text: str) -> int:
    """Read a whole number from 1 on."""
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def _predict(args: argparse.Namespace) -> None:
    """Score proteins: one row each, in the order of the input."""
    from arginator.predict_command import predict  # loads what only this command needs

    predict(args)


def _verify(args: argparse.Namespace) -> None:
    """Check every file of a bundle against its manifest."""
    from arginator.loaded_bundles import load_bundle

    bundle = load_bundle(args.folder)
    sys.stdout.write(f"{args.folder}: bundle {bundle.id} of task {bundle.task!r} is whole\n")


def _info(args: argparse.Namespace) -> None:
    """Print what a bundle says about itself, after checking it, as JSON."""
    from arginator.loaded_bundles import load_bundle

    bundle = load_bundle(args.folder)
    facts = {"id": bundle.id} | bundle.manifest.model_dump(mode="json")
    sys.stdout.write(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
