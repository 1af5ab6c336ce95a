"""ONNX graphs written node by node: weights, arithmetic and metadata, nothing of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from jaxtyping import Float32, Int8
from onnx import TensorProto, helper, numpy_helper

from arginator.files import replacing

OPSET = 20  # the first with Gelu
IR_VERSION = 9  # the file format that came with it
INPUT, OUTPUT = "vectors", "logit"

VECTOR_STEPS = 127  # 8-bit whole numbers from -127 to 127, stored as 1 to 255
CENTRE = 128
NONNEGATIVE_STEPS = 255
WEIGHT_STEPS = 63  # 7 bits: with 8, processors without VNNI saturate when adding two products
SMALLEST_RANGE = 1e-30  # keeps a row of zeros from dividing by zero


class Graph:
    """A graph under construction, from `vectors` (n, d) to `logit` (n, outputs)."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: np.ndarray | np.generic) -> str:
        """Store an array or a NumPy number under `name` and return the name."""
        self._constants[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def add(self, operator: str, *inputs: str, **attributes: int | float) -> str:
        """Append a node and return the name of its result."""
        result = f"{operator}_{len(self._nodes)}"
        node = helper.make_node(operator, inputs, [result])
        node.attribute.extend(helper.make_attribute(*item) for item in attributes.items())
        self._nodes.append(node)
        return result

    def add_integer_product(
        self,
        vectors: str,
        name: str,
        weight: Float32[np.ndarray, "inputs outputs"],
        *,
        nonnegative: bool,
    ) -> str:
        """Append vectors @ weight in whole numbers, scaled by vector and by column of the weight.

        Each vector has its own scale, so that its result never depends on its neighbours; ONNX's
        DynamicQuantizeLinear takes one for the whole batch, where an outlier coarsens all others.
        Vectors that are never below zero get twice as many steps.
        """
        step = np.abs(weight).max(axis=0) / np.float32(WEIGHT_STEPS)
        step[step == 0] = 1
        whole = self.constant(name, np.rint(weight / step).astype(np.int8))
        feature_axis = self.constant("features", np.array([1]))
        if nonnegative:
            vector_step = self._add_steps(vectors, feature_axis, NONNEGATIVE_STEPS)
            rounded = self.add("QuantizeLinear", vectors, vector_step, axis=0)
            product = self.add("MatMulInteger", rounded, whole)
        else:
            size = self.add("Abs", vectors)
            vector_step = self._add_steps(size, feature_axis, VECTOR_STEPS)
            centre = self.constant("centre", np.uint8(CENTRE))
            centres = self.constant("centres", np.array([CENTRE], dtype=np.uint8))
            all_centres = self.add("Expand", centres, self.add("Shape", vector_step))
            rounded = self.add("QuantizeLinear", vectors, vector_step, all_centres, axis=0)
            product = self.add("MatMulInteger", rounded, whole, centre)
        real = self.add("Cast", product, to=TensorProto.FLOAT)
        real = self.add("Mul", real, self.constant(f"{name}_step", step))
        return self.add("Mul", real, self.add("Unsqueeze", vector_step, feature_axis))

    def _add_steps(self, sizes: str, feature_axis: str, steps: int) -> str:
        """Append the distance between two whole numbers for each vector, from its largest value.

        Args:
            sizes: Absolute values.
            feature_axis: The axis of a vector's numbers.
            steps: Whole numbers up to the largest value.
        """
        smallest = self.constant("smallest_range", np.float32(SMALLEST_RANGE))
        high = self.add("ReduceMax", sizes, feature_axis, keepdims=0)
        number = self.constant(f"steps_{steps}", np.float32(steps))
        return self.add("Div", self.add("Max", high, smallest), number)

    def write(self, path: Path, width: int, outputs: int, metadata: Mapping[str, str]) -> None:
        """Write the graph, whose last node gives the logits; same graph, same bytes."""
        content = self.serialize(width, outputs, metadata)
        with replacing(path) as temporary:
            temporary.write_bytes(content)

    def serialize(self, width: int, outputs: int, metadata: Mapping[str, str]) -> bytes:
        """Return the graph, whose last node gives its output, as an ONNX file's content."""
        self._nodes[-1].output[0] = OUTPUT
        graph = helper.make_graph(
            self._nodes,
            "arginator",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", width])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", outputs])],
            list(self._constants.values()),
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="arginator",
        )
        for key, text in metadata.items():
            model.metadata_props.add(key=key, value=text)
        onnx.checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString(deterministic=True)
        return content


def serialize_integer_product(weight: Int8[np.ndarray, "inputs outputs"]) -> bytes:
    """Return an ONNX file's content that multiplies whole numbers around 128 by `weight`.

    Args:
        weight: At most 7 bits, since processors without VNNI saturate when adding two products.
    """
    inputs, outputs = weight.shape
    constants = {"weight": weight, "centre": np.array(CENTRE, dtype=np.uint8)}
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", [INPUT, "weight", "centre"], ["product"])],
        "product",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["n", inputs])],
        [helper.make_tensor_value_info("product", TensorProto.INT32, ["n", outputs])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    content: bytes = model.SerializeToString()
    return content
