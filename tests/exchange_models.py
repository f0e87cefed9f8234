"""Writes tiny ONNX and OpenVINO models and what their own libraries say of them: python exchange_models.py FOLDER.

It is run in a process of its own. FOLDER/expected.json has for each model its inputs and outputs as
[names, dtype, shape], its number of constant elements, and its ops.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ |= {"CI": "true"}  # else OpenVINO calls home

import numpy as np
import onnx  # noqa: TID253 (this script is a process of its own, made to import it)
import openvino as ov  # noqa: TID253 (as above)
from onnx import TensorProto, helper, numpy_helper  # noqa: TID253 (as above)
from openvino import opset13 as layers  # noqa: TID253 (as above)

Expected = dict[str, Any]


def branching() -> Any:
    """A graph with branches, a function, an op of another domain, and constants of every way to hold them."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 2])
    many = helper.make_tensor_value_info("many", TensorProto.INT64, None)
    given = helper.make_tensor_value_info("w", TensorProto.FLOAT, [2, 3])
    outputs = [
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3]),
        helper.make_tensor_value_info("half", TensorProto.FLOAT16, []),
    ]
    constants = [
        numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(2, 3), "w"),
        helper.make_tensor("b", TensorProto.FLOAT, [3], [1.0, 2.0, 3.0]),
        helper.make_tensor("is_on", TensorProto.BOOL, [], [True]),
        helper.make_tensor("few", TensorProto.INT4, [3], [1, 2, 3]),
        helper.make_tensor("words", TensorProto.STRING, [2], [b"a", b"bc"]),
        helper.make_tensor("none", TensorProto.FLOAT, [0], []),
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["product"]),
        helper.make_node("If", ["is_on"], ["chosen"], then_branch=branch("Add"), else_branch=branch("Sub")),
        helper.make_node("Twice", ["chosen"], ["doubled"], domain="example"),
        helper.make_node("Fold", ["doubled"], ["y"], domain="com.example"),
        helper.make_node("Constant", [], ["half"], value=numpy_helper.from_array(np.float16(0.5), "value")),
    ]
    graph = helper.make_graph(nodes, "branching", [x, many, given], outputs, constants)
    twice = helper.make_function(
        "example", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], opsets()
    )
    return helper.make_model(graph, functions=[twice], opset_imports=opsets(), ir_version=9)


def opsets() -> list[Any]:
    """ONNX's own ops, and two domains besides."""
    versions = {"": 18, "example": 1, "com.example": 1}
    return [helper.make_opsetid(domain, version) for domain, version in versions.items()]


def branch(op: str) -> Any:
    """What a branch runs: it takes a value of the graph around it, and leaves the type out of what it gives."""
    given = helper.make_empty_tensor_value_info("given")
    return helper.make_graph([helper.make_node(op, ["product", "b"], ["given"])], op, [], [given])


def weighty() -> Any:
    """A graph whose weights are kept in another file."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("x", "y"))
    weights = numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")
    model = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "weighty", [x], [y], [weights])
    return helper.make_model(model, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def write_onnx(folder: Path) -> Expected:
    """One file, and one with its weights apart."""
    onnx.save(branching(), folder / "branching.onnx")
    (folder / "apart").mkdir()
    place = {"save_as_external_data": True, "location": "weights.data", "size_threshold": 0}
    onnx.save(weighty(), folder / "apart/model.onnx", **place)
    return {"branching.onnx": description_of_onnx(branching()), "apart": description_of_onnx(weighty())}


def description_of_onnx(model: Any) -> Expected:
    """What the library makes of it."""
    given = {each.name for each in model.graph.initializer}
    graphs = list(with_bodies(model.graph))
    constants = [each for graph in graphs for each in graph.initializer]
    constants += [each.t for graph in graphs for node in graph.node for each in node.attribute if each.HasField("t")]
    nodes = [node for graph in graphs for node in graph.node] + [node for each in model.functions for node in each.node]
    return {
        "inputs": [description_of_value(each) for each in model.graph.input if each.name not in given],
        "outputs": [description_of_value(each) for each in model.graph.output],
        "parameters": sum(int(np.prod(each.dims)) for each in constants),
        "ops": Counter(f"{node.domain}.{node.op_type}".lstrip(".") for node in nodes),
    }


def with_bodies(graph: Any) -> Iterator[Any]:
    """A graph and those within it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from with_bodies(attribute.g)


def description_of_value(value: Any) -> list[Any]:
    """Names, type and shape."""
    kind = value.type.tensor_type
    dims = [each.dim_value if each.HasField("dim_value") else None for each in kind.shape.dim]
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type)).name
    return [[value.name], dtype, dims if kind.HasField("shape") else None]


def linear() -> Any:
    """Inputs with several names, outputs of one tensor, and constants of several types."""
    x = layers.parameter([-1, 3], np.float32, name="x")
    x.output(0).set_names({"serving_default_x:0", "im,age"})
    steps = layers.parameter([2], np.int32, name="steps")
    weights = layers.convert(layers.constant(np.ones((3, 2), np.float16)), "f32")
    few = layers.convert(layers.constant(np.ones((3,), np.int8), ov.Type.i4), "i32")
    product = layers.matmul(x, weights, transpose_a=False, transpose_b=False)
    ends = [layers.result(each) for each in (product, product, layers.add(steps, layers.reduce_sum(few, [0])))]
    model = ov.Model(ends, [x, steps], "linear")
    for port, name in zip(model.outputs, ("scores", "again", "counted"), strict=True):
        port.set_names({name})
    return model


def write_openvino(folder: Path) -> Expected:
    """One model, whose own library reads it back."""
    (folder / "linear").mkdir()
    ov.save_model(linear(), folder / "linear/model.xml", compress_to_fp16=False)
    return {"linear": description_of_openvino(ov.Core().read_model(folder / "linear/model.xml"))}


def description_of_openvino(model: Any) -> Expected:
    """What the library makes of it."""
    nodes = model.get_ordered_ops()
    constants = [node for node in nodes if node.get_type_name() == "Constant"]
    return {
        "inputs": [description_of_port(each) for each in model.inputs],
        "outputs": [description_of_port(each) for each in model.outputs],
        "parameters": sum(int(np.prod(list(node.output(0).shape))) for node in constants),
        "ops": Counter({"Constant": "Const"}.get(node.get_type_name(), node.get_type_name()) for node in nodes),
    }


def description_of_port(port: Any) -> list[Any]:
    """Names, type and shape."""
    shape = [None if size.is_dynamic else size.get_length() for size in port.get_partial_shape()]
    return [sorted(port.names), np.dtype(port.element_type.to_dtype()).name, shape]


def main(folder: Path) -> None:
    """Writes everything."""
    (folder / "expected.json").write_text(json.dumps(write_onnx(folder) | write_openvino(folder)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
