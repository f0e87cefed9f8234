"""The functions that a GraphDef holds: which are used, and what they are called.

TensorFlow draws their names anew with each loading, and takes no two different functions of one name in a process.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

_OF_OTHER_NAMES = (
    "_class",
    "_gradient_op_type",
    "api_implements",
    "backward_function_name",
    "forward_function_name",
)
"""Attributes that name nodes and functions which are no longer there under those names."""

_MUST_COMPILE, _NO_INLINE = "_XlaMustCompile", "_noinline"
_CONTROL_FLOW = frozenset({"While", "StatelessWhile", "If", "StatelessIf", "Case", "StatelessCase"})


def reached(definition: Any) -> tuple[list[Any], list[str]]:
    """The nodes that a GraphDef may run, those of functions among them, and its functions in the order of their use."""
    functions = {function.signature.name: function for function in definition.library.function}
    used: dict[str, None] = {}
    nodes = list(definition.node)
    for node in nodes:  # grows as functions are reached
        for name in _called(node):
            if name in functions and name not in used:
                used[name] = None
                nodes.extend(functions[name].node_def)
    return nodes, list(used)


def name_by_use(definition: Any) -> None:
    """Names the functions of a GraphDef, in place, function_0, function_1 … and drops those that are not used."""
    _rename(definition, {name: f"function_{index}" for index, name in enumerate(reached(definition)[1])})


def name_by_content(definition: Any) -> None:
    """Names the functions of a GraphDef, in place, so that a process may hold those of other graphs too."""
    digest = hashlib.sha256(definition.library.SerializeToString(deterministic=True)).hexdigest()[:12]
    _rename(definition, {name: f"{name}_{digest}" for name in reached(definition)[1]})


def _rename(definition: Any, names: Mapping[str, str]) -> None:
    for node in reached(definition)[0]:
        node.op = names.get(node.op, node.op)
        _forget(node.attr)
        for value in node.attr.values():
            for called in (value.func, *value.list.func):
                if called.name in names:
                    called.name = names[called.name]
    functions = {function.signature.name: function for function in definition.library.function}
    library = type(definition.library)()
    for old, new in names.items():
        functions[old].signature.name = new
        _forget(functions[old].attr)
        library.function.append(functions[old])
    definition.library.CopyFrom(library)


def _called(node: Any) -> Iterator[str]:
    yield node.op
    for key in sorted(node.attr):
        yield node.attr[key].func.name
        yield from (each.name for each in node.attr[key].list.func)


def _forget(attributes: Any) -> None:
    for key in _OF_OTHER_NAMES:
        if key in attributes:
            del attributes[key]


def lower_control_flow(definition: Any, *, is_lowered: bool) -> None:
    """Marks the loops and branches of a GraphDef, in place: lowered, TensorFlow runs them as switches and merges.

    Lowered ones run faster; converters read the functions of the others.
    """
    for node in reached(definition)[0]:
        if node.op in _CONTROL_FLOW:
            node.attr["_lower_using_switch_merge"].b = is_lowered


def forget_compilation(definition: Any) -> bool:
    """Takes away, in place, what says that XLA has to compile a function; gives whether a function was marked so.

    Keras marks grouped convolutions, so that TensorFlow runs them on CPUs. Formats that have them of themselves take
    what the function does; once it is not marked, Grappler puts it in the place of its call.
    """
    marked = [each for each in (*reached(definition)[0], *definition.library.function) if _MUST_COMPILE in each.attr]
    for each in marked:
        for key in (_MUST_COMPILE, _NO_INLINE):
            each.attr.pop(key, None)
    return bool(marked)


def compiled_calls(definition: Any) -> list[Any]:
    """The nodes that call a function which XLA has to compile."""
    return [node for node in reached(definition)[0] if _MUST_COMPILE in node.attr and node.attr[_MUST_COMPILE].b]
