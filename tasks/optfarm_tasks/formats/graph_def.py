"""Reads a TensorFlow graph from its bytes: nodes, what they take, their attributes; weights stay where they lie.

Numbers of fields are those of graph.proto, node_def.proto, function.proto and attr_value.proto.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from optfarm_tasks.description import Shape
from optfarm_tasks.formats.raw import text
from optfarm_tasks.formats.tensorflow_types import dtype_name, shape_of
from optfarm_tasks.formats.wire import as_bytes, fields, first, integer, messages, numbers

NODE, LIBRARY, VERSIONS = 1, 2, 4
FIELDS = range(1, 6)
"""Every field that a GraphDef may have."""

_FUNCTION, _FUNCTION_NODE = 1, 3
_NAME, _OP, _INPUT, _ATTRIBUTE = 1, 2, 3, 5
_KEY, _VALUE = 1, 2
_LIST, _INTEGER, _TYPE, _SHAPE, _TENSOR = 1, 3, 6, 7, 8
_TENSOR_SHAPE = 2
_PRODUCER = 1
_FUNC, _LISTED_FUNC, _FUNC_NAME = 10, 9, 1
_SIGNATURE, _SIGNATURE_NAME = 1, 1

_ENDS_OF_NOTHING = frozenset(
    {"NoOp", "Placeholder", "PlaceholderWithDefault", "Const", "VarHandleOp", "ReadVariableOp", "Assert"}
)


@dataclass(frozen=True)
class Node:
    """A node of a graph."""

    name: str
    op: str
    inputs: tuple[str, ...] = ()
    """As the graph writes them: node, node:output or ^node."""
    attributes: Mapping[str, memoryview] = field(default_factory=dict)
    """Name → the bytes of its AttrValue."""

    def type(self, attribute: str) -> str | None:
        """The type that an attribute names, or None where there is no such attribute."""
        found = integer(self.attributes.get(attribute, memoryview(b"")), _TYPE)
        return dtype_name(found) if found else None

    def types(self, attribute: str) -> tuple[str, ...]:
        """The types that an attribute lists."""
        listed = first(self.attributes.get(attribute, memoryview(b"")), _LIST)
        return tuple(dtype_name(number) for number in _numbers(listed, _TYPE))

    def functions(self) -> tuple[str, ...]:
        """The functions that the attributes name, which the node may call."""
        called = [each for value in self.attributes.values() for each in messages(value, _FUNC)]
        listed = [each for value in self.attributes.values() for each in messages(value, _LIST)]
        called += [each for found in listed for each in messages(found, _LISTED_FUNC)]
        return tuple(text(first(each, _FUNC_NAME)) for each in called)

    def number(self, attribute: str) -> int:
        """A number among the attributes, or 0."""
        return integer(self.attributes.get(attribute, memoryview(b"")), _INTEGER)

    def shape(self, attribute: str) -> Shape | None:
        """The shape that an attribute gives; None where it is absent or of unknown rank."""
        found = list(messages(self.attributes.get(attribute, memoryview(b"")), _SHAPE))
        return shape_of(found[0]) if found else None

    def shapes(self, attribute: str) -> tuple[Shape | None, ...]:
        """The shapes that an attribute lists."""
        listed = first(self.attributes.get(attribute, memoryview(b"")), _LIST)
        return tuple(shape_of(each) for each in messages(listed, _SHAPE))

    def tensor_shape(self, attribute: str) -> Shape | None:
        """The shape of the tensor that is an attribute's value."""
        tensor = first(self.attributes.get(attribute, memoryview(b"")), _TENSOR)
        return shape_of(first(tensor, _TENSOR_SHAPE))


def nodes(graph: memoryview) -> Iterator[Node]:
    """The nodes of a GraphDef, without those of its functions.

    Raises:
        Malformed: the bytes do not follow the format.
    """
    yield from map(node, messages(graph, NODE))


def function_nodes(graph: memoryview) -> Iterator[Node]:
    """The nodes of the functions that a GraphDef holds.

    Raises:
        Malformed: the bytes do not follow the format.
    """
    for library in messages(graph, LIBRARY):
        for function in messages(library, _FUNCTION):
            yield from map(node, messages(function, _FUNCTION_NODE))


def function_bodies(graph: memoryview) -> dict[str, tuple[Node, ...]]:
    """The name of each function that a GraphDef holds → its nodes.

    Raises:
        Malformed: the bytes do not follow the format.
    """
    return {
        text(first(first(function, _SIGNATURE), _SIGNATURE_NAME)): tuple(map(node, messages(function, _FUNCTION_NODE)))
        for library in messages(graph, LIBRARY)
        for function in messages(library, _FUNCTION)
    }


def node(data: memoryview) -> Node:
    """A NodeDef.

    Raises:
        Malformed: the bytes do not follow the format.
    """
    words = {_NAME: "", _OP: ""}
    inputs: list[str] = []
    attributes: dict[str, memoryview] = {}
    for number, value in fields(data):
        if number in words:
            words[number] = text(as_bytes(value))
        elif number == _INPUT:
            inputs.append(text(as_bytes(value)))
        elif number == _ATTRIBUTE:
            attributes[text(first(as_bytes(value), _KEY))] = first(as_bytes(value), _VALUE)
    return Node(name=words[_NAME], op=words[_OP], inputs=tuple(inputs), attributes=attributes)


def producer(graph: memoryview) -> int:
    """The version of TensorFlow's graphs that a GraphDef was written in; 0 where it does not say."""
    return integer(first(graph, VERSIONS), _PRODUCER)


def giver(name: str) -> str:
    """The node that an input is of: of "split:1" and of "^split" it is "split"."""
    return name.removeprefix("^").partition(":")[0]


def unconsumed(graph: Iterable[Node]) -> tuple[Node, ...]:
    """The nodes that give something which no node takes, in the order of the graph."""
    graph = tuple(graph)
    taken = {giver(name) for each in graph for name in each.inputs}
    return tuple(each for each in graph if each.name not in taken and each.op not in _ENDS_OF_NOTHING)


def _numbers(message: memoryview, number: int) -> Iterator[int]:
    """The values of a repeated field of numbers, packed or not."""
    for found, value in fields(message):
        if found == number:
            yield from numbers(value)
