"""Reads the graph of an .onnx file by its wire format: nodes, values with their types, and constants.

Numbers of fields and types are those of onnx.proto.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from optfarm_tasks.description import Tensor
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats.raw import Malformed, text
from optfarm_tasks.formats.wire import Value, as_bytes, as_int, fields, first, integer, messages, numbers, signed

STRING = "string"

_NODE, _INITIALIZER, _SPARSE_INITIALIZER = 1, 5, 15
_INPUT, _OUTPUT, _VALUE_INFO = 11, 12, 13
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _OP, _ATTRIBUTE, _DOMAIN = 1, 2, 3, 4, 5, 7
_TENSOR, _GRAPH, _TENSORS, _GRAPHS = 5, 6, 10, 11
_DIMS, _DATA_TYPE, _TENSOR_NAME, _RAW_DATA, _EXTERNAL_DATA, _DATA_LOCATION = 1, 2, 8, 9, 13, 14
_TYPED_DATA = frozenset({4, 5, 6, 7, 10, 11})
_EXTERNAL = 1

_OWN_DOMAINS = frozenset({"", "ai.onnx"})
_DEEPEST = 32
"""Graphs within graphs: no model has more, and a file that says so would exhaust the stack."""

_TYPE_NAMES = """
float32 uint8 int8 uint16 int16 int32 int64 string bool float16 float64 uint32 uint64 complex64 complex128 bfloat16
float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz uint4 int4 float4_e2m1 float8_e8m0 uint2 int2
"""
_NAMES = dict(enumerate(_TYPE_NAMES.split(), start=1))
"""In the order of TensorProto.DataType."""

_BITS = {"bool": 8, "complex64": 64, "complex128": 128, "bfloat16": 16}


@dataclass(frozen=True)
class Node:
    """A node of a graph."""

    op: str
    """Its type, with its domain where that is not ONNX's own."""
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    bodies: tuple["Graph", ...]
    """What If, Loop and Scan run."""
    constants: tuple["Constant", ...]


@dataclass(frozen=True)
class Constant:
    """A tensor whose values the file holds, or says where they lie."""

    name: str
    dtype: str
    elements: int
    external: dict[str, str] | None
    """location, offset and length of values in another file."""


class Graph:
    """A graph, read when it is made."""

    def __init__(self, data: memoryview, *, depth: int = 0) -> None:
        """Reads the bytes of a GraphProto.

        Raises:
            BadModel: it takes or gives something else than tensors.
            Malformed: they are truncated or damaged.
        """
        if depth > _DEEPEST:
            raise Malformed(f"it is damaged: its graphs lie more than {_DEEPEST} deep in each other")
        sparse = (first(each, 1) for each in messages(data, _SPARSE_INITIALIZER))
        self.constants = tuple(map(_constant, [*messages(data, _INITIALIZER), *sparse]))
        self.nodes = tuple(_node(each, depth=depth) for each in messages(data, _NODE))
        given = {each.name for each in self.constants}
        inputs, outputs = (_ends(data, side, are_typed=not depth) for side in (_INPUT, _OUTPUT))
        self.inputs = tuple(each for each in inputs if each.name not in given)
        self.outputs = tuple(outputs)
        self._values = data

    @cached_property
    def types(self) -> dict[str, str]:
        """Value → type, as far as the file states it."""
        stated = {text(first(each, 1)): _tensor_type(each) for each in messages(self._values, _VALUE_INFO)}
        known = {name: dtype_name(integer(each, 1)) for name, each in stated.items() if integer(each, 1)}
        known |= {each.name: each.dtype for each in (*self.inputs, *self.outputs)}
        return known | {each.name: each.dtype for each in self.constants}

    def every_node(self) -> Iterator[Node]:
        """Its nodes and those of the graphs within them."""
        return _with_bodies(self.nodes)

    def every_constant(self) -> Iterator[Constant]:
        """Its constants, those of its nodes, and those of the graphs within them."""
        yield from self.constants
        for node in self.nodes:
            yield from node.constants
            for body in node.bodies:
                yield from body.every_constant()


def function_ops(function: memoryview) -> Iterator[str]:
    """The ops of a function that the model brings along."""
    return (inner.op for inner in _with_bodies(_node(each, depth=0) for each in messages(function, 7)))


