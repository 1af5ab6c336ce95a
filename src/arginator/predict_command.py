"""The command `arginator predict`: from files of vectors or sequences to a table of calls."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import IO

import pyarrow as pa
from tqdm import tqdm

from arginator.command_outputs import settle_output
from arginator.console import fix_threads
from arginator.errors import DataError
from arginator.files import replacing
from arginator.hamronized import GROUP
from arginator.kept_rows import KeptRows, keep_rows
from arginator.prediction import Predictor
from arginator.prediction_inputs import STANDARD_INPUT, list_inputs
from arginator.prediction_outputs import BY_FILE, open_writer
from arginator.query_sequences import FastaOptions
from arginator.scoring import Scorer, Scoring, warn_of_simulated


def predict(args: argparse.Namespace) -> None:
    """Score every protein of the inputs and write the rows, or nothing if anything is faulty.

    With `--shard`, `--workers` or `--dask` each input has an output of its own, in a folder.

    Raises:
        DataError: An input or the output cannot be used.
        ModelError: There is no sound bundle, or some of many files failed.
    """
    fix_threads(1)  # batches go side by side
    files = list_inputs(args.input)
    if args.shard or args.workers or args.dask:
        from arginator.shards import predict_folder

        predict_folder(args, files, read_scoring(args))
        return
    if args.resume and args.output is None:
        raise DataError("--resume", "keeps rows beside the output", "name one with --output")
    if args.output is not None:
        args.output = settle_output(args.output, files, force=args.force)
    scorer = Scorer(read_scoring(args))
    check_predictor(scorer.predictor, args)
    if args.output is None and sys.stdout is None:
        raise DataError("standard output", "is closed", "name a file with --output")
    if args.output is None:
        with tempfile.TemporaryFile() as file:
            _write(files, scorer, args, file)
            file.seek(0)
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        return
    with (
        _kept(files, scorer, args) as kept,
        replacing(args.output) as temporary,
        temporary.open("wb") as file,
    ):
        _write(files, scorer, args, file, kept)


def read_scoring(args: argparse.Namespace) -> Scoring:
    """Return how the command line wants files to be scored."""
    return Scoring(
        bundle=args.bundle,
        task=None if args.task == "both" else args.task,
        neighbours=not args.no_neighbours,
        fasta=FastaOptions(args.on_invalid, args.max_length, args.force_protein),
        model=args.model,
        device=args.device,
        matrix=args.matrix,
        names=args.names,
        ids=args.ids,
        threads=args.threads,
        batch_size=args.batch_size,
    )


def check_predictor(predictor: Predictor, args: argparse.Namespace) -> None:
    """Refuse models that have no such report; warn of those of simulated proteins."""
    if args.format == "hamronization" and predictor.looks_for != GROUP:
        problem = f"reports each {GROUP}, but the models look for {predictor.looks_for!r}"
        raise DataError("--format hamronization", problem, "choose another format or bundle")
    warn_of_simulated(predictor, args.bundle)


def _kept(
    files: Sequence[Path], scorer: Scorer, args: argparse.Namespace
) -> AbstractContextManager[KeptRows | None]:
    """Return what keeps rows for `--resume`, or nothing without it."""
    if not args.resume:
        return nullcontext()
    if any(str(path) == STANDARD_INPUT for path in files):
        raise DataError("--resume", "standard input cannot be read again", "name a file")
    inputs = [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]
    job = {**scorer.facts, "batch_size": args.batch_size, "inputs": inputs}
    return keep_rows(args.output, job, scorer.predictor.schema)


def _write(
    files: Sequence[Path],
    scorer: Scorer,
    args: argparse.Namespace,
    file: IO[bytes],
    kept: KeptRows | None = None,
) -> None:
    """Write the rows of all files, with the file's name first if there are several."""
    predictor = scorer.predictor
    schema = predictor.schema
    several = len(files) > 1 or args.format in BY_FILE
    if several:
        schema = schema.insert(0, pa.field("file", pa.string()))
    facts = {"database": predictor.source, "version": predictor.id}
    positive = predictor.positive_calls
    with (
        closing(open_writer(args.format, file, schema, **facts, positive=positive)) as writer,
        tqdm(unit=" proteins", disable=None, leave=False) as bar,
    ):
        for path, batch in scorer.score(files, kept):
            if several:
                name = os.fsencode(path).decode(errors="replace")
                names = pa.repeat(name, len(batch))
                batch = pa.RecordBatch.from_arrays([names, *batch.columns], schema=schema)
            writer.write(batch)
            bar.update(len(batch))
