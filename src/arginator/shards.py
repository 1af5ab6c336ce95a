"""Many files beyond one process or machine: each input has an output of its own.

Files are dealt out by their place, so that shard i of n is the same wherever it runs. An output is
written under a unique name, synced and renamed; its Parquet footer says which models and which
input it was made of, so that what is done is skipped and what is stale is made anew. Processes
killed at any time leave whole files or none. The manifest comes last, when all files are done.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from arginator.command_outputs import refuse_to_replace
from arginator.errors import ArginatorError, DataError, ModelError
from arginator.files import hash_file, replacing, write_json
from arginator.prediction_inputs import STANDARD_INPUT
from arginator.prediction_outputs import ParquetWriter
from arginator.scoring import Scorer, Scoring, warn_of_simulated
from arginator.shard_runners import Outcome, through_dask, through_processes

KEY = b"arginator"
SUFFIX, MANIFEST = ".parquet", "manifest.json"
PARQUET, MANIFEST_BEGINS = b"PAR1", b'{\n  "files": ['

logger = logging.getLogger(__name__)


def predict_folder(args: argparse.Namespace, files: Sequence[Path], scoring: Scoring) -> None:
    """Score each file into one of its own in the folder `args.output`.

    Raises:
        DataError: The command line does not fit.
        ModelError: Some files failed; the others are done.
    """
    outputs = _name_outputs(files, args)
    warn_of_simulated(load_scorer(scoring).predictor, args.bundle)
    mine = deal(files, args.shard) if args.shard else list(files)
    args.output.mkdir(parents=True, exist_ok=True)
    work = [(path, outputs[path]) for path in mine]
    run = through_dask(args.dask) if args.dask else through_processes(args.workers or 1)
    if args.dask:  # its workers may stand in other folders
        work = [(source.resolve(), output.resolve()) for source, output in work]
        ids = scoring.ids and scoring.ids.resolve()
        scoring = replace(scoring, bundle=scoring.bundle.resolve(), ids=ids)
    failed: list[Outcome] = []
    with tqdm(total=len(mine), unit=" files", disable=None, leave=False) as bar:
        for outcome in run(partial(score_file, scoring=scoring), work):
            failed += [outcome] if outcome.problem else []
            bar.update()
    if failed:
        lines = "; ".join(f"{one.source}: {one.problem}" for one in failed[:3])
        more = f" and {len(failed) - 3:,} more" if len(failed) > 3 else ""
        problem = f"{len(failed):,} of {len(mine):,} files failed ({lines}{more})"
        raise ModelError(args.output, problem, "correct them and run the same again")
    write_manifest(files, outputs, load_scorer(scoring).facts, args.output / MANIFEST)


def deal(files: Sequence[Path], shard: tuple[int, int]) -> list[Path]:
    """Return the files of shard i of n, i from 1.

    >>> [path.name for path in deal([Path("a"), Path("b"), Path("c")], (1, 2))]
    ['a', 'c']
    """
    number, shards = shard
    return list(files[number - 1 :: shards])


def score_file(source: Path, output: Path, scoring: Scoring) -> Outcome:
    """Score a file into a Parquet file, unless that is done.

    Args:
        source: Vectors or sequences.
        output: Where the rows go.
        scoring: How they are made.
    """
    try:
        scorer = load_scorer(scoring)
        facts = {**scorer.facts, "input": source.name, "sha256": hash_file(source)}
        if (done := _read_footer(output)) is not None and done[0] == facts:
            return Outcome(source, done[1], skipped=True)
        rows = _write(source, output, scorer, facts)
    except (ArginatorError, OSError, MemoryError) as error:
        return Outcome(source, None, problem=" ".join(str(error).split()))
    return Outcome(source, rows)


def write_manifest(
    files: Sequence[Path], outputs: Mapping[Path, Path], made_by: Mapping[str, Any], path: Path
) -> None:
    """Write what all outputs hold, unless some are still to come from other shards.

    Args:
        files: The inputs.
        outputs: The output of each.
        made_by: What rows depend on beside their input, without which an output is stale.
        path: The file to write.
    """
    listed = []
    for source in files:
        footer = _read_footer(outputs[source])
        if footer is None or not made_by.items() <= footer[0].items():
            logger.warning("%s: other shards are not done; the last one writes it", path)
            return
        facts, rows = footer
        listed.append(
            {
                "input": source.name,
                "sha256": facts["sha256"],
                "output": outputs[source].name,
                "rows": rows,
                "bundles": facts["bundles"],
            }
        )
    write_json({"files": listed, "rows": sum(one["rows"] for one in listed)}, path)


def _name_outputs(files: Sequence[Path], args: argparse.Namespace) -> dict[Path, Path]:
    """Return the output of each input."""
    if args.output is None:
        raise DataError("--output", "is missing", "name a folder, one output a file goes there")
    if args.output.exists() and not args.output.is_dir():
        raise DataError(args.output, "is a file, expected a folder", "name another")
    if args.format not in ("tsv", "parquet"):
        problem = f"is {args.format}, but many files are written as Parquet"
        raise DataError("--format", problem, "leave it out")
    if any(str(path) == STANDARD_INPUT for path in files):
        raise DataError("input", "standard input cannot be dealt out", "name files or folders")
    names = [path.name for path in files]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError("input", f"several files are called {twice!r}", "rename them")
    outputs = {path: args.output / f"{path.name}{SUFFIX}" for path in files}
    if args.output.resolve() in {path.resolve().parent for path in files}:
        raise DataError(args.output, "is a folder of inputs too", "name another")
    if not args.force:
        refuse_to_replace([*outputs.values(), args.output / MANIFEST], files, _is_foreign)
    return outputs


def _is_foreign(path: Path) -> bool:
    """Tell whether a file is none that such a run wrote; one that is damaged may be."""
    if path.name == MANIFEST:
        return not path.read_bytes().startswith(MANIFEST_BEGINS)
    try:
        return KEY not in (pq.read_metadata(path).metadata or {})
    except (OSError, pa.ArrowException):
        with path.open("rb") as file:
            return file.read(len(PARQUET)) != PARQUET


def _write(source: Path, output: Path, scorer: Scorer, facts: dict[str, Any]) -> int:
    """Write the rows of a file and return how many there are."""
    text = json.dumps(facts, sort_keys=True).encode()
    schema: pa.Schema = scorer.predictor.schema.with_metadata({KEY: text})
    rows = 0
    with (
        replacing(output) as temporary,
        temporary.open("wb") as file,
        closing(ParquetWriter(file, schema)) as writer,
    ):
        for _, batch in scorer.score([source]):
            writer.write(batch.replace_schema_metadata({KEY: text}))
            rows += len(batch)
    return rows


def _read_footer(path: Path) -> tuple[dict[str, Any], int] | None:
    """Return what an output was made of and its rows; None if it is missing or not ours."""
    try:
        footer = pq.read_metadata(path)
        return json.loads((footer.metadata or {})[KEY]), footer.num_rows
    except (OSError, KeyError, ValueError, pa.ArrowException):
        return None


@lru_cache(maxsize=1)
def load_scorer(scoring: Scoring) -> Scorer:
    """Return what scores files, loaded once in a process."""
    return Scorer(scoring)
