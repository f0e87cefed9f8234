"""Finds what a TensorFlow graph or a Keras model keeps from one call to the next, from its bytes alone."""

from collections.abc import Iterable, Iterator
from typing import Any

from optfarm_tasks.formats.graph_def import Node, function_bodies, giver, nodes

_WRITES = "Assign"
"""What the ops that change a variable begin with; they stand in a served function only if it changes one."""


def of_graph(graph: memoryview, ends: Iterable[str]) -> tuple[str, ...]:
    """The nodes that change a variable on the way to some ends, as "name (op)".

    Args:
        graph: the bytes of a GraphDef.
        ends: nodes of its outermost graph.

    Raises:
        Malformed: the bytes do not follow the format.
    """
    functions = function_bodies(graph)
    found = (node for node in _reached(tuple(nodes(graph)), ends, functions) if node.op.startswith(_WRITES))
    return tuple(sorted({f"{node.name} ({node.op})" for node in found}))


def of_keras(model: Any) -> tuple[str, ...]:
    """The layers of a Keras configuration that are stateful, with those within others."""
    return tuple(sorted(set(_stateful(model))))


def _reached(graph: tuple[Node, ...], ends: Iterable[str], functions: dict[str, tuple[Node, ...]]) -> Iterator[Node]:
    """The nodes that some ends need, and all nodes of the functions that those call."""
    by_name = {node.name: node for node in graph}
    needed: dict[str, Node] = {}
    left = list(ends)
    while left:
        name = left.pop()
        if name in by_name and name not in needed:
            needed[name] = by_name[name]
            left.extend(map(giver, by_name[name].inputs))
    yield from needed.values()
    # Names of nodes within a function are its own: those of the graph may be the same and have nothing to do with it.
    called = [name for node in needed.values() for name in node.functions()]
    seen: set[str] = set()
    while called:
        name = called.pop()
        if name not in seen:
            seen.add(name)
            yield from functions.get(name, ())
            called.extend(each for node in functions.get(name, ()) for each in node.functions())


def _stateful(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for each in part:
            yield from _stateful(each)
    if not isinstance(part, dict):
        return
    if part.get("stateful") is True:
        yield str(part.get("name", "a layer"))
    for each in part.values():
        yield from _stateful(each)
