"""Names a graph's inputs and outputs after the keys of its one signature: a .pb has no other names for them."""

import re
from typing import Any

from optfarm_tasks.errors import UnsupportedOp
from optfarm_tasks.formats.graph_def import giver
from optfarm_tasks.frameworks.tensorflow.freeze import MetaGraph

_NAME = re.compile(r"[A-Za-z0-9.][\w.\\/>-]*", re.ASCII)


def with_named_ends(graph: MetaGraph) -> Any:
    """The GraphDef of a graph, changed in place: a node has the name of each input, and one that of each output.

    Raises:
        UnsupportedOp: an input and an output have one name, or a name is none that a node may have.
    """
    (signature,) = graph.signature_def.values()
    placeholders = {giver(info.name): key for key, info in signature.inputs.items()}
    definition = graph.graph_def
    # A node with several outputs is written as node, node:1 …; one with a single output must not be taken by another.
    whole = _alone(definition) | {key for key in signature.outputs if f"{key}:1" in signature.outputs}
    added = {key: info for key, info in signature.outputs.items() if not _is_named(key, info.name, whole)}
    _check(set(signature.inputs), set(signature.outputs), set(added))
    renamed = placeholders | _out_of_the_way(definition, {*placeholders.values(), *added}, set(placeholders))
    for node in definition.node:
        node.name = renamed.get(node.name, node.name)
        node.input[:] = [_renamed(name, renamed) for name in node.input]
    for key, info in sorted(added.items()):
        end = definition.node.add(name=key, op="Identity", input=[_renamed(info.name, renamed)])
        end.attr["T"].type = info.dtype
    return definition


def _is_named(key: str, tensor: str, whole: set[str]) -> bool:
    """Whether a node gives an output by the output's name: scores:0 is scores, and topk:1 is itself."""
    return tensor == key or (tensor == f"{key}:0" and key in whole)


def _alone(definition: Any) -> set[str]:
    """The nodes that give one output, which no node takes."""
    from tensorflow.python.framework import op_def_registry

    taken = {giver(name) for node in definition.node for name in node.input}
    ops = {op: op_def_registry.get(op) for op in {node.op for node in definition.node}}
    single = {op for op, found in ops.items() if found is not None and _gives_one(found.output_arg)}
    return {node.name for node in definition.node if node.op in single and node.name not in taken}


def _gives_one(outputs: Any) -> bool:
    return len(outputs) == 1 and not outputs[0].number_attr and not outputs[0].type_list_attr


def _check(inputs: set[str], outputs: set[str], added: set[str]) -> None:
    both = sorted(inputs & outputs)
    if both:
        raise UnsupportedOp(
            f"input and output are both named {both[0]}, but nodes of a .pb differ in name; use freeze instead"
        )
    unfit = sorted(name for name in inputs | added if not _NAME.fullmatch(name))
    if unfit:
        raise UnsupportedOp(f"{unfit[0]!r} is no name that a node may have; make the model a SavedModel by freeze")


def _out_of_the_way(definition: Any, wanted: set[str], placeholders: set[str]) -> dict[str, str]:
    """New names of inner nodes that have a name which an end is to get."""
    names = {node.name for node in definition.node}
    inner = sorted((names & wanted) - placeholders)
    taken = names | wanted
    renamed = {}
    for name in inner:
        number = next(number for number in range(len(taken) + 1) if f"{name}/inner_{number}" not in taken)
        renamed[name] = f"{name}/inner_{number}"
        taken.add(renamed[name])
    return renamed


def _renamed(name: str, names: dict[str, str]) -> str:
    node = giver(name)
    return name.replace(node, names.get(node, node), 1)
