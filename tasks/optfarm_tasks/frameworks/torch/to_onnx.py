"""Writes an exported program as ONNX by PyTorch's own exporter."""

import contextlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optfarm_tasks.errors import BadModel, UnsupportedOp
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.torch.conversion import Source

_NO_COUNTERPART = re.compile(r"No (?:ONNX function|decompositions registered) .*?OpOverload\(op='(\w+\.\w+)")


def write(source: Source, file: Path) -> None:
    """Writes a program with the names of its signature, weights and all in one file.

    Raises:
        BadModel: the exporter fails on it.
        UnsupportedOp: an op has no counterpart; the message names it.
    """
    import torch

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with blaming(BadModel, "PyTorch cannot write the model as ONNX"), _naming_ops():
        exported = torch.onnx.export(source.program, dynamo=True, optimize=True, verbose=False)
        if exported is None:
            raise BadModel("PyTorch's exporter to ONNX gave nothing")
        _name_ends(exported.model.graph, source)
        exported.save(str(file), external_data=False)


def _name_ends(graph: Any, source: Source) -> None:
    """Gives inputs and outputs the names of the signature; an input that is handed on keeps its own."""
    for values, tensors in (
        (graph.inputs, source.signature.inputs),
        (graph.outputs, source.signature.outputs),
    ):
        for value, tensor in zip(values, tensors, strict=True):
            _take_name(graph, value, tensor.name)


def _take_name(graph: Any, value: Any, name: str) -> None:
    if value.name == name:
        return
    values = [*graph.inputs, *(output for node in graph for output in node.outputs), *graph.initializers.values()]
    for other in values:
        if other is not value and other.name == name:
            other.name = f"{name}_inside"
    value.name = name


@contextlib.contextmanager
def _naming_ops() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None:
            found = _NO_COUNTERPART.search(str(cause))
            if found is not None:
                raise UnsupportedOp(f"ONNX has no counterpart for {found[1]}") from error
            cause = cause.__cause__
        raise
