"""Whether OpenVINO's kernels for integers overflow here, and how a model is computed without them."""

import functools

import numpy as np

WITHOUT_INTEGERS = {"LP_TRANSFORMS_MODE": "NO"}
"""The CPU plugin then rounds as the file says, and computes in floats."""

_LENGTH = 64
_ACTIVATION, _WEIGHT = 255.0, 127.0
_LEVELS = 256


@functools.cache
def is_seen() -> bool:
    """Whether a sum of the largest products comes out too small.

    It is tried and not concluded from the processor, because ONEDNN_MAX_CPU_ISA and the build decide as well.
    """
    import openvino
    from openvino import opset13 as ops

    given = ops.parameter([1, _LENGTH], np.float32)
    bytes_in = ops.fake_quantize(given, 0.0, _ACTIVATION, 0.0, _ACTIVATION, _LEVELS)
    constant = ops.constant(np.full((_LENGTH, _LENGTH), _WEIGHT, np.float32))
    weights = ops.fake_quantize(constant, -_WEIGHT - 1, _WEIGHT, -_WEIGHT - 1, _WEIGHT, _LEVELS)
    model = openvino.Model([ops.matmul(bytes_in, weights, transpose_a=False, transpose_b=False)], [given], "products")
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    sums = compiled(np.full((1, _LENGTH), _ACTIVATION, np.float32))[0]
    return bool(sums.min() < 0.99 * _LENGTH * _ACTIVATION * _WEIGHT)
