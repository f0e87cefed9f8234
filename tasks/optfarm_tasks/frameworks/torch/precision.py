"""Reads back in which types a program's layers compute, by watching a call or by the code that was compiled."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_HEAVY = frozenset(
    {
        *("addbmm", "addmm", "baddbmm", "bmm", "conv1d", "conv2d", "conv3d", "convolution", "linear", "matmul", "mm"),
        *("mkldnn_rnn_layer", "gru", "lstm", "rnn_tanh", "rnn_relu", "scaled_dot_product_attention"),
        *("_scaled_dot_product_flash_attention_for_cpu", "_convolution", "mkldnn_convolution"),
    }
)
"""Ops that take a model's time; of a model without any, all ops count."""
_INTEGERS = ("qconv", "qlinear", "_weight_int8pack_mm", "_int_mm")
"""What Inductor's code calls where it computes in integers."""
_HALVES = {"torch.bfloat16": "bfloat16", "torch.float16": "float16"}


def of_call(module: Any, arguments: tuple[Sequence[Any], Any], *, is_compiled: bool) -> str:
    """The types, sorted and joined: float32; bfloat16; int8.

    Args:
        module: is called once.
        arguments: positional and named.
        is_compiled: whether it is what torch.compile gave; then its code is read.
    """
    args, kwargs = arguments
    if is_compiled:
        return _of_code(module, args, kwargs)
    watch = _watch()
    with watch:
        module(*args, **kwargs)
    return "; ".join(sorted(watch.heavy or watch.light)) or "no floating point"


def array_of(tensor: Any) -> NDArray[Any]:
    """A tensor as an array; bfloat16 as float32."""
    import torch

    given = tensor.detach().cpu()
    array: NDArray[Any] = np.asarray(given.float() if given.dtype is torch.bfloat16 else given)
    return array


def _of_code(module: Any, args: Sequence[Any], kwargs: Any) -> str:
    import torch
    from torch._inductor.utils import run_and_get_code

    torch.compiler.reset()
    _, codes = run_and_get_code(module, *args, **kwargs)
    code = "\n".join(codes)
    if any(each in code for each in _INTEGERS):
        return "int8"
    halves = {name for spelled, name in _HALVES.items() if spelled in code}
    return "; ".join(sorted(halves)) or "float32"


def _watch() -> Any:
    """A mode that records the floating types which ops compute in."""
    import torch
    from torch.utils import _pytree
    from torch.utils._python_dispatch import TorchDispatchMode

    class Watch(TorchDispatchMode):  # type: ignore[misc]  # PyTorch is not where this is checked
        """Records types by the kind of the op."""

        def __init__(self) -> None:
            super().__init__()
            self.heavy: set[str] = set()
            self.light: set[str] = set()

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            found = func(*args, **(kwargs or {}))
            tensors = [each for each in _pytree.tree_leaves(found) if isinstance(each, torch.Tensor)]
            kinds = {str(each.dtype).removeprefix("torch.") for each in tensors if each.is_floating_point()}
            name = func._schema.name.partition("::")[2]  # noqa: SLF001 (an op has no other plain name)
            (self.heavy if name in _HEAVY else self.light).update(kinds)
            return found

    return Watch()
