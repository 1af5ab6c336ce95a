"""Choices: the smallest file that is good enough, and why."""

import numpy as np
import pytest
import torch

from arginator.choices import choose_model
from arginator.classifiers import OnnxClassifier
from arginator.compression import export_onnx
from arginator.ffnn import FeedForward, Shape
from arginator.tasks import Signature

SIGNATURE = Signature("binary", "binary", ("other", "hit"), "hit", 4, "kmer", "toy", True)


@pytest.fixture
def networks(tmp_path):
    """Give a network and a smaller one, loaded."""
    torch.manual_seed(0)
    for name, width in (("network", 8), ("pruned", 4)):
        shape = Shape(4, (width,), 1, 0.0, "relu", "none")
        export_onnx(FeedForward(shape).eval(), SIGNATURE, tmp_path / f"{name}.onnx")
    return {name: OnnxClassifier(tmp_path / f"{name}.onnx") for name in ("network", "pruned")}


@pytest.mark.parametrize(
    ("drop", "chosen"), [(0.0, "network"), (0.0099, "network"), (0.01, "pruned"), (1.0, "pruned")]
)
def test_a_smaller_model_ships_only_within_the_drop_allowed(networks, drop, chosen):
    report = {"network": {"mcc": 0.91}, "pruned": {"mcc": 0.90}}
    sure = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    other = np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3]])
    choice = choose_model(networks, report, {"network": sure, "pruned": other}, drop)
    size = {name: network.size_bytes for name, network in networks.items()}
    assert choice == {
        "model": chosen,
        "reason": choice["reason"],
        "bytes": size,
        "parameters": {"network": 49, "pruned": 25},
        "agreement_with_network": {"network": 1.0, "pruned": 0.6667},
    }
    reasons = {
        "network": (
            f"no smaller file is within {drop:g} of the network's MCC on validation (0.9100)"
        ),
        "pruned": (
            f"smallest file ({size['pruned']:,} bytes) within {drop:g} of the network's MCC on "
            "validation (0.9000 against 0.9100)"
        ),
    }
    assert choice["reason"] == reasons[chosen]
