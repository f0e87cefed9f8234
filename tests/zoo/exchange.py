"""Models that come as ONNX, OpenVINO or TFLite files."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.zoo.entries import Arrays, Feed, Feeds, Truth, add, real, whole
from tests.zoo.graphs import weights


def onnx_file(
    name: str,
    feeds: Feeds,
    *,
    opset: int,
    ir: int,
    apart: bool = False,
    says_shapes: bool = False,
    truth: Truth | None = None,
) -> Callable[[Callable[[Any], Any]], Any]:
    """The decorated function gives nodes, constants and outputs; its inputs have the names of the feeds."""

    def register(make: Callable[[Any], Any]) -> Any:
        def build(folder: Path) -> Truth:
            import onnx

            nodes, constants, outputs = make(onnx.helper)
            inputs = [_input(onnx.helper, key, each) for key, each in feeds.items()]
            given = [onnx.numpy_helper.from_array(array, key) for key, array in constants.items()]
            # PyTorch's exporter says the shapes of weights a second time.
            shapes = [_value(onnx.helper, key, *array.shape) for key, array in constants.items()] if says_shapes else []
            graph = onnx.helper.make_graph(nodes, "zoo", inputs, outputs, given, value_info=shapes)
            model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=ir)
            place = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0} if apart else {}
            onnx.save(model, folder / "model.onnx", **place)
            return truth or (lambda arrays: _run(folder / "model.onnx", arrays))

        add(name, feeds, build)
        return make

    return register


def _run(file: Path, arrays: Arrays) -> Arrays:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(names, arrays), strict=True))


def _input(helper: Any, key: str, feed: Feed) -> Any:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(feed.dtype))
    return helper.make_tensor_value_info(key, kind, ["N" if size is None else size for size in feed.batch_shape])


def _value(helper: Any, name: str, *shape: int | str, kind: int = 1) -> Any:
    return helper.make_tensor_value_info(name, kind, list(shape))


@onnx_file("onnx_old", {"x": real(3, 8, 8)}, opset=9, ir=4)
def onnx_old(helper: Any) -> Any:
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["conv"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["conv"], ["relu"]),
        helper.make_node("GlobalAveragePool", ["relu"], ["pool"]),
        helper.make_node("Flatten", ["pool"], ["flat"]),
        helper.make_node("Gemm", ["flat", "v", "c"], ["y"], transB=1),
    ]
    constants = {"w": weights(16, 3, 3, 3), "b": weights(16), "v": weights(4, 16), "c": weights(4)}
    return nodes, constants, [_value(helper, "y", "N", 4)]


@onnx_file("onnx_newest", {"x": real(24)}, opset=23, ir=10, apart=True)
def onnx_newest(helper: Any) -> Any:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["wide"]),
        helper.make_node("Gelu", ["wide"], ["active"]),
        helper.make_node("LayerNormalization", ["active", "scale", "shift"], ["normal"]),
        helper.make_node("MatMul", ["normal", "v"], ["y"]),
    ]
    constants = {"w": weights(24, 48), "scale": np.ones(48, "f4"), "shift": weights(48), "v": weights(48, 4)}
    return nodes, constants, [_value(helper, "y", "N", 4)]


@onnx_file("onnx_branches", {"x": real(24)}, opset=17, ir=8)
def onnx_branches(helper: Any) -> Any:
    def branch(op: str) -> Any:
        # As exporters write them that leave the types of a body out.
        given = helper.make_value_info(op, helper.make_tensor_type_proto(1, None))
        given.ClearField("type")
        return helper.make_graph([helper.make_node(op, ["product", "b"], [op])], op, [], [given])

    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["product"]),
        helper.make_node("ReduceMax", ["product"], ["most"], keepdims=0),
        helper.make_node("Greater", ["most", "least"], ["is_positive"]),
        helper.make_node("If", ["is_positive"], ["y"], then_branch=branch("Add"), else_branch=branch("Sub")),
    ]
    constants = {"w": weights(24, 8), "b": weights(8), "least": np.array(-99, "f4")}
    return nodes, constants, [_value(helper, "y", "N", 8)]


@onnx_file("onnx_vector_scale", {"x": real(24)}, opset=17, ir=8)
def onnx_vector_scale(helper: Any) -> Any:
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "scales", "zeros"], ["wide"], axis=1),
        helper.make_node("MatMul", ["d", "wide"], ["y"]),
    ]
    constants = {
        "scale": np.array([0.05], "f4").reshape(()), "zero": np.array(128, "u1"),
        "w": np.random.default_rng(0).integers(-127, 127, (24, 8)).astype("i1"),
        "scales": np.linspace(0.001, 0.004, 8).astype("f4"), "zeros": np.zeros(8, "i1"),
    }  # fmt: skip
    return nodes, constants, [_value(helper, "y", "N", 8)]


@onnx_file("onnx_lstm", {"x": real(6, 8, batch=1)}, opset=17, ir=8)
def onnx_lstm(helper: Any) -> Any:
    nodes = [
        helper.make_node("Transpose", ["x"], ["turned"], perm=[1, 0, 2]),
        helper.make_node("LSTM", ["turned", "w", "r", "b"], ["all", "last"], hidden_size=16),
        helper.make_node("Squeeze", ["last", "axis"], ["h"]),
        helper.make_node("MatMul", ["h", "v"], ["y"]),
    ]
    constants = {
        "w": weights(1, 64, 8), "r": weights(1, 64, 16), "b": weights(1, 128), "v": weights(16, 3),
        "axis": np.array([0], "i8"),
    }  # fmt: skip
    return nodes, constants, [_value(helper, "y", 1, 3)]


@onnx_file("onnx_gather", {"x": whole(6, below=40, dtype="int64")}, opset=17, ir=8)
def onnx_gather(helper: Any) -> Any:
    nodes = [
        helper.make_node("Gather", ["table", "x"], ["rows"]),
        helper.make_node("ReduceMean", ["rows"], ["y"], axes=[1], keepdims=0),
    ]
    return nodes, {"table": weights(40, 32)}, [_value(helper, "y", "N", 32)]


@onnx_file("onnx_tied", {"x": real(24)}, opset=20, ir=10, says_shapes=True)
def onnx_tied(helper: Any) -> Any:
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["first"], transB=1),
        helper.make_node("Relu", ["first"], ["relu"]),
        helper.make_node("Gemm", ["relu", "w", "b"], ["second"], transB=1),
        helper.make_node("MatMul", ["second", "w"], ["third"]),
        helper.make_node("Gemm", ["third", "head"], ["y"], transB=1),
    ]
    constants = {"w": weights(24, 24), "b": weights(24), "head": weights(3, 24)}
    return nodes, constants, [_value(helper, "y", "N", 3)]


@onnx_file("onnx_double", {"x": real(24, dtype="float64")}, opset=17, ir=8)
def onnx_double(helper: Any) -> Any:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["wide"]), helper.make_node("Tanh", ["wide"], ["y"])]
    return nodes, {"w": weights(24, 48).astype("f8")}, [_value(helper, "y", "N", 48, kind=11)]


@onnx_file("onnx_halves", {"x": real(24, dtype="float16")}, opset=17, ir=8)
def onnx_halves(helper: Any) -> Any:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["wide"]), helper.make_node("Tanh", ["wide"], ["y"])]
    return nodes, {"w": weights(24, 48).astype("f2")}, [_value(helper, "y", "N", 48, kind=10)]


def _relu(helper: Any) -> Any:
    return [helper.make_node("Relu", ["x"], ["y"], "relu")], {}, [_value(helper, "y", "N", 4)]


def _by_hand(arrays: Arrays) -> Arrays:
    return {"y": np.maximum(arrays["x"], 0)}


onnx_file("onnx_of_newer_ir", {"x": real(4)}, opset=17, ir=99, truth=_by_hand)(_relu)
onnx_file("onnx_of_newer_opset", {"x": real(4)}, opset=999, ir=9, truth=_by_hand)(_relu)


def tflite_file(name: str, feeds: Feeds, *, optimised: str = "", tags: str = "") -> Any:
    """The decorated function gets a tf.Module and gives functions by signature; the first is what is run.

    Args:
        name: in the zoo.
        feeds: its inputs.
        optimised: DEFAULT or EXPERIMENTAL_SPARSITY, which the converter then does.
        tags: as those of an entry.
    """

    def register(make: Callable[[Any], Any]) -> Any:
        def build(folder: Path) -> Truth:
            import tensorflow as tf

            made = tf.Module()
            specs = [tf.TensorSpec(each.batch_shape, each.dtype, name=key) for key, each in feeds.items()]
            made.functions = {key: tf.function(each, input_signature=specs) for key, each in make(made).items()}
            concrete = {key: each.get_concrete_function() for key, each in made.functions.items()}
            tf.saved_model.save(made, str(folder / "saved"), signatures=concrete)
            converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "saved"), signature_keys=list(concrete))
            converter.optimizations = [getattr(tf.lite.Optimize, optimised)] if optimised else []
            (folder / "model.tflite").write_bytes(converter.convert())
            _remove(folder / "saved")
            if optimised:
                return lambda arrays: _interpreted(folder / "model.tflite", arrays)
            main = made.functions["serving_default"]
            return lambda arrays: {key: each.numpy() for key, each in main(*map(tf.constant, arrays.values())).items()}

        add(name, feeds, build, tags=tags)
        return make

    return register


def _interpreted(file: Path, arrays: Arrays) -> Arrays:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(file)).get_signature_runner("serving_default")
    found: Arrays = runner(**arrays)
    return found


def _remove(folder: Path) -> None:
    shutil.rmtree(folder)


@tflite_file("tflite_state", {"x": real(3, batch=1)})
def tflite_state(m: Any) -> Any:
    import tensorflow as tf

    m.level = tf.Variable(tf.zeros([1, 3]))

    def serve(x: Any) -> Any:
        y = 0.9 * m.level + 0.1 * x
        m.level.assign(y)
        return {"y": y}

    return {"serving_default": serve}


@tflite_file("tflite_signatures", {"x": real(24)})
def tflite_signatures(m: Any) -> Any:
    import tensorflow as tf

    m.kernel = tf.Variable(weights(24, 8))
    return {
        "serving_default": lambda x: {"y": x @ m.kernel},
        "other": lambda x: {"z": tf.nn.relu(x @ m.kernel)},
    }


@tflite_file("tflite_handed_on", {"k": real(4), "b": real(4)}, tags="tiny")
def tflite_handed_on(m: Any) -> Any:
    del m
    return {"serving_default": lambda k, b: {"same": k, "more": b + 1.0}}


@tflite_file("tflite_weights_of_bytes", {"x": real(64)}, optimised="DEFAULT", tags="rounded")
def tflite_weights_of_bytes(m: Any) -> Any:
    import tensorflow as tf

    m.kernel = tf.Variable(weights(64, 48))
    return {"serving_default": lambda x: {"y": tf.nn.relu(x @ m.kernel)}}


@tflite_file("tflite_sparse", {"x": real(64)}, optimised="EXPERIMENTAL_SPARSITY")
def tflite_sparse(m: Any) -> Any:
    # Most blocks of 1 x 4 are zeros, which is how the converter knows what to store sparsely.
    blocks = np.random.default_rng(1).random((64, 16)) < 0.2
    kernel = (weights(64, 64) * blocks.repeat(4, axis=1)).T.copy()
    del m
    return {"serving_default": lambda x: {"y": x @ kernel}}
