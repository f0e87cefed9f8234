"""Stands in for the classes that models put their results into, such as Hugging Face's ModelOutput.

An exported program names them, and PyTorch does not read it before their library has registered them. Their tensors are
all that is needed of them, so the library need not be there.
"""

from collections.abc import Collection, Iterable
from typing import Any


class Container:
    """Values, and what the class keeps of them beside: mostly their names."""

    context: Any
    values: list[Any]

    def __init__(self, values: Iterable[Any], context: Any) -> None:
        """Takes both."""
        self.values, self.context = list(values), context


def register(names: Collection[str]) -> None:
    """Makes classes known to PyTorch by name; those that it knows already stay."""
    from torch.utils import _pytree

    for name in sorted(set(names) - set(_pytree.SERIALIZED_TYPE_TO_PYTHON_TYPE)):
        stand_in = type(name.rpartition(".")[2], (Container,), {})
        _pytree.register_pytree_node(
            stand_in, lambda held: (held.values, held.context), stand_in, serialized_type_name=name
        )
