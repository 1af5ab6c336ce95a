"""Runs in biotrainer's own environment: train by a config file and print what came of it as JSON.

    python biotrainer_runner.py CONFIG

Uses nothing but biotrainer and the standard library.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from biotrainer.output_files import BiotrainerOutputObserver, OutputData
from biotrainer.utilities.executer import parse_config_file_and_execute_run

MCC = "matthews-corr-coeff"
HOLD_OUT = "hold_out"  # biotrainer's name of a split by given sets


def core_seconds() -> float:
    """Return the processor time of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Watch(BiotrainerOutputObserver):  # type: ignore[misc]
    """Notes wall and processor time of training, and each epoch as it ends.

    biotrainer judges validation before it trains, so that what an epoch reports is the score of
    the epoch before.

    Attributes:
        begun: Wall and processor time when training began.
        ended: Both when its last epoch was over.
        epochs: Seconds since it began at the end of each epoch, and MCC at its beginning.
    """

    def __init__(self) -> None:
        self.begun = self.ended = (0.0, 0.0)
        self.epochs: list[tuple[float, float]] = []

    def update(self, data: OutputData) -> None:
        """Take note of an event: the values of a split come just before it is trained."""
        now = time.perf_counter(), core_seconds()
        if data.training_iteration is not None:
            self.ended = now
            metrics = data.training_iteration[1].validation
            self.epochs.append((now[0] - self.begun[0], float(metrics[MCC])))
        elif data.split_specific_values is not None and not self.epochs:
            self.begun = now

    def close(self) -> None:
        """Do nothing at the end."""


def main() -> None:
    """Train and print seconds, core-seconds, epochs and the answers to both held-out sets."""
    answer = os.dup(1)
    os.dup2(2, 1)  # whatever biotrainer prints goes to the standard error
    watch = Watch()
    result: dict[str, Any] = parse_config_file_and_execute_run(
        Path(sys.argv[1]), custom_output_observers=[watch]
    )
    report = {
        "seconds": watch.ended[0] - watch.begun[0],
        "core_seconds": watch.ended[1] - watch.begun[1],
        "epochs": watch.epochs,
        "answers": {
            name: test["test_set_predictions"] for name, test in result["test_results"].items()
        },
    }
    with os.fdopen(answer, "w") as stdout:
        json.dump(report, stdout)


if __name__ == "__main__":
    main()
