"""Stores the weights of exported programs in int8, and has them turned back when they are read."""

from typing import Any

from optfarm_tasks.frameworks.torch import weights

_AXIS = {"aten.conv_transpose2d": 1}
"""The axis of a weight's output channels, where it is not the first; of a table, rows are the first."""
_LARGEST = 127
_TABLES = ("aten.embedding",)


def compressed(program: Any, *, min_elements: int) -> tuple[Any, int]:
    """A module of the program with large weights in int8, one scale per output channel; and how many weights.

    Args:
        program: an ExportedProgram, which is not changed.
        min_elements: of the smallest weight that is compressed.
    """
    chosen = {
        name: axis
        for op in (*weights.LAYERS, *_TABLES, *_AXIS)
        for axis in (_AXIS.get(op, 0),)
        for name in weights.of_layers(program, (op,), at=0 if op in _TABLES else 1)
        if weights.type_of(program, name) == "float32" and program.state_dict[name].numel() >= min_elements
    }
    module = program.module()
    for name, axis in chosen.items():
        _replace(module, name, axis)
    module.recompile()
    return module, len(chosen)


def _replace(module: Any, name: str, axis: int) -> None:
    """Has every reader of a weight read int8 and scales in its place."""
    import torch

    nodes = list(module.graph.find_nodes(op="get_attr", target=name))
    stored, scales = _quantised(module.get_parameter(name).detach(), axis)
    parent, _, leaf = name.rpartition(".")
    owner, prefix = module.get_submodule(parent), f"{parent}." if parent else ""
    delattr(owner, leaf)
    owner.register_buffer(f"{leaf}_int8", stored)
    owner.register_buffer(f"{leaf}_scales", scales)
    owner.register_buffer(f"{leaf}_zeros", torch.zeros(scales.shape, dtype=torch.int64))
    for node in nodes:
        with module.graph.inserting_before(node):
            parts = [module.graph.get_attr(f"{prefix}{leaf}_{kind}") for kind in ("int8", "scales", "zeros")]
            read = module.graph.call_function(
                torch.ops.quantized_decomposed.dequantize_per_channel.default,
                (*parts, axis, -_LARGEST, _LARGEST, torch.int8),
            )
        node.replace_all_uses_with(read)
        module.graph.erase_node(node)


def _quantised(weight: Any, axis: int) -> tuple[Any, Any]:
    """A weight in int8, symmetric, and a scale for each slice along an axis."""
    import torch

    others = [each for each in range(weight.dim()) if each != axis]
    scales = weight.abs().amax(dim=others).clamp(min=torch.finfo(torch.float32).tiny) / _LARGEST
    shape = [-1 if each == axis else 1 for each in range(weight.dim())]
    return torch.round(weight / scales.reshape(shape)).to(torch.int8), scales
