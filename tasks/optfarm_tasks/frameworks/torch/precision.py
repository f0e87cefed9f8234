"""Reads back in which types a program's layers compute, by watching a call or by the code that was compiled."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEAVY = frozenset(
    {
        *("addbmm", "addmm", "baddbmm", "bmm", "conv1d", "conv2d", "conv3d", "convolution", "linear", "matmul", "mm"),
        *("mkldnn_rnn_layer", "gru", "lstm", "rnn_tanh", "rnn_relu", "scaled_dot_product_attention"),
        *("_scaled_dot_product_flash_attention_for_cpu", "_convolution", "mkldnn_convolution"),
    }
)
"""Ops that take a model's time; of a model without any, all ops count."""
_INTEGERS = ("qconv", "qlinear", "_weight_int8pack_mm", "_int_mm")
"""What Inductor's code calls where it computes in integers."""
_OTHERS = {"torch.bfloat16": "bfloat16", "torch.float16": "float16", "torch.float64": "float64", "double*": "float64"}
"""How Inductor's code spells types other than float32."""


@dataclass
class Watched:
    """The floating types that ops gave, of those that take a model's time and of all others."""

    heavy: set[str] = field(default_factory=set)
    light: set[str] = field(default_factory=set)


def of_types(watched: Watched, *, has_tf32: bool = False) -> str:
    """The types of the ops that take the time, or of all if there are none: float32; bfloat16.

    Args:
        watched: what was seen.
        has_tf32: whether products of float32 are rounded to TF32, which no type says.
    """
    found = _rounded(watched.heavy, has_tf32=has_tf32) or watched.light
    return "; ".join(sorted(found)) or "no floating point"


def of_code(codes: Sequence[str], *, has_tf32: bool = False) -> str:
    """The type in which the code that Inductor wrote computes: int8, bfloat16, float32, tf32."""
    code = "\n".join(codes)
    if any(each in code for each in _INTEGERS):
        return "int8"
    found = {name for spelled, name in _OTHERS.items() if spelled in code}
    return "; ".join(sorted(found or _rounded({"float32"}, has_tf32=has_tf32)))


def _rounded(kinds: set[str], *, has_tf32: bool) -> set[str]:
    return {"tf32" if has_tf32 and kind == "float32" else kind for kind in kinds}


def array_of(tensor: Any) -> NDArray[Any]:
    """A tensor as an array; bfloat16 as float32."""
    import torch

    given = tensor.detach().cpu()
    array: NDArray[Any] = np.asarray(given.float() if given.dtype is torch.bfloat16 else given)
    return array


@contextmanager
def watching() -> Iterator[Watched]:
    """Records the types of what ops give meanwhile."""
    import torch
    from torch.utils import _pytree
    from torch.utils._python_dispatch import TorchDispatchMode

    watched = Watched()

    class Watch(TorchDispatchMode):  # type: ignore[misc]  # PyTorch is not where this is checked
        """Looks at each op."""

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            found = func(*args, **(kwargs or {}))
            tensors = [each for each in _pytree.tree_leaves(found) if isinstance(each, torch.Tensor)]
            kinds = {str(each.dtype).removeprefix("torch.") for each in tensors if each.is_floating_point()}
            name = func._schema.name.partition("::")[2]  # noqa: SLF001 (an op has no other plain name)
            (watched.heavy if name in HEAVY else watched.light).update(kinds)
            return found

    with Watch():
        yield watched
