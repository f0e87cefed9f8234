"""Which weights the layers of an exported program take, by their names, and how they are changed."""

from collections.abc import Callable, Collection
from typing import Any

from optfarm_tasks.errors import UnsupportedOp

_WEIGHTS_AT = 1
"""Of convolutions and linear layers, the argument that is the weights."""
CONVOLUTIONS = ("aten.conv2d", "aten.convolution", "aten.conv_transpose2d")
LAYERS = ("aten.linear", "aten.conv1d", "aten.conv2d", "aten.conv3d", "aten.convolution")


def of_layers(program: Any, ops: Collection[str], *, at: int = _WEIGHTS_AT) -> tuple[str, ...]:
    """The names of the parameters that are weights of such ops: aten.linear; sorted.

    Args:
        program: an ExportedProgram.
        ops: without their overload.
        at: which argument of the ops they are.
    """
    signature = program.graph_signature
    named = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    taken = {
        node.args[at].name
        for node in program.graph.nodes
        if node.op == "call_function" and ".".join(str(node.target).split(".")[:2]) in ops
    }
    return tuple(sorted({named[name] for name in taken if name in named}))


def refuse_types(program: Any, types: Collection[str], *, user: str) -> None:
    """Passes unless layers have weights of such types.

    Raises:
        UnsupportedOp: one has; it and its type are named.
    """
    for name in of_layers(program, LAYERS):
        if (kind := type_of(program, name)) in types:
            raise UnsupportedOp(f"the layer of {name} computes in {kind}, which {user} does not take; float32 is")


def type_of(program: Any, name: str) -> str:
    """The type of a parameter: float32."""
    return str(program.state_dict[name].dtype).removeprefix("torch.")


def change(program: Any, names: Collection[str], changed: Callable[[str, Any], Any]) -> None:
    """Sets weights anew, in place; what was a parameter stays one."""
    import torch

    for name in names:
        was = program.state_dict[name]
        made = changed(name, was.detach())
        is_parameter = isinstance(was, torch.nn.Parameter)
        program.state_dict[name] = torch.nn.Parameter(made, was.requires_grad) if is_parameter else made
