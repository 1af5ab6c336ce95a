"""Choices: the smallest file that surely loses little, and why."""

import pytest

from arginator.candidates import Candidate
from arginator.choices import choose_candidate

CANDIDATES = {
    name: Candidate(
        name=name, method="training", hidden=(8,), parameters=size, nonzero=9, multiply_adds=size
    )
    for name, size in (("network", 49), ("small", 25), ("tiny", 9))
}
BYTES = {"network": 1400, "small": 700, "tiny": 300}


def report(low, value, high, agreement=1.0):
    loss = {"value": value, "low": low, "high": high}
    return {"expected_mcc_loss": loss, "agreement": agreement}


VALIDATION = {
    "network": report(0.0, 0.0, 0.0),
    "small": report(-0.001, 0.002, 0.01, 0.998),
    "tiny": report(-0.03, -0.01, 0.02, 0.97),
}


@pytest.mark.parametrize(
    ("drop", "chosen", "refused"),
    [
        (0.0, "network", {"small": 0.01, "tiny": 0.02}),
        (0.0099, "network", {"small": 0.01, "tiny": 0.02}),
        (0.01, "small", {"tiny": 0.02}),
        (0.02, "tiny", {}),
    ],
)
def test_a_smaller_file_ships_only_if_it_surely_loses_little(drop, chosen, refused):
    limit = f"ends at or below {drop:g}"
    reasons = {
        "network": f"no smaller file's loss of expected MCC on validation {limit}",
        "small": "smallest file (700 bytes) whose loss of expected MCC on validation, "
        f"0.0020 [-0.0010, 0.0100], {limit}",
        "tiny": "smallest file (300 bytes) whose loss of expected MCC on validation, "
        f"-0.0100 [-0.0300, 0.0200], {limit}",
    }
    assert choose_candidate(CANDIDATES, BYTES, VALIDATION, drop) == {
        "model": chosen,
        "reason": reasons[chosen],
        "bytes": {"network": 1400, "shipped": BYTES[chosen]},
        "parameters": {"network": 49, "shipped": CANDIDATES[chosen].parameters},
        "multiply_adds": {"network": 49, "shipped": CANDIDATES[chosen].multiply_adds},
        "agreement": VALIDATION[chosen]["agreement"],
        "refused": refused,
    }


def test_of_files_of_one_size_the_first_ships():
    same = dict.fromkeys(BYTES, 1400)
    assert choose_candidate(CANDIDATES, same, VALIDATION, 1.0)["model"] == "network"
