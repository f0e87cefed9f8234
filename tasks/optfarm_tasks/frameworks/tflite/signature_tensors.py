"""Which tensors of a .tflite are the inputs and outputs that its signature names: converters know the tensors alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.errors import BadModel, UnsupportedOp
from optfarm_tasks.frameworks.imports import blaming

_RESOURCES = ("ASSIGN_VARIABLE", "HASHTABLE", "READ_VARIABLE", "VAR_HANDLE")


@dataclass(frozen=True)
class Ends:
    """Input or output → the name of its tensor, in the order of the graph."""

    file: Path
    inputs: dict[str, str]
    outputs: dict[str, str]


def refuse_resources(model: Path, *, user: str) -> None:
    """Passes when no op of a .tflite reads or writes what lies outside its graph: variables and tables.

    Args:
        model: its folder; nothing of it is run.
        user: what takes no such op.

    Raises:
        UnsupportedOp: one does; all of them are named.
    """
    found = sorted(op for op in formats.describe(model).ops if op.startswith(_RESOURCES))
    if found:
        raise UnsupportedOp(
            f"{user} has no counterpart for {', '.join(found)}, by which this .tflite keeps state or looks up a table"
        )


def refuse_sparse(model: Path, *, user: str) -> None:
    """Passes when every constant of a .tflite is stored whole: the interpreter unpacks others, converters do not.

    Args:
        model: its folder; nothing of it is run.
        user: what reads the bytes of constants as they lie there.

    Raises:
        UnsupportedOp: one is not; all of them are named.
    """
    from ai_edge_litert import schema_py_generated as schema

    stored = schema.Model.GetRootAs(formats.file_of(model).read_bytes())
    graphs = [stored.Subgraphs(index) for index in range(stored.SubgraphsLength())]
    tensors = [graph.Tensors(index) for graph in graphs for index in range(graph.TensorsLength())]
    found = [each.Name().decode() for each in tensors if each.Sparsity() is not None]
    if found:
        raise UnsupportedOp(f"{user} reads no tensor that is stored sparsely, as {', '.join(found)} of this .tflite is")


def ends_of(model: Path) -> Ends:
    """The ends of the signature that is run.

    Raises:
        BadModel: LiteRT cannot load it, or the signature is that of another graph than the first.
    """
    from ai_edge_litert.interpreter import Interpreter

    file = formats.file_of(model)
    name = formats.describe(model).signature.name
    with blaming(BadModel, "LiteRT cannot load the model"):
        interpreter = Interpreter(str(file))
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if name not in interpreter.get_signature_list():
        return Ends(file, _as_they_are(inputs), _as_they_are(outputs))
    runner = interpreter.get_signature_runner(name)
    _refuse_second(name, runner.get_input_details() | runner.get_output_details(), [*inputs, *outputs])
    return Ends(file, _named(runner.get_input_details(), inputs), _named(runner.get_output_details(), outputs))


def _refuse_second(name: str, own: dict[str, Any], first: list[dict[str, Any]]) -> None:
    """Converters read the first graph of a .tflite, whatever signature is run."""
    known = {(each["index"], each["name"]) for each in first}
    if not {(each["index"], each["name"]) for each in own.values()} <= known:
        raise BadModel(f"the signature {name} is not that of the first graph; convert the model with it alone")


def _as_they_are(details: list[dict[str, Any]]) -> dict[str, str]:
    return {each["name"]: each["name"] for each in details}


def _named(by_key: dict[str, Any], details: list[dict[str, Any]]) -> dict[str, str]:
    order = [each["index"] for each in details]
    known = {key: each["index"] for key, each in by_key.items() if each["index"] in order}
    names = {each["index"]: each["name"] for each in details}
    return {key: names[known[key]] for key in sorted(known, key=lambda key: (order.index(known[key]), key))}
