"""Choices: which of the candidates ships, decided on the validation fold alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arginator.candidates import Candidate
from arginator.reports import NETWORK, SHIPPED

LOSS = "expected_mcc_loss"


def choose_candidate(
    candidates: Mapping[str, Candidate],
    size_bytes: Mapping[str, int],
    validation: Mapping[str, Mapping[str, Any]],
    max_mcc_drop: float,
) -> dict[str, Any]:
    """Choose the smallest file that keeps within a stated loss of the network's expected MCC.

    A candidate is refused if the upper end of its loss's interval is above `max_mcc_drop`; the
    network itself loses nothing. Of files of one size the first in `candidates` is taken.

    The MCC itself would not do: where few proteins judge, it jumps with a single call, and two
    models that happen to call all of them alike get an interval of no width, however different
    their probabilities are.

    Args:
        candidates: What may ship, "network" among them.
        size_bytes: Size of each file.
        validation: What `arginator.compression_reports` says of each on the validation fold.
        max_mcc_drop: 0 to 1.

    Returns:
        `model`, the name of the candidate; `reason`; its own and the network's `bytes`,
        `parameters` and `multiply_adds`; `agreement` of both on validation; and `refused`, by
        name, with the upper end of the loss.
    """
    loss = {name: validation[name][LOSS]["high"] for name in candidates}
    good = [name for name in candidates if loss[name] <= max_mcc_drop]
    chosen = min(good, key=lambda name: size_bytes[name])
    both = {NETWORK: candidates[NETWORK], SHIPPED: candidates[chosen]}
    return {
        "model": chosen,
        "reason": _reason(chosen, size_bytes[chosen], validation[chosen], max_mcc_drop),
        "bytes": {NETWORK: size_bytes[NETWORK], SHIPPED: size_bytes[chosen]},
        "parameters": {name: candidate.parameters for name, candidate in both.items()},
        "multiply_adds": {name: candidate.multiply_adds for name, candidate in both.items()},
        "agreement": validation[chosen]["agreement"],
        "refused": {name: loss[name] for name in candidates if name not in good},
    }


def _reason(chosen: str, size: int, report: Mapping[str, Any], max_mcc_drop: float) -> str:
    """Say why a candidate was chosen."""
    if chosen == NETWORK:
        return f"no smaller file's loss of expected MCC on validation {_ends(max_mcc_drop)}"
    loss = report[LOSS]
    return (
        f"smallest file ({size:,} bytes) whose loss of expected MCC on validation, "
        f"{loss['value']:.4f} [{loss['low']:.4f}, {loss['high']:.4f}], {_ends(max_mcc_drop)}"
    )


def _ends(limit: float) -> str:
    """Say what the interval of a loss has to do."""
    return f"ends at or below {limit:g}"
