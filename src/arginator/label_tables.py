"""What a data set says about each protein: label and, if known, category, fold and cluster."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from arginator.datasets import DatasetDescription, SourceFile
from arginator.errors import DataError
from arginator.folds import FOLDS

COLUMNS = ("id", "label", "category", "fold", "cluster")


@dataclass(frozen=True)
class Assignment:
    """What is said about a protein.

    Attributes:
        label: Its label; None leaves the protein out.
        category: Finer group of proteins, kept for analyses.
        fold: Fold fixed by the data set.
        cluster: Group that the data set keeps together, such as a family.
    """

    label: str | None
    category: str | None = None
    fold: str | None = None
    cluster: str | None = None


class Labeller:
    """Knows what a data set says about each protein."""

    def __init__(self, folder: Path, description: DatasetDescription) -> None:
        self._folder, self._labels = folder, tuple(description.labels)
        self._tables: dict[str, dict[str, Assignment]] = {}

    def assign(self, file: SourceFile, name: str, header: str) -> Assignment | None:
        """Return what is said about protein `name`, or None."""
        found = Assignment(file.label) if file.label is not None else None
        if file.labels is not None:
            found = self._table(file.labels).get(name)
        for rule in file.headers or ():
            if rule.expression.search(header):
                found = Assignment(rule.label, rule.category)
                break
        if found is None:
            return None
        cluster = found.cluster or _search_cluster(file, header)
        return replace(found, category=found.category or file.category, cluster=cluster)

    def check_all_used(self, ids: Set[str]) -> None:
        """Refuse a table of labels with an id that is not in `ids`.

        Raises:
            DataError: There is such an id.
        """
        for path, table in self._tables.items():
            if unknown := [name for name in table if name not in ids]:
                raise DataError(
                    self._folder / path,
                    f"{len(unknown):,} of {len(table):,} ids have no protein "
                    f"(first: {unknown[0]!r})",
                    "add the protein's file or remove the line",
                )

    def _table(self, path: str) -> dict[str, Assignment]:
        if path not in self._tables:
            self._tables[path] = read_labels(self._folder / path, self._labels)
        return self._tables[path]


def _search_cluster(file: SourceFile, header: str) -> str | None:
    """Return what a file's pattern for clusters finds in a header; None if that is nothing."""
    match = re.search(file.cluster, header) if file.cluster else None
    return match[1] or None if match else None


def read_labels(path: Path, labels: Sequence[str]) -> dict[str, Assignment]:
    """Return what a table says about each id.

    Args:
        path: Tab-separated UTF-8 with a line of column names: id and label, in any order, and if
            wanted category, fold and cluster. A cell with a tab stands in double quotes.
        labels: The labels that may occur.

    Raises:
        DataError: The table is missing or damaged, an id stands twice, or a cell is not allowed.
    """
    assignments: dict[str, Assignment] = {}
    line_of: dict[str, int] = {}
    for line, row in read_rows(path):
        name, label, fold = row["id"], row["label"], row.get("fold") or None
        where = f"{path}:{line} (id {name!r})"
        if name in line_of:
            raise DataError(where, f"stands in line {line_of[name]:,} too", "keep one of the lines")
        if label not in labels:
            problem = f"label {label!r} is not under 'labels' (there: {', '.join(labels)})"
            raise DataError(where, problem, "correct it here or add it in dataset.yaml")
        if fold not in (None, *FOLDS):
            raise DataError(where, f"fold {fold!r}, expected one of {', '.join(FOLDS)}", "")
        line_of[name] = line
        rest = (row.get("category") or None, fold, row.get("cluster") or None)
        assignments[name] = Assignment(label, *rest)
    return assignments


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and cells by column of each line after the first.

    Raises:
        DataError: The table is missing or damaged, or has other columns.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, delimiter="\t", strict=True)
            columns = next(lines, [])
            _check_columns(columns, path)
            for cells in filter(None, lines):
                if len(cells) != len(columns):
                    raise DataError(
                        f"{path}:{lines.line_num}",
                        f"has {len(cells)} cells, expected {len(columns)}",
                        "part them by single tabs",
                    )
                yield lines.line_num, dict(zip(columns, cells, strict=True))
    except FileNotFoundError:
        raise DataError(path, "no such file", "fetch it or correct 'labels'") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            path, f"not readable as a table ({error})", "save it as tab-separated UTF-8"
        ) from None


def _check_columns(columns: list[str], path: Path) -> None:
    """Refuse a table without the columns that are needed, or with others."""
    fine = {"id", "label"} <= set(columns) <= set(COLUMNS) and len(set(columns)) == len(columns)
    if not fine:
        raise DataError(
            f"{path}:1",
            f"has the columns {', '.join(columns) or 'none'}; expected id and label, "
            "and if wanted category, fold and cluster",
            "correct the first line; tabs part the columns",
        )
