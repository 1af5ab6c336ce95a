"""The command `arginator embed`: from sequences to a file of vectors in UniProt's layout."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from arginator import __version__
from arginator.command_outputs import refuse_to_replace, settle_output
from arginator.embedded_files import read_fact, write_embedded
from arginator.embedders import Embedded, Embedder, open_embedder
from arginator.errors import ArginatorError, DataError, ModelError
from arginator.files import hash_file, replacing, write_text
from arginator.kept_rows import KeptRows, keep_rows
from arginator.prediction_inputs import list_inputs
from arginator.query_sequences import FastaOptions, QuerySequence, read_sequences
from arginator.shards import deal
from arginator.vector_files import vector_format

HDF5 = b"\x89HDF"
SUFFIX, FAILED_SUFFIX = ".h5", ".failed.tsv"
SOURCE = "sequences_sha256"  # attribute that says of which file the vectors are


def embed(args: argparse.Namespace) -> None:
    """Write a vector for every sequence, and a list of those that have none.

    With `--shard` each file of a folder has an output of its own, in a folder.

    Raises:
        DataError: The sequences or the output cannot be used.
        ModelError: The embedder cannot be loaded, or a sequence has no vector.
    """
    fasta = FastaOptions(args.on_invalid, args.max_length, args.force_protein)
    if args.shard:
        _embed_folder(args, fasta)
        return
    output = settle_output(args.output, [args.input], force=args.force)
    embedder = open_embedder(args.model, args.revision, args.device)
    _embed_file(args.input, output, embedder, fasta)


def _embed_folder(args: argparse.Namespace, fasta: FastaOptions) -> None:
    """Embed the files of a shard that are not done; go on when one fails.

    Raises:
        ModelError: Some failed.
    """
    files = [path for path in list_inputs([args.input]) if _is_fasta(path)]
    outputs = {path: args.output / f"{path.name}{SUFFIX}" for path in files}
    if not args.force:
        refuse_to_replace(outputs.values(), files, _is_foreign)
    embedder = open_embedder(args.model, args.revision, args.device)
    args.output.mkdir(parents=True, exist_ok=True)
    failed, files = [], deal(files, args.shard)
    for source in files:
        try:
            if not _is_done(outputs[source], _describe(source, embedder, fasta)):
                _embed_file(source, outputs[source], embedder, fasta)
        except (ArginatorError, OSError, MemoryError) as error:
            failed.append(str(error))
    if failed:
        problem = f"{len(failed):,} of {len(files):,} files failed (first: {failed[0]})"
        raise ModelError(args.output, problem, "correct them and run the same again")


def _is_fasta(path: Path) -> bool:
    """Tell whether a file holds sequences; an empty one will be told of."""
    return path.stat().st_size == 0 or vector_format(path) is None


def _is_foreign(path: Path) -> bool:
    """Tell whether a file is none that this command wrote; one that is damaged may be."""
    try:
        return read_fact(path, SOURCE) is None
    except DataError:
        with path.open("rb") as file:
            return file.read(len(HDF5)) != HDF5


def _is_done(output: Path, facts: Mapping[str, str]) -> bool:
    """Tell whether an output has the vectors of all sequences, made in this way."""
    if not output.exists() or _failed_path(output).exists():
        return False
    try:
        return all((read_fact(output, name) or "") == fact for name, fact in facts.items())
    except DataError:
        return False


def _describe(source: Path, embedder: Embedder, fasta: FastaOptions) -> dict[str, str]:
    """Return what the vectors of a file depend on."""
    options = json.dumps(astuple(fasta))
    return {**embedder.facts, SOURCE: hash_file(source), "fasta_options": options}


def _embed_file(source: Path, output: Path, embedder: Embedder, fasta: FastaOptions) -> None:
    """Embed the sequences of a file."""
    records = list(read_sequences(source, fasta))
    _check_names(source, records)
    facts = {**_describe(source, embedder, fasta), "created_by": f"arginator {__version__}"}
    fields = [("id", pa.string()), ("vector", pa.list_(pa.float16(), embedder.width))]
    with keep_rows(output, facts, pa.schema(fields)) as kept:
        failed = _embed(records, embedder, kept)
        with replacing(output) as temporary:
            write_embedded(kept.read(), facts, temporary)
    _list_failed(failed, output)


def _check_names(path: Path, records: Sequence[QuerySequence]) -> None:
    """Refuse ids that HDF5 takes for a path."""
    bad = [record.id for record in records if "/" in record.id or record.id == "."]
    if bad:
        problem = f"{len(bad):,} of {len(records):,} ids cannot name a data set in HDF5, where '/' "
        raise DataError(path, f"{problem}parts groups (first: {bad[0]!r})", "rename them")


def _embed(
    records: Sequence[QuerySequence], embedder: Embedder, kept: KeptRows
) -> list[tuple[QuerySequence, str]]:
    """Add the vectors that are not kept yet; return what has none, and why."""
    done = {name for batch in kept.replay() for name in batch.column("id").to_pylist()}
    left = [record for record in records if not record.fault and record.id not in done]
    failed = [(record, record.fault) for record in records if record.fault]
    with tqdm(
        total=len(records),
        initial=len(records) - len(left),
        unit=" proteins",
        disable=None,
        leave=False,
    ) as bar:
        for found in embedder.embed([record.residues for record in left]):
            if found.index:
                kept.add(_rows([left[index].id for index in found.index], found))
            failed += [(left[failure.index], failure.reason) for failure in found.failures]
            bar.update(len(found.index) + len(found.failures))
    return failed


def _rows(ids: Sequence[str], found: Embedded) -> pa.RecordBatch:
    """Return ids and vectors as they are kept."""
    numbers = pa.array(found.matrix.astype(np.float16).ravel())
    vectors = pa.FixedSizeListArray.from_arrays(numbers, found.matrix.shape[1])
    return pa.RecordBatch.from_arrays([pa.array(ids), vectors], names=["id", "vector"])


def _failed_path(output: Path) -> Path:
    """Return where the sequences without a vector are listed."""
    return output.with_name(output.name + FAILED_SUFFIX)


def _list_failed(failed: Iterable[tuple[QuerySequence, str]], output: Path) -> None:
    """Write which sequences have no vector and why, or remove an older list.

    Raises:
        ModelError: There are some.
    """
    path = _failed_path(output)
    lines = [f"{record.id}\t{len(record.residues)}\t{reason}\n" for record, reason in failed]
    if not lines:
        path.unlink(missing_ok=True)
        return
    write_text("".join(["id\tlength_aa\treason\n", *lines]), path)
    first, length_aa, reason = lines[0].rstrip("\n").split("\t")
    problem = f"lacks {len(lines):,} proteins (first: {first!r} of {length_aa} residues: {reason})"
    raise ModelError(output, problem, f"see {path}")
