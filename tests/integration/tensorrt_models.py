"""ONNX graphs for the tests of TensorRT: tiny ones of our own, and where the ONNX project keeps published networks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto as Of
from onnx import helper, numpy_helper

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"
"""Networks that people published, whose weights are constants, in the package of ONNX itself."""
_WEIGHTS = np.random.default_rng(0).normal(size=(24, 8)).astype(np.float32)


def write(folder: Path) -> dict[str, Path]:
    """Name → folder with a model.onnx."""
    made = {
        "plain": graph([_product("x")], ["x float32 n 24"], ["y float32 n 8"], {"w": _WEIGHTS}),
        "images": images(),
        "faint": images(strength=1e-3),
        "odd": odd(),
        "large": graph(
            [_product("x", "a"), _node("Relu", "a", "y")],
            ["x float32 n 24"],
            ["y float32 n 8"],
            {"w": _WEIGHTS * np.float32(1e6)},
        ),
        "sparse": graph([_product("x")], ["x float32 n 24"], ["y float32 n 8"], {"w": _two_of_four(_WEIGHTS)}),
        "double": graph([_product("x")], ["x float64 n 24"], ["y float64 n 8"], {"w": _WEIGHTS.astype(np.float64)}),
        "double_inside": graph(_with_doubles(), ["x float32 n 24"], ["y float32 n 8"], {"w": _WEIGHTS}),
        "integers": graph([_node("Add", "x x", "y")], ["x int32 n 24"], ["y int32 n 24"]),
        "bytes": graph([_node("Add", "x x", "y")], ["x uint8 n 24"], ["y uint8 n 24"]),
        "words": graph([_node("Identity", "x", "y")], ["x string n 2"], ["y string n 2"]),
        "nonzero": graph([_node("NonZero", "x", "y")], ["x float32 n 24"], ["y int64 2 m"]),
        "determinant": graph([_node("Det", "x", "y", name="the_det")], ["x float32 n 4 4"], ["y float32 n"]),
        "open": graph([_node("Relu", "x", "y")], ["x float32 n h w 3"], ["y float32 n h w 3"]),
        "reshaped": graph([_node("Reshape", "x s", "y")], ["x float32 n 24", "s int64 2"], ["y float32 a b"]),
        "asymmetric": graph(_asymmetric(), ["x float32 n 24"], ["y float32 n 8"], {"w": _WEIGHTS, **_offset()}),
        "halves": graph([_product("x")], ["x float16 n 24"], ["y float16 n 8"], {"w": _WEIGHTS.astype(np.float16)}),
        "foreign": graph(
            [helper.make_node("Magic", ["x"], ["y"], name="their_magic", domain="their.own")],
            ["x float32 n 24"],
            ["y float32 n 24"],
        ),
    }
    for name, model in made.items():
        (folder / name).mkdir(parents=True)
        onnx.save(model, folder / name / "model.onnx")
    return {name: folder / name for name in made}


def images(*, strength: float = 1) -> Any:
    """Convolutions with a shortcut, and a dense layer; with weights that are drawn, of a strength."""
    drawn = np.random.default_rng(5)
    shapes = {"a": (16, 3, 3, 3), "b": (16, 16, 3, 3), "c": (16, 16, 3, 3), "d": (16, 10)}
    weights = {
        name: (strength * drawn.normal(size=shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32)
        for name, shape in shapes.items()
    }
    nodes = [
        _node("Conv", "x a", "f", pads=[1, 1, 1, 1]),
        _node("Relu", "f", "g"),
        _node("Conv", "g b", "h", pads=[1, 1, 1, 1], strides=[2, 2]),
        _node("Relu", "h", "i"),
        _node("Conv", "i c", "j", pads=[1, 1, 1, 1]),
        _node("Add", "j i", "k"),
        _node("GlobalAveragePool", "k", "l"),
        _node("Flatten", "l", "m"),
        _node("Gemm", "m d", "y"),
    ]
    return graph(nodes, ["x float32 n 3 32 32"], ["y float32 n 10"], weights)


def odd() -> Any:
    """A branch that takes values from outside, sizes that are always float32, casts, and an output that others take."""
    taken, other = (
        helper.make_graph([_node(op, inputs, name)], name, [], [_end(f"{name} float32 n 3 8 8")])
        for op, inputs, name in (("Add", "a a", "doubled"), ("Sub", "a half", "less"))
    )
    nodes = [
        _node("Constant", "", "half", value=numpy_helper.from_array(np.float32(0.5), "half")),
        _node("Mul", "x half", "a"),
        _node("Resize", "a roi scales", "r", mode="nearest"),
        _node("ReduceMean", "r", "m", keepdims=0),
        _node("Greater", "m zero", "g"),
        _node("If", "g", "b", then_branch=taken, else_branch=other),
        _node("Cast", "a", "i", to=Of.INT64),
        _node("Cast", "i", "f", to=Of.FLOAT),
        _node("Add", "b f", "y"),
    ]
    constants = {
        "roi": np.zeros(0, np.float32),
        "scales": np.float32([1, 1, 2, 2]),
        "zero": np.float32(0),
    }
    outputs = ["y float32 n 3 8 8", "a float32 n 3 8 8", "r float32 n 3 16 16"]
    return graph(nodes, ["x float32 n 3 8 8"], outputs, constants)


def graph(nodes: list[Any], inputs: Sequence[str], outputs: Sequence[str], constants: Any = None) -> Any:
    """A model of nodes; ends are written as `x float32 n 24`."""
    stored = [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()]
    made = helper.make_graph(nodes, "g", [*map(_end, inputs)], [*map(_end, outputs)], stored)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("their.own", 1)]
    return helper.make_model(made, opset_imports=opsets, ir_version=9)


def _end(text: str) -> Any:
    name, dtype, *sizes = text.split()
    kind = {"float64": Of.DOUBLE, "float32": Of.FLOAT, "float16": Of.FLOAT16}.get(dtype) or getattr(Of, dtype.upper())
    return helper.make_tensor_value_info(name, kind, [int(size) if size.isdecimal() else size for size in sizes])


def _node(op: str, inputs: str, output: str, **more: Any) -> Any:
    return helper.make_node(op, inputs.split(), [output], **more)


def _product(given: str, made: str = "y") -> Any:
    return _node("MatMul", f"{given} w", made, name="product")


def _with_doubles() -> list[Any]:
    return [
        _node("Cast", "x", "d", to=Of.DOUBLE),
        _node("Add", "d d", "e"),
        _node("Cast", "e", "f", to=Of.FLOAT),
        _product("f"),
    ]


def _asymmetric() -> list[Any]:
    return [
        _node("QuantizeLinear", "x s z", "q", name="rounding"),
        _node("DequantizeLinear", "q s z", "d"),
        _product("d"),
    ]


def _offset() -> dict[str, Any]:
    return {"s": np.float32(0.1), "z": np.uint8(128)}


def _two_of_four(weights: Any) -> Any:
    kept = weights.copy()
    kept[0::4] = kept[1::4] = 0
    return kept
