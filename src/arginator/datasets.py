"""What a data set's folder says about itself: dataset.yaml."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path, PurePath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, Strict, model_validator
from pydantic_core import PydanticCustomError

from arginator.errors import DataError
from arginator.param_types import NonEmpty, Section
from arginator.prepared import Provenance
from arginator.yaml_files import load_yaml

DESCRIPTION = "dataset.yaml"


def _stay_inside(path: str) -> str:
    """Refuse a path that leads out of the data set's folder (a link in the folder may)."""
    if PurePath(path).is_absolute() or ".." in PurePath(path).parts:
        raise PydanticCustomError("fault", f"leads out of the data set's folder ({path!r})")
    return path


def _require_one(items: tuple[SourceFile, ...]) -> tuple[SourceFile, ...]:
    """Refuse an empty list (pydantic's own check counts faulty items as absent)."""
    if not items:
        raise PydanticCustomError("fault", "is empty, expected at least one file")
    return items


def _compile(pattern: str) -> re.Pattern[str]:
    """Refuse a regular expression that is not valid."""
    try:
        return re.compile(pattern)
    except re.error as error:
        problem = f"has no valid pattern ({error}): {pattern!r}"
        raise PydanticCustomError("fault", problem) from None


def _require_group(pattern: str) -> str:
    """Refuse a regular expression that is not valid or has no group."""
    if _compile(pattern).groups == 0:
        problem = f"has no group in its pattern: {pattern!r}; put what to keep in parentheses"
        raise PydanticCustomError("fault", problem)
    return pattern


InnerPath = Annotated[NonEmpty, AfterValidator(_stay_inside)]
GroupPattern = Annotated[NonEmpty, AfterValidator(_require_group)]


class HeaderRule(Section):
    """A label for the FASTA headers that a pattern finds.

    Attributes:
        pattern: Regular expression, searched for anywhere in the header after its `>`.
        label: What it says about the protein; null leaves the protein out, and reports it.
        category: Finer group of proteins, kept for analyses.
    """

    pattern: NonEmpty
    label: NonEmpty | None
    category: NonEmpty | None = None

    @model_validator(mode="after")
    def _check_pattern(self) -> HeaderRule:
        _compile(self.pattern)
        return self

    @cached_property
    def expression(self) -> re.Pattern[str]:
        """The pattern, ready to search with."""
        return re.compile(self.pattern)


class SourceFile(Section):
    """A file of vectors or sequences, and where its labels stand.

    Attributes:
        path: Path inside the data set's folder.
        label: One label for the whole file.
        labels: Table of labels, tab-separated: id, label and, if wanted, category, fold
            and cluster.
        headers: Rules for FASTA headers; the first that fits counts.
        category: Finer group of proteins, kept for analyses, where nothing else gives one.
        cluster: Regular expression, searched for in the FASTA header (in the id of a vector),
            whose first group names the group that the protein stays with, such as its family,
            where nothing else gives one.
        ids: Text file with one id a line, for npy.
        matrix: What holds the vectors: array (HDF5, npz) or column (Parquet).
        names: What holds their ids.
    """

    path: InnerPath
    label: NonEmpty | None = None
    labels: InnerPath | None = None
    headers: Annotated[tuple[HeaderRule, ...], Strict(strict=False)] | None = None
    category: NonEmpty | None = None
    cluster: GroupPattern | None = None
    ids: InnerPath | None = None
    matrix: NonEmpty | None = None
    names: NonEmpty | None = None

    @model_validator(mode="after")
    def _label_once(self) -> SourceFile:
        given = [key for key in ("label", "labels", "headers") if getattr(self, key) is not None]
        if len(given) > 1:
            raise PydanticCustomError("fault", f"has both {given[0]!r} and {given[1]!r}; keep one")
        if self.cluster is not None and not given:
            problem = "has 'cluster' but none of 'label', 'labels' and 'headers'"
            raise PydanticCustomError("fault", f"{problem}; put it where the labels are")
        return self


class DatasetDescription(Section):
    """A data set: where it came from, what its labels mean and which files hold it.

    Attributes:
        name: Name of the source, its folder's.
        title: What it is, in a few words.
        simulated: True if no living thing ever made these proteins.
        origin: Address or description of where it came from.
        licence: Licence of the data.
        citation: What to cite.
        embedder: Name of what made the vectors; null where there are only sequences.
        labels: Meaning of each label, in the order in which classes are shown.
        on_invalid: "fail" at a record with an invalid sequence or id, or "skip" and report it.
        files: The files, in any order.
    """

    name: NonEmpty
    title: NonEmpty
    simulated: bool
    origin: NonEmpty
    licence: NonEmpty
    citation: NonEmpty
    embedder: NonEmpty | None
    labels: Annotated[dict[NonEmpty, NonEmpty], Field(min_length=2)]
    on_invalid: Literal["fail", "skip"] = "fail"
    files: Annotated[tuple[SourceFile, ...], Strict(strict=False), AfterValidator(_require_one)]

    @model_validator(mode="after")
    def _check_labels(self) -> DatasetDescription:
        for number, file in enumerate(self.files):
            used = [file.label, *(rule.label for rule in file.headers or ())]
            for label in used:
                if label is not None and label not in self.labels:
                    known = ", ".join(self.labels)
                    problem = f"'files.{number}' uses label {label!r}, which is not under 'labels'"
                    raise PydanticCustomError("fault", f"{problem} (there: {known})")
        return self

    def provenance(self, embedder: str) -> Provenance:
        """Return what travels with vectors that `embedder` made."""
        return Provenance(
            self.name,
            self.title,
            self.simulated,
            self.origin,
            self.licence,
            self.citation,
            embedder,
            dict(self.labels),
        )


def load_description(folder: Path) -> DatasetDescription:
    """Read and check the description in a data set's folder.

    Raises:
        DataError: Folder or description is missing, or the description is not valid.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        there = sorted(found.parent.name for found in folder.parent.glob(f"*/{DESCRIPTION}"))
        problem = f"no {DESCRIPTION} in it" if folder.is_dir() else "no such folder"
        raise DataError(
            folder,
            f"{problem} (data sets beside it: {', '.join(there) or 'none'})",
            f"put the files there and describe them in {path}, or choose another data set "
            "(`-S source=demo`)",
        )
    return load_yaml(path, DatasetDescription, DataError)