def ends(graph: Graph) -> tuple[str, ...]:
    """The values of the outermost graph that no node takes."""
    taken = {name for node in graph.every_node() for name in node.inputs}
    return tuple(name for node in graph.nodes for name in node.outputs if name and name not in taken)


def dtype_name(number: int) -> str:
    """The NumPy name of a TensorProto.DataType, or "string".

    Raises:
        Malformed: there is no such type.
    """
    if number not in _NAMES:
        raise Malformed(f"it is damaged: ONNX has no type {number}")
    return _NAMES[number]


def bytes_of(dtype: str, elements: int) -> int:
    """How many bytes so many elements take; those of fewer than 8 bits lie packed, and strings have no width."""
    bits = _BITS.get(dtype) or int(dtype.partition("_")[0].lstrip("abcdefghijklmnopqrstuvwxyz"))
    return -(-elements * bits // 8)


def _with_bodies(nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        for body in node.bodies:
            yield from body.every_node()


def _node(data: memoryview, *, depth: int) -> Node:
    domain, op = text(first(data, _DOMAIN)), text(first(data, _OP))
    if not op:
        raise Malformed("it is damaged: a node has no type")
    attributes = list(messages(data, _ATTRIBUTE))
    return Node(
        op=op if domain in _OWN_DOMAINS else f"{domain}.{op}",
        name=text(first(data, _NODE_NAME)),
        inputs=tuple(map(text, messages(data, _NODE_INPUT))),
        outputs=tuple(map(text, messages(data, _NODE_OUTPUT))),
        bodies=tuple(Graph(each, depth=depth + 1) for each in _parts(attributes, _GRAPH, _GRAPHS)),
        constants=tuple(map(_constant, _parts(attributes, _TENSOR, _TENSORS))),
    )


def _parts(attributes: Iterable[memoryview], *numbers: int) -> Iterator[memoryview]:
    for attribute in attributes:
        for number in numbers:
            yield from messages(attribute, number)


def _constant(data: memoryview) -> Constant:
    found = list(fields(data))
    elements = _elements(value for number, value in found if number == _DIMS)
    dtype = dtype_name(integer(data, _DATA_TYPE))
    name = text(first(data, _TENSOR_NAME))
    if integer(data, _DATA_LOCATION) == _EXTERNAL:
        entries = messages(data, _EXTERNAL_DATA)
        return Constant(name, dtype, elements, {text(first(each, 1)): text(first(each, 2)) for each in entries})
    there = {number for number, _ in found}
    if _RAW_DATA in there and dtype != STRING:
        seen, wanted = len(first(data, _RAW_DATA)), bytes_of(dtype, elements)
        if seen != wanted:
            raise Malformed(f"it is truncated or damaged: the constant {name!r} has {seen} bytes where {wanted} belong")
    elif elements and there.isdisjoint(_TYPED_DATA | {_RAW_DATA}):
        raise Malformed(f"it is truncated or damaged: the constant {name!r} has no values")
    return Constant(name, dtype, elements, None)


def _elements(dims: Iterable[Value]) -> int:
    sizes = [signed(size) for value in dims for size in numbers(value)]
    if any(size < 0 for size in sizes):
        raise Malformed("it is damaged: a constant has a negative size")
    return math.prod(sizes)


def _ends(graph: memoryview, side: int, *, are_typed: bool) -> list[Tensor]:
    """Inputs or outputs; what loops and branches run may leave types out, for they follow from the graph around it."""
    return [_tensor(each) for each in messages(graph, side) if are_typed or integer(_tensor_type(each), 1)]


def _tensor(data: memoryview) -> Tensor:
    name, kind = text(first(data, 1)), _tensor_type(data)
    if not integer(kind, 1):
        raise BadModel(f"the model's input or output {name!r} is no tensor (a sequence, a map or an optional value)")
    shapes = [tuple(map(_size, messages(shape, 1))) for shape in messages(kind, 2)]
    return Tensor(name=name, dtype=dtype_name(integer(kind, 1)), shape=shapes[0] if shapes else None)


def _tensor_type(value_info: memoryview) -> memoryview:
    return first(first(value_info, 2), 1)


def _size(dimension: memoryview) -> int | None:
    """The size, or None for one that has a name or nothing instead of a number."""
    for number, value in fields(dimension):
        if number == 1:
            size = signed(as_int(value))
            return None if size < 0 else size
        if number == 2:  # noqa: PLR2004 (dim_param)
            text(as_bytes(value))
    return None
