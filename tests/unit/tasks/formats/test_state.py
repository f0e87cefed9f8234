"""A graph keeps state if what is served changes a variable, not if what only restores it does."""

from optfarm_tasks.formats.state import of_graph, of_keras
from tests.unit.protobuf import field


def node(name: str, op: str, *inputs: str, calls: str = "") -> bytes:
    """A NodeDef; one that calls a function names it in an attribute."""
    parts = [field(1, name.encode()), field(2, op.encode()), *(field(3, each.encode()) for each in inputs)]
    called = field(1, b"f") + field(2, field(10, field(1, calls.encode())))
    return b"".join(parts) + (field(5, called) if calls else b"")


def function(name: str, *nodes: bytes) -> bytes:
    """A FunctionDef."""
    return field(1, field(1, name.encode())) + b"".join(field(3, each) for each in nodes)


def graph(nodes: tuple[bytes, ...], *functions: bytes) -> memoryview:
    library = field(2, b"".join(field(1, each) for each in functions))
    return memoryview(b"".join(field(1, each) for each in nodes) + library)


CALLS = (
    node("x", "Placeholder"),
    node("Call", "StatefulPartitionedCall", "x", calls="serve"),
    node("Call_1", "StatefulPartitionedCall", calls="restore"),
)
RESTORE = function("restore", node("AssignVariableOp", "AssignVariableOp"))


def test_what_a_served_function_calls_is_looked_at() -> None:
    serve = function("serve", node("inner", "PartitionedCall", "x", calls="count"))
    count = function("count", node("add", "AssignAddVariableOp"))

    assert of_graph(graph(CALLS, serve, count, RESTORE), ["Call"]) == ("add (AssignAddVariableOp)",)


def test_a_node_within_a_function_is_not_that_of_its_name_outside() -> None:
    serve = function("serve", node("Call_1", "PartitionedCall", calls="relu"), node("y", "Identity", "Call_1:output:0"))
    relu = function("relu", node("y", "Relu"))

    assert of_graph(graph(CALLS, serve, relu, RESTORE), ["Call"]) == ()


def test_stateful_layers_are_found_within_others() -> None:
    cell = {"class_name": "GRU", "config": {"name": "cell", "stateful": True}}
    model = {"config": {"layers": [{"class_name": "Bidirectional", "config": {"name": "both", "layer": cell}}]}}

    assert of_keras(model) == ("cell",)
