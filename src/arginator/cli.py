"""The `arginator` command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from arginator import __version__


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line `argv`, by default the process's own."""
    parser = argparse.ArgumentParser("arginator", description=__doc__)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.parse_args(argv)
    parser.print_help()
