"""Looks for weights of which two in four are zero, for which GPUs have kernels of their own."""

from pathlib import Path
from typing import Any

_GROUP, _ZEROS = 4, 2


def sparse_weights(file: Path) -> tuple[str, ...]:
    """Names of the weights of an .onnx file that have two zeros in each four along what a product sums over."""
    import onnx

    model = onnx.load(file)
    weights = {each.name: each for each in model.graph.initializer}
    summed = {node.input[1]: axis for node in model.graph.node if (axis := _summed_axis(node)) is not None}
    return tuple(name for name, axis in summed.items() if name in weights and _is_sparse(weights[name], axis))


def _summed_axis(node: Any) -> int | None:
    """The axis of a node's weights that a product sums over; None of a node that multiplies with none."""
    if node.op_type == "Conv":
        return 1
    if node.op_type == "MatMul":
        return -2
    if node.op_type == "Gemm":
        is_turned = any(each.name == "transB" and each.i for each in node.attribute)
        return 1 if is_turned else 0
    return None


def _is_sparse(tensor: Any, axis: int) -> bool:
    import numpy as np
    from onnx import numpy_helper

    array = numpy_helper.to_array(tensor)
    if array.ndim < abs(axis) or array.shape[axis] % _GROUP or not array.size:
        return False
    groups = np.moveaxis(array, axis, -1).reshape(-1, _GROUP)
    return bool(((groups == 0).sum(axis=1) >= _ZEROS).all())
