"""Calls counted by file as custom content of MultiQC, which draws them beside other tools' reports.

MultiQC finds the file if its name ends in `_mqc.json`:
https://docs.seqera.io/multiqc/custom_content.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import PurePath
from typing import IO

import pyarrow as pa

NOT_SCORED = "not scored"


class MultiqcWriter:
    """A JSON object for a bar graph: proteins by call, a bar a file.

    A bar has the file's name, or its path if several files have that name. Calls stand in the
    order in which they first came, all of them in every bar.

    Args:
        file: Where to write.
        version: Ids of the bundles.
    """

    def __init__(self, file: IO[bytes], version: str) -> None:
        self._file, self._version = file, version
        self._counts: dict[str, Counter[str]] = {}

    def write(self, batch: pa.RecordBatch) -> None:
        """Count the rows; the batch has a column `file`."""
        calls = batch.column("call").fill_null(NOT_SCORED).to_pylist()
        for path, call in zip(batch.column("file").to_pylist(), calls, strict=True):
            self._counts.setdefault(path, Counter())[call] += 1

    def close(self) -> None:
        """Write the object."""
        names = Counter(PurePath(path).name for path in self._counts)
        calls = dict.fromkeys(call for counts in self._counts.values() for call in counts)
        report = {
            "id": "arginator_calls",
            "section_name": "arginator",
            "description": f"Proteins by call of the models {self._version}.",
            "plot_type": "bargraph",
            "pconfig": {
                "id": "arginator_calls_plot",
                "title": "arginator: Proteins by call",
                "ylab": "Proteins",
            },
            "data": {
                PurePath(path).name if names[PurePath(path).name] == 1 else path: {
                    call: counts[call] for call in calls
                }
                for path, counts in self._counts.items()
            },
        }
        self._file.write(json.dumps(report, indent=1, ensure_ascii=False).encode() + b"\n")
