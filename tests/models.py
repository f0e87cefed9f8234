"""Writes tiny models of every format and what their own frameworks say of them: python models.py FOLDER.

It is run in a process of its own, so that tests need not import TensorFlow. FOLDER/expected.json has, for each model,
its signatures as name → inputs and outputs as name → [dtype, shape], and its number of weights.
"""

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}

import keras  # noqa: TID253 (this script is a process of its own, made to import them)
import numpy as np
import tensorflow as tf  # noqa: TID253 (as above)
import tf_keras  # noqa: TID253 (as above)
from ai_edge_litert import schema_py_generated as schema  # noqa: TID253 (as above)
from ai_edge_litert.interpreter import Interpreter  # noqa: TID253 (as above)

Expected = dict[str, Any]


class Maths(tf.Module):
    """Two signatures, with a string and a tensor of unknown rank among the inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
        self.steps = tf.Variable(3, trainable=False)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.float32, name="x"),
            tf.TensorSpec([], tf.string, name="tag"),
            tf.TensorSpec(None, tf.int64, name="many"),
        ]
    )
    def echo(self, x: Any, tag: Any, many: Any) -> dict[str, Any]:
        return {"y": x @ self.weight, "tag": tag, "many": many}

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def product(self, x: Any) -> dict[str, Any]:
        return {"y": tf.cast(tf.math.igamma(x, x @ self.weight), tf.float64)}


def functional(library: Any) -> Any:
    """Two inputs, a model within the model, and a trained optimizer whose state must not count as weights."""
    layers = library.layers
    image, speed = library.Input((8, 8, 3), name="image"), library.Input((1,), name="speed")
    inner = library.Sequential([library.Input((144,)), layers.Dense(5), layers.Dense(3)], name="inner")
    hidden = layers.BatchNormalization()(layers.Conv2D(4, 3, activation="relu")(image))
    hidden = inner(layers.Dropout(0.5)(layers.Flatten()(hidden)))
    model = library.Model([image, speed], layers.Dense(2, name="y")(layers.Concatenate()([hidden, speed])))
    model.compile("adam", "mse", metrics=["mae"])
    model.fit([np.zeros((4, 8, 8, 3)), np.zeros((4, 1))], np.zeros((4, 2)), verbose=0)
    return model


def sequential(library: Any) -> Any:
    """A model that got its input shape late."""
    model = library.Sequential([library.layers.Dense(4, name="first"), library.layers.Dense(2)])
    model.build((None, 6))
    return model


def nested(library: Any) -> Any:
    """A Sequential that begins with another model."""
    inner = library.Sequential([library.Input((6,), name="x"), library.layers.Dense(4)])
    model = library.Sequential([inner, library.layers.Dense(2)])
    model.build((None, 6))
    return model


def write_keras(folder: Path) -> Expected:
    """Both libraries, both formats."""
    expected = {}
    for library in (keras, tf_keras):
        for make in (functional, sequential, nested):
            model = make(library)
            for suffix in ("keras", "h5"):
                name = f"{library.__name__}_{make.__name__}.{suffix}"
                model.save(folder / name)
                expected[name] = description_of_keras(model)
    functional(tf_keras).save_weights(folder / "only.weights.h5")
    return expected


def write_saved_models(folder: Path) -> Expected:
    """One of each way in which SavedModels come to be."""
    maths = Maths()
    signatures = {"echo": maths.echo, "serving_default": maths.product}
    tf.saved_model.save(maths, folder / "maths", signatures=signatures)
    tf.saved_model.save(maths, folder / "unsigned", signatures={})
    functional(tf_keras).save(folder / "tf_keras")
    functional(keras).export(folder / "keras", verbose=False)
    expected = {name: description_of_saved_model(folder / name) for name in ("maths", "tf_keras", "keras")}
    weights = functional(keras).count_params()
    expected["maths"]["parameters"] = 4
    expected["keras"]["parameters"] = expected["tf_keras"]["parameters"] = weights
    return expected


def write_tflite(folder: Path) -> Expected:
    """Float and integer, a custom op, buffers behind the FlatBuffer, and no named signature."""
    for name, change in CONVERSIONS.items():
        source = "maths" if name == "custom.tflite" else "tf_keras"
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / source), signature_keys=["serving_default"])
        change(converter)
        (folder / name).write_bytes(converter.convert())
    maths = Maths()  # its functions hold it weakly
    converter = tf.lite.TFLiteConverter.from_concrete_functions([maths.product.get_concrete_function()])
    converter.allow_custom_ops = True
    (folder / "unnamed.tflite").write_bytes(converter.convert())
    return {name: description_of_tflite(folder / name) for name in (*CONVERSIONS, "unnamed.tflite")}


def as_integers(converter: Any) -> None:
    """Integers throughout."""
    random = np.random.default_rng(0)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: (
        {"image": random.random((1, 8, 8, 3), np.float32), "speed": random.random((1, 1), np.float32)} for _ in range(8)
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8


CONVERSIONS = {
    "float32.tflite": lambda converter: None,  # noqa: ARG005 (as it comes)
    "int8.tflite": as_integers,
    "offsets.tflite": lambda converter: setattr(converter, "_experimental_use_buffer_offset", True),
    "custom.tflite": lambda converter: setattr(converter, "allow_custom_ops", True),
}


def description_of_keras(model: Any) -> Expected:
    """Names and shapes as the loaded model has them."""
    inputs = {
        name: ["float32", list(tensor.shape)] for name, tensor in zip(input_names(model), model.inputs, strict=True)
    }
    return {"signatures": {"serving_default": [inputs, {}]}, "parameters": model.count_params()}


def input_names(model: Any) -> list[str]:
    """Names of the layers that take the inputs."""
    return getattr(model, "input_names", None) or [tensor._keras_history.operation.name for tensor in model.inputs]


def description_of_saved_model(folder: Path) -> Expected:
    """Signatures as TensorFlow loads them."""
    loaded = tf.saved_model.load(folder)
    signatures = {}
    for name, function in loaded.signatures.items():
        sides = (function.structured_input_signature[1], function.structured_outputs)
        signatures[name] = [{key: description_of_spec(spec) for key, spec in side.items()} for side in sides]
    return {"signatures": signatures}


def description_of_spec(spec: Any) -> list[Any]:
    """Type and shape of a TensorSpec."""
    shape = spec.shape.as_list() if spec.shape.rank is not None else None
    return [spec.dtype.name, shape]


def description_of_tflite(path: Path) -> Expected:
    """Signatures as LiteRT loads them; ops and constants by the schema's own reader."""
    model = schema.Model.GetRootAs(path.read_bytes())
    return {"signatures": tflite_signatures(path), "ops": tflite_ops(model), "parameters": tflite_elements(model)}


