"""Tasks: classes come from the data set, and travel in the model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, softmax

from arginator.errors import ModelError, ParamsError
from arginator.params import BinaryTask, MulticlassTask
from arginator.prepared import Provenance
from arginator.tasks import Signature, class_probability, define_task, sign

TOXINS = Provenance(
    "toxins", "toxins", False, "", "", "", "prott5", {"Short": "", "Long": "", "Ly-6": ""}
)
LY6 = BinaryTask(kind="binary", positive=("Ly-6",), positive_name="Ly-6", negative_name="toxin")


def test_a_multiclass_task_takes_its_classes_from_the_data_set_in_its_order() -> None:
    task = define_task("multiclass", MulticlassTask(kind="multiclass"), TOXINS)
    assert task.classes == ("Short", "Long", "Ly-6")
    assert task.outputs == 3
    assert task.encode(["Ly-6", "Short"]).tolist() == [2, 0]


def test_the_positive_class_of_a_binary_task_is_the_one_that_params_name() -> None:
    task = define_task("ly6", LY6, TOXINS)
    assert (task.classes, task.outputs) == (("toxin", "Ly-6"), 1)
    assert task.encode(["Ly-6", "Short", "Long"]).tolist() == [1, 0, 0]
    assert sign(task, 1024, TOXINS).positive == "Ly-6"


def test_a_positive_label_that_the_data_set_lacks_is_named() -> None:
    params = LY6.model_copy(update={"positive": ("A", "B", "Ly-6")})
    with pytest.raises(ParamsError) as caught:
        define_task("binary", params, TOXINS)
    assert str(caught.value) == (
        "params.yaml: tasks.binary.positive: labels not in data set 'toxins': 'A', 'B'; "
        "it has Short, Long, Ly-6; name labels that it has"
    )


def test_a_task_without_negatives_is_refused() -> None:
    params = LY6.model_copy(update={"positive": ("Short", "Long", "Ly-6")})
    with pytest.raises(ParamsError, match="covers every label of 'toxins'; leave a negative one"):
        define_task("binary", params, TOXINS)


def test_a_signature_survives_being_stored() -> None:
    task = define_task("ly6", LY6, TOXINS)
    signature = sign(task, 1024, TOXINS)
    assert Signature.from_json(signature.to_json(), "model") == signature


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"classes": 1}'])
def test_a_damaged_signature_is_a_model_error(text: str) -> None:
    with pytest.raises(ModelError, match="model: carries no readable signature; train it again"):
        Signature.from_json(text, "model")


FINITE = st.floats(-500, 500)


@given(arrays(np.float64, (4, 3), elements=FINITE))
def test_several_outputs_become_a_softmax(logit: np.ndarray) -> None:
    np.testing.assert_allclose(class_probability(logit), softmax(logit, axis=1), atol=1e-12)


@given(arrays(np.float64, (4, 1), elements=FINITE))
def test_one_output_becomes_a_sigmoid_of_the_positive_class(logit: np.ndarray) -> None:
    probability = class_probability(logit)
    np.testing.assert_allclose(probability[:, 1], expit(logit[:, 0]), atol=1e-12)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
