"""Quantization: ONNX models with 8-bit weights and products of whole numbers."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
from jaxtyping import Float
from onnx import numpy_helper
from onnx.helper import get_attribute_value
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from arginator.classifiers import OnnxClassifier
from arginator.files import replacing
from arginator.onnx_graphs import INPUT, Graph

SAMPLE_ROWS = 8192  # vectors that show in which range activations lie
BATCH_ROWS = 512


def quantize_by_vector(source: Path, target: Path) -> None:
    """Write what `export_onnx` wrote again, with 8-bit weights and products of whole numbers.

    Weights are scaled by neuron, vectors one by one: no answer depends on what else is asked in
    the same call. The last layer, a few columns wide, stays as it is: in 8 bits it would take
    longer, not less. The signature stays. The same model always gives the same bytes.

    Raises:
        ModelError: `source` is missing or damaged.
    """
    signature = OnnxClassifier(source).signature
    model = onnx.load_model_from_string(source.read_bytes())
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    graph = Graph()
    result_of: dict[str, str] = {}
    *_, last = (node.output[0] for node in model.graph.node if node.op_type == "MatMul")
    rectified = {node.output[0] for node in model.graph.node if node.op_type == "Relu"}
    for node in model.graph.node:
        inputs = [result_of.get(name, name) for name in node.input]
        if node.op_type == "MatMul" and node.output[0] != last:
            result = graph.add_integer_product(
                inputs[0], inputs[1], arrays[inputs[1]], nonnegative=node.input[0] in rectified
            )
        else:
            for name in inputs:
                if name in arrays:
                    graph.constant(name, arrays[name])
            attributes = {item.name: get_attribute_value(item) for item in node.attribute}
            result = graph.add(node.op_type, *inputs, **attributes)
        result_of[node.output[0]] = result
    metadata = {item.key: item.value for item in model.metadata_props}
    outputs = model.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    graph.write(target, signature.width, outputs, metadata)


def quantize_by_range(source: Path, target: Path, vectors: Float[np.ndarray, "n d"]) -> None:
    """Write what `export_onnx` wrote again, with 8-bit weights and activations on fixed scales.

    The scales hold what a sample of `vectors` makes of the activations; what lies beyond is
    clipped. No answer depends on what else is asked in the same call. The signature stays. The
    same model and vectors always give the same bytes.

    Args:
        source: The model.
        target: Where the smaller one goes.
        vectors: Vectors such as the model was trained on.

    Raises:
        ModelError: `source` is missing or damaged.
    """
    OnnxClassifier(source)
    model = onnx.load_model_from_string(source.read_bytes())
    metadata = list(model.metadata_props)
    add_pre_process_metadata(model)  # its graph is as plain as preparing could make it
    step = -(-len(vectors) // SAMPLE_ROWS)
    with replacing(target) as temporary, tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.onnx"
        quantize_static(
            model,
            raw,
            _Batches(vectors[::step]),
            quant_format=QuantFormat.QOperator,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            reduce_range=True,  # 7 bits: processors without VNNI saturate when adding products of 8
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        small = onnx.load_model_from_string(raw.read_bytes())
        del small.metadata_props[:]
        small.metadata_props.extend(metadata)
        temporary.write_bytes(small.SerializeToString(deterministic=True))


class _Batches(CalibrationDataReader):  # type: ignore[misc]  # untyped
    """Hands vectors to ONNX Runtime batch by batch."""

    def __init__(self, vectors: Float[np.ndarray, "n d"]) -> None:
        starts = range(0, len(vectors), BATCH_ROWS)
        self._batches = (vectors[start : start + BATCH_ROWS] for start in starts)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next batch by the name of the input, None after the last."""
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: np.ascontiguousarray(batch, dtype=np.float32)}
