"""Writes an exported program as TFLite by LiteRT's converter for PyTorch."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from optfarm_tasks.description import Tensor
from optfarm_tasks.errors import BadModel, UnsupportedOp
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.torch import weights
from optfarm_tasks.frameworks.torch.calling import by_name, tensors_of
from optfarm_tasks.frameworks.torch.conversion import Source

_OTHERS = frozenset({"bfloat16", "float16", "float64"})
"""Types of layers that it has no kernels for."""


def write(source: Source, file: Path, *, batch: int) -> None:
    """Writes a program for one batch.

    Raises:
        BadModel: the converter fails on it.
        UnsupportedOp: a size varies that is no batch, or a layer computes in another type than float32.
    """
    import litert_torch
    import numpy as np

    weights.refuse_types(source.program, _OTHERS, user="TFLite")
    arrays = {each.name: np.zeros(_shape(each, batch), each.dtype) for each in source.signature.inputs}
    name = source.signature.name
    with blaming(BadModel, "LiteRT cannot convert the model"), _quiet():
        module = by_name(source.program.module(), source.caller)
        made = litert_torch.signature(name, module, sample_kwargs=tensors_of(arrays)).convert(strict_export=False)
        made.export(str(file))


def _shape(tensor: Tensor, batch: int) -> tuple[int, ...]:
    """The shape for a batch.

    Raises:
        UnsupportedOp: another size varies, or the batch is fixed.
    """
    sizes = list(tensor.shape or ())
    if tensor.axis is not None and sizes:
        fixed = sizes[tensor.axis]
        if fixed not in (None, batch):
            raise UnsupportedOp(f"{tensor.name} has a fixed batch of {fixed}; write torch-tflite(batch={fixed})")
        sizes[tensor.axis] = batch
    if None in sizes:
        raise UnsupportedOp(f"TFLite has to know all sizes, and {tensor} varies in others than the batch")
    return tuple(size for size in sizes if size is not None)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Discards the progress that the converter draws on the standard output."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield
