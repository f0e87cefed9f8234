"""Calls an exported program with arrays by name, and names what it gives."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.description import Signature
from optfarm_tasks.formats.pt2 import Ends

Tensors = dict[str, Any]


class Caller:
    """Turns tensors by input name into a program's arguments, and its result into tensors by output name."""

    def __init__(self, program: Any, ends: Ends) -> None:
        """Takes an ExportedProgram and what its file says that it takes and gives."""
        self._spec = program.call_spec.in_spec
        self._inputs = [leaf if leaf.tensor else None for leaf in ends.inputs]
        self._outputs = [leaf.name if leaf.tensor else None for leaf in ends.outputs]
        self._constants = _constants(program)

    def typed(self, tensors: Mapping[str, Any]) -> Tensors:
        """The same, in bfloat16 where the program takes that."""
        return {name: tensor.bfloat16() if name in self.bfloat16_inputs else tensor for name, tensor in tensors.items()}

    @property
    def bfloat16_inputs(self) -> tuple[str, ...]:
        """The inputs that are bfloat16."""
        return tuple(leaf.name for leaf in self._inputs if leaf is not None and leaf.is_bfloat16)

    @property
    def has_constants(self) -> bool:
        """Whether some arguments are no tensors."""
        return bool(self._constants)

    def arguments(self, tensors: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """Positional and named arguments of a call."""
        from torch.utils import _pytree

        constants, typed = iter(self._constants), self.typed(tensors)
        leaves = [next(constants) if leaf is None else typed[leaf.name] for leaf in self._inputs]
        args, kwargs = _pytree.tree_unflatten(leaves, self._spec)
        return args, kwargs

    def named(self, result: Any) -> Tensors:
        """The tensors of a call's result by name."""
        from torch.utils import _pytree

        leaves = _pytree.tree_leaves(result)
        return {name: leaf for name, leaf in zip(self._outputs, leaves, strict=True) if name is not None}


def blank(signature: Signature, *, varying: int = 1) -> dict[str, NDArray[Any]]:
    """Zeros for each input, with a number for sizes that vary."""
    shapes = {each.name: [varying if size is None else size for size in each.shape or ()] for each in signature.inputs}
    return {each.name: np.zeros(shapes[each.name], each.dtype) for each in signature.inputs}


def state_of(module: Any, names: Collection[str]) -> Tensors:
    """Copies of the buffers that calls change."""
    return {name: buffer.detach().clone() for name, buffer in module.named_buffers() if name in names}


def set_state(module: Any, state: Tensors) -> None:
    """Sets buffers to what they were when they were copied."""
    import torch

    buffers = dict(module.named_buffers())
    with torch.no_grad():
        for name, first in state.items():
            buffers[name].copy_(first)


def by_name(module: Any, caller: Caller, names: Sequence[str] = ()) -> Any:
    """A module that takes tensors by input name, or in an order of names, and gives a dict of them by output name."""
    import torch

    class Named(torch.nn.Module):  # type: ignore[misc]  # PyTorch is not where this is checked
        """Calls the program as it wants to be called."""

        def __init__(self) -> None:
            super().__init__()
            self.program = module

        def forward(self, *ordered: Any, **named: Any) -> Any:
            """Names in, names out."""
            args, kwargs = caller.arguments({**dict(zip(names, ordered, strict=True)), **named})
            return caller.named(self.program(*args, **kwargs))

    return Named()


def tensors_of(arrays: Mapping[str, NDArray[Any]]) -> Tensors:
    """Tensors that share the memory of arrays."""
    import torch

    return {name: torch.from_numpy(np.require(array, requirements="W")) for name, array in arrays.items()}


def _constants(program: Any) -> list[Any]:
    """The arguments that are no tensors, in their order: the program was exported for these values alone."""
    from torch.export.graph_signature import ConstantArgument, InputKind

    given = [spec.arg for spec in program.graph_signature.input_specs if spec.kind is InputKind.USER_INPUT]
    return [arg.value for arg in given if isinstance(arg, ConstantArgument)]