def tflite_signatures(path: Path) -> Expected:
    """Names, types, shapes and scales."""
    interpreter = Interpreter(str(path))
    runners = {name: interpreter.get_signature_runner(name) for name in interpreter.get_signature_list()}
    sides = {name: (each.get_input_details(), each.get_output_details()) for name, each in runners.items()}
    if not sides:
        both = (interpreter.get_input_details(), interpreter.get_output_details())
        sides = {"serving_default": tuple({each["name"]: each for each in side} for side in both)}
    return {
        name: [{key: description_of_detail(each) for key, each in side.items()} for side in both]
        for name, both in sides.items()
    }


def description_of_detail(detail: Expected) -> list[Any]:
    """Type, shape, scale and zero point."""
    shape = [None if size < 0 else int(size) for size in detail["shape_signature"]]
    scale, zero_point = detail["quantization"]
    return [np.dtype(detail["dtype"]).name, shape, *((float(scale), int(zero_point)) if scale else (None, None))]


def tflite_ops(model: Any) -> dict[str, int]:
    """Op name → number."""
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    codes = [model.OperatorCodes(index) for index in range(model.OperatorCodesLength())]
    spelled = [code.CustomCode().decode() if code.BuiltinCode() == 32 else names[code.BuiltinCode()] for code in codes]
    graphs = [model.Subgraphs(index) for index in range(model.SubgraphsLength())]
    found = (graph.Operators(at).OpcodeIndex() for graph in graphs for at in range(graph.OperatorsLength()))
    return Counter(spelled[index] for index in found)


def tflite_elements(model: Any) -> int:
    """Elements of the tensors whose buffer holds data, each buffer once."""
    elements = {}
    for graph in (model.Subgraphs(index) for index in range(model.SubgraphsLength())):
        for tensor in (graph.Tensors(index) for index in range(graph.TensorsLength())):
            buffer = model.Buffers(tensor.Buffer())
            if buffer.DataLength() or buffer.Size():
                elements[tensor.Buffer()] = int(np.prod(tensor.ShapeAsNumpy() if tensor.ShapeLength() else 1))
    return sum(elements.values())


def main(folder: Path) -> None:
    """Writes everything, with the same weights each time."""
    tf_keras.utils.set_random_seed(3)
    keras.utils.set_random_seed(3)
    expected = write_keras(folder) | write_saved_models(folder) | write_tflite(folder)
    (folder / "expected.json").write_text(json.dumps(expected))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
