"""Classifiers: what an ONNX file may be, and what it answers."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from arginator.classifiers import OnnxClassifier
from arginator.errors import DataError, ModelError
from arginator.ffnn import FeedForward, Shape
from arginator.onnx_export import export_onnx
from arginator.tasks import Signature, class_probability

WIDTH = 8
BINARY = Signature("binary", "binary", ("no", "yes"), "yes", WIDTH, "kmer", "toy", True)
FOUR = Signature("four", "multiclass", ("A", "B", "C", "D"), None, WIDTH, "prott5", "toy", False)
REMEDY = "run `dvc repro compress`"


def write_model(path, signature=BINARY):
    torch.manual_seed(1)
    outputs = 1 if signature.kind == "binary" else len(signature.classes)
    network = FeedForward(Shape(WIDTH, (6,), outputs, 0.0, "relu", "none")).eval()
    export_onnx(network, signature, path)
    return network


def make_vectors(n):
    return np.random.default_rng(n).normal(size=(n, WIDTH)).astype(np.float32)


def edit(path, change):
    """Apply `change` to a stored model."""
    model = onnx.load(path)
    change(model)
    path.write_bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "model.onnx"
    write_model(path)
    return path


@pytest.mark.parametrize("signature", [BINARY, FOUR], ids=lambda value: value.task)
def test_a_model_knows_its_signature_and_answers_one_probability_a_class(tmp_path, signature):
    network = write_model(tmp_path / "model.onnx", signature)
    classifier = OnnxClassifier(tmp_path / "model.onnx")
    vectors = make_vectors(30)
    with torch.no_grad():
        expected = class_probability(network(torch.from_numpy(vectors)).numpy())
    found = classifier.predict_probability(vectors)
    assert classifier.signature == signature
    assert classifier.parameters == sum(value.numel() for value in network.parameters())
    assert classifier.size_bytes == (tmp_path / "model.onnx").stat().st_size
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_every_kind_of_float_gets_the_same_labels(model_path, dtype):
    classifier, vectors = OnnxClassifier(model_path), make_vectors(200).astype(np.float16)
    expected = classifier.predict_probability(vectors.astype(np.float32))
    found = classifier.predict_probability(np.asfortranarray(vectors.astype(dtype)))
    assert (found == expected).all()


@given(st.integers(0, 3000), st.integers(1, 4))
@settings(max_examples=15, deadline=None)
def test_an_answer_never_depends_on_batch_or_threads(model_path, n, threads):
    vectors = make_vectors(n)
    found = OnnxClassifier(model_path, threads).predict_probability(vectors)
    one_by_one = OnnxClassifier(model_path, 1)
    rows = [row for row in (0, 1, 1022, 1023, 1024, 2047, 2048, n - 1) if 0 <= row < n]
    expected = [one_by_one.predict_probability(vectors[row : row + 1])[0] for row in rows]
    assert found.shape == (n, 2)
    np.testing.assert_allclose(found[rows], np.reshape(expected, (-1, 2)), atol=1e-6)


def test_vectors_of_another_width_are_refused_naming_both(model_path):
    with pytest.raises(DataError) as error:
        OnnxClassifier(model_path).predict_probability(np.zeros((2, 1280), np.float32))
    assert str(error.value) == (
        "vectors: width 1,280, expected 8 as made by 'kmer'; embed the proteins with that"
    )


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_vector_without_a_finite_answer_is_refused_naming_its_row(model_path, wrong):
    vectors = make_vectors(2000)
    vectors[1500] = wrong
    with pytest.raises(DataError) as error:
        OnnxClassifier(model_path).predict_probability(vectors)
    assert str(error.value) == (
        "vectors: row 1,500 (from 0) holds or leads to a number that is not finite; "
        "remove it or embed that protein again"
    )


def test_a_vector_that_overflows_on_its_way_is_refused_naming_its_row(tmp_path):
    network = FeedForward(Shape(WIDTH, (), 1, 0.0, "relu", "none"))
    torch.nn.init.ones_(network.output.weight)
    export_onnx(network, BINARY, tmp_path / "model.onnx")
    vectors = np.array([[1.0], [3e38]], dtype=np.float32).repeat(WIDTH, axis=1)
    with pytest.raises(DataError, match=r"^vectors: row 1 \(from 0\) holds or leads to a number"):
        OnnxClassifier(tmp_path / "model.onnx").predict_probability(vectors)


def refusal(path):
    """Return the message with which a model file is refused."""
    with pytest.raises(ModelError) as error:
        OnnxClassifier(path)
    return str(error.value).removeprefix(f"{path}: ")


def test_a_missing_model_is_refused(tmp_path):
    assert refusal(tmp_path / "model.onnx") == f"no such file; {REMEDY}"
    assert refusal(tmp_path).endswith(f"Is a directory; {REMEDY}")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04K\x01.", None], ids=repr)
def test_a_damaged_model_is_refused_without_a_word_on_stderr(tmp_path, model_path, content, capfd):
    path = tmp_path / "model.onnx"
    path.write_bytes(model_path.read_bytes()[:-400] if content is None else content)
    assert refusal(path) == f"damaged, or no ONNX model in one file; {REMEDY}"
    assert capfd.readouterr() == ("", "")


def test_a_model_never_takes_weights_from_outside_its_file(tmp_path, monkeypatch, capfd):
    path = tmp_path / "model.onnx"
    write_model(path)
    (tmp_path / "weights.bin").write_bytes(bytes(4096))
    monkeypatch.chdir(tmp_path)

    def point_outside(model):
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="weights.bin")

    edit(path, point_outside)
    assert refusal(path) == f"damaged, or no ONNX model in one file; {REMEDY}"
    assert capfd.readouterr() == ("", "")


def test_a_model_without_a_signature_is_refused(tmp_path):
    write_model(tmp_path / "model.onnx")
    edit(tmp_path / "model.onnx", lambda model: model.metadata_props.pop(0))
    assert refusal(tmp_path / "model.onnx") == "carries no readable signature; train it again"


def test_a_model_without_a_number_of_parameters_is_refused(tmp_path):
    write_model(tmp_path / "model.onnx")
    edit(tmp_path / "model.onnx", lambda model: model.metadata_props.pop(1))
    assert refusal(tmp_path / "model.onnx") == f"carries no number of parameters; {REMEDY}"


def test_a_graph_that_is_not_what_its_signature_says_is_refused(tmp_path):
    path = tmp_path / "model.onnx"
    write_model(path)

    def claim_another_width(model):
        text = model.metadata_props[0].value
        model.metadata_props[0].value = text.replace('"width": 8', '"width": 1024')

    edit(path, claim_another_width)
    assert refusal(path) == (
        "its graph goes from and to [('tensor(float)', 8), ('tensor(float)', 1)], its signature "
        f"says [('tensor(float)', 1024), ('tensor(float)', 1)]; {REMEDY}"
    )


def test_a_graph_with_two_inputs_is_refused(tmp_path):
    path = tmp_path / "model.onnx"
    write_model(path)

    def ask_for_more(model):
        more = helper.make_tensor_value_info("more", TensorProto.FLOAT, ["n", 1])
        model.graph.input.append(more)

    edit(path, ask_for_more)
    assert refusal(path).startswith("its graph goes from and to [('tensor(float)', 8), (")


def test_scoring_loads_neither_torch_nor_onnx(model_path):
    code = (
        "import sys, pathlib, numpy as np\n"
        "from arginator.classifiers import OnnxClassifier\n"
        f"OnnxClassifier(pathlib.Path({str(model_path)!r})).predict_probability(np.ones((2, 8)))\n"
        "print(sorted({'torch', 'onnx', 'sklearn', 'matplotlib', 'dvc'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
