"""Choices: which of the networks' files ships."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from arginator.answers import Probabilities
from arginator.classifiers import OnnxClassifier
from arginator.reports import NETWORK, rounded


def choose_model(
    networks: Mapping[str, OnnxClassifier],
    report: Mapping[str, Any],
    probability: Probabilities,
    max_mcc_drop: float,
) -> dict[str, Any]:
    """Choose the smallest file whose MCC is at most `max_mcc_drop` below that of "network".

    Of files of one size the first in `networks` is taken.

    Args:
        networks: Files to choose from, "network" among them.
        report: Report of each on the validation fold.
        probability: What each says about the validation fold, calibrated.
        max_mcc_drop: 0 to 1.
    """
    drop = {name: rounded(report[NETWORK]["mcc"] - report[name]["mcc"]) for name in networks}
    good = [name for name in networks if drop[name] <= max_mcc_drop]
    chosen = min(good, key=lambda name: networks[name].size_bytes)
    label = {name: probability[name].argmax(axis=1) for name in networks}
    agreement = {name: float(np.mean(label[name] == label[NETWORK])) for name in networks}
    return {
        "model": chosen,
        "reason": _reason(chosen, networks[chosen].size_bytes, report, max_mcc_drop),
        "bytes": {name: network.size_bytes for name, network in networks.items()},
        "parameters": {name: network.parameters for name, network in networks.items()},
        "agreement_with_network": {name: rounded(share) for name, share in agreement.items()},
    }


def _reason(chosen: str, size: int, report: Mapping[str, Any], max_mcc_drop: float) -> str:
    """Say why a model was chosen."""
    mcc, reference = report[chosen]["mcc"], report[NETWORK]["mcc"]
    if chosen == NETWORK:
        return (
            f"no smaller file is within {max_mcc_drop:g} of the network's MCC on validation "
            f"({reference:.4f})"
        )
    return (
        f"smallest file ({size:,} bytes) within {max_mcc_drop:g} of the network's MCC on "
        f"validation ({mcc:.4f} against {reference:.4f})"
    )
