"""What OpenVINO computes in is told by its kernels, and what ONNX Runtime computes in by the nodes it made."""

import pytest

from optfarm_tasks.formats.onnx_graph import Graph
from optfarm_tasks.frameworks.onnx.precision import precision_of as precision_of_graph
from optfarm_tasks.runtimes.openvino import precision_of as precision_of_layers
from tests.unit.protobuf import field, value_info

FLOAT, INT8, UINT8, HALF = 1, 3, 2, 10


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ([("Convolution", "brgconv_avx512_f32"), ("Eltwise", "jit_avx512_f32")], "float32"),
        ([("FullyConnected", "brgemm_avx512_bf16"), ("Eltwise", "jit_avx512_f32")], "bfloat16"),
        ([("Convolution", "brgconv_avx512_I8"), ("Pooling", "jit_avx512_I8"), ("Output", "unknown_f32")], "int8"),
        ([("Convolution", "brgconv_avx512_I8"), ("Softmax", "jit_avx512_f32")], "int8; float32 elsewhere"),
        ([("Convolution", "brgconv_avx512_u8"), ("MatMul", "gemm_avx512_f32")], "float32; int8"),
        ([("Eltwise", "jit_avx512_f32"), ("Const", "unknown_i32")], "float32"),
        ([("Reshape", "unknown_i32")], "no floating point"),
    ],
)
def test_openvino_computes_in_what_its_kernels_say(layers: list[tuple[str, str]], told: str) -> None:
    assert precision_of_layers(layers) == told


def node(op: str, inputs: list[str], output: str) -> bytes:
    """A NodeProto within its graph."""
    parts = [field(1, name.encode()) for name in inputs] + [field(2, output.encode()), field(4, op.encode())]
    return field(1, b"".join(parts))


def typed(**types: int) -> bytes:
    """The types of values within a graph."""
    return b"".join(field(13, value_info(name, kind)) for name, kind in types.items())


def constant(name: str, kind: int) -> bytes:
    """A constant of one value within a graph."""
    return field(5, field(1, 1) + field(2, kind) + field(8, name.encode()) + field(9, bytes(1 if kind == INT8 else 2)))


@pytest.mark.parametrize(
    ("graph", "told"),
    [
        (node("Conv", ["x", "w"], "y") + typed(y=FLOAT), "float32"),
        (node("Cast", ["w"], "v") + constant("w", HALF) + node("Conv", ["x", "v"], "y") + typed(y=FLOAT, v=FLOAT),
         "float16 weights, float32 activations"),
        (node("DequantizeLinear", ["w"], "v") + constant("w", INT8) + node("Gemm", ["x", "v"], "y") + typed(y=FLOAT),
         "int8 weights, float32 activations"),
        (node("QuantizeLinear", ["x"], "q") + node("QLinearConv", ["q"], "c") + node("DequantizeLinear", ["c"], "y")
         + typed(y=FLOAT, q=UINT8, c=UINT8), "int8"),
        (node("QLinearConv", ["q"], "c") + node("Sin", ["d"], "y") + typed(y=FLOAT, c=UINT8),
         "int8; float32 elsewhere"),
        (node("DynamicQuantizeMatMul", ["x"], "y") + node("Conv", ["y", "w"], "z") + typed(y=FLOAT, z=FLOAT),
         "float32; int8"),
        (node("Add", ["x", "x"], "y") + typed(y=FLOAT), "float32"),
        (node("Shape", ["x"], "y"), "no floating point"),
    ],
)  # fmt: skip
def test_onnx_runtime_computes_in_what_its_nodes_say(graph: bytes, told: str) -> None:
    assert precision_of_graph(Graph(memoryview(graph))) == told
