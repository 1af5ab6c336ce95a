"""The command `arginator predict`: from files of vectors or sequences to a table of calls."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pyarrow as pa
from tqdm import tqdm

from arginator.errors import DataError
from arginator.files import replacing
from arginator.hamronized import GROUP
from arginator.loaded_bundles import load_bundles
from arginator.prediction import Predictor
from arginator.prediction_inputs import list_inputs, read_input
from arginator.prediction_outputs import open_writer


def predict(args: argparse.Namespace) -> None:
    """Score every protein of the inputs and write the rows, or nothing if anything is faulty.

    Raises:
        DataError: An input or the output cannot be used.
        ModelError: There is no sound bundle.
    """
    if args.output is not None and args.output.exists() and not args.force:
        raise DataError(args.output, "exists already", "name another file or pass --force")
    files = list_inputs(args.input)
    task = None if args.task == "both" else args.task
    bundles = load_bundles(args.bundle, task, threads=1)  # batches go side by side instead
    predictor = Predictor(bundles, neighbours=not args.no_neighbours)
    if args.format == "hamronization" and predictor.looks_for != GROUP:
        problem = f"reports each {GROUP}, but the models look for {predictor.looks_for!r}"
        raise DataError("--format hamronization", problem, "choose another format or bundle")
    if args.output is not None:
        with replacing(args.output) as temporary, temporary.open("wb") as file:
            _write(files, predictor, args, file)
        return
    with tempfile.TemporaryFile() as file:
        _write(files, predictor, args, file)
        file.seek(0)
        shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _write(
    files: list[Path], predictor: Predictor, args: argparse.Namespace, file: IO[bytes]
) -> None:
    """Write the rows of all files, with the file's name first if there are several."""
    schema = predictor.schema
    several = len(files) > 1 or args.format == "hamronization"
    if several:
        schema = schema.insert(0, pa.field("file", pa.string()))
    writer = open_writer(args.format, file, schema, database=predictor.source, version=predictor.id)
    with tqdm(unit=" proteins", disable=None, leave=False) as bar:
        for path, batch in _rows(files, predictor, args.threads):
            if several:
                names = pa.array([str(path)] * len(batch), pa.string())
                batch = pa.RecordBatch.from_arrays([names, *batch.columns], schema=schema)
            writer.write(batch)
            bar.update(len(batch))
    writer.close()


def _rows(
    files: list[Path], predictor: Predictor, threads: int
) -> Iterator[tuple[Path, pa.RecordBatch]]:
    """Yield the rows of each file, in order, while the next batches are read and scored."""
    scoring: deque[tuple[Path, Future[pa.RecordBatch]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for path in files:
            for embeddings in read_input(path, predictor.embedder, predictor.width):
                scoring.append((path, pool.submit(predictor.predict, embeddings)))
                if len(scoring) > threads:
                    first, rows = scoring.popleft()
                    yield first, rows.result()
        for path, rows in scoring:
            yield path, rows.result()
