"""Reads an .onnx file: its signature, ops and constants, and whether the data it keeps elsewhere are there."""

import re
from collections import Counter
from pathlib import Path, PurePosixPath

from optfarm_tasks.description import Format, ModelDescription, Signature
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats.onnx_graph import STRING, Constant, Graph, bytes_of, function_ops
from optfarm_tasks.formats.raw import MAIN, Malformed, text, view
from optfarm_tasks.formats.wire import fields, first, messages

SIGNATURE_KEY = "optfarm.signature"
"""The entry of a model's metadata that keeps the name of the signature it was made from; ONNX has no word for it."""

_IR_VERSION, _GRAPH, _OPSET, _METADATA, _FUNCTION = 1, 7, 8, 14, 25
_KNOWN = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26})
_NUMBERS = frozenset({_IR_VERSION, 5})


def describe(path: Path, *, size_bytes: int) -> ModelDescription:
    """The model in an .onnx file.

    Raises:
        BadModel: it is something else, or keeps data outside its folder.
        Malformed: it is truncated or damaged.
        OSError: it cannot be read.
    """
    data = view(path)
    graph = graph_of(path, data)
    constants = list(graph.every_constant())
    for constant in constants:
        if constant.external is not None:
            _check_part(path.parent, constant)
    metadata = {text(first(each, 1)): text(first(each, 2)) for each in messages(data, _METADATA)}
    name = metadata.get(SIGNATURE_KEY) or MAIN
    ops = Counter(node.op for node in graph.every_node())
    for function in messages(data, _FUNCTION):
        ops.update(function_ops(function))
    return ModelDescription(
        format=Format.ONNX,
        signatures=(Signature(name=name, inputs=graph.inputs, outputs=graph.outputs),),
        size_bytes=size_bytes,
        parameters=sum(each.elements for each in constants),
        ops=dict(ops.most_common()),
    )


def companions(path: Path) -> tuple[str, ...]:
    """The other files of the model, relative to its folder.

    Raises:
        BadModel, Malformed, OSError: as `describe`.
    """
    constants = graph_of(path, view(path)).every_constant()
    return tuple(sorted({str(_location(each)) for each in constants if each.external is not None}))


def graph_of(path: Path, data: memoryview) -> Graph:
    """The outermost graph of a model.

    Raises:
        BadModel: the bytes are something else.
        Malformed: they are truncated or damaged.
    """
    number, kind = data[0] >> 3, data[0] & 7
    if number not in _KNOWN or kind != (0 if number in _NUMBERS else 2):
        raise BadModel(f"{path} is no ONNX model: it begins with {bytes(data[:8])!r}")
    seen = {number for number, _ in fields(data)}
    if not seen <= _KNOWN:
        raise Malformed(f"it is truncated or damaged: an ONNX model has no field {min(seen - _KNOWN)}")
    if not {_IR_VERSION, _GRAPH, _OPSET} <= seen:
        raise Malformed("it lacks its version, its graph or its opset; it is truncated or something else")
    return Graph(first(data, _GRAPH))


def _check_part(folder: Path, constant: Constant) -> None:
    location = _location(constant)
    file = folder / location
    if not file.is_file():
        raise BadModel(f"the constant {constant.name!r} lies in {location}, which is not in {folder}; put it there")
    start, size = (_number(constant, key) for key in ("offset", "length"))
    wanted = size or (0 if constant.dtype == STRING else bytes_of(constant.dtype, constant.elements))
    if start + wanted > file.stat().st_size:
        raise Malformed(
            f"{location} is truncated: the constant {constant.name!r} wants bytes {start} to {start + wanted} "
            f"of {file.stat().st_size}"
        )


def _location(constant: Constant) -> PurePosixPath:
    """Where the values lie, which must be in the model's folder: elsewhere, a model would read its host's files."""
    location = (constant.external or {}).get("location", "")
    path = PurePosixPath(location)
    if not path.parts or path.is_absolute() or ".." in path.parts or {"\\", "\0"} & set(location):
        raise BadModel(
            f"the constant {constant.name!r} lies in {location!r}, outside the model's folder; save the model with its "
            f"data in its own folder"
        )
    return path


def _number(constant: Constant, key: str) -> int:
    number = (constant.external or {}).get(key, "0")
    if not re.fullmatch(r"[0-9]{1,19}", number):
        raise Malformed(f"it is damaged: the constant {constant.name!r} says {key} {number!r}")
    return int(number)
