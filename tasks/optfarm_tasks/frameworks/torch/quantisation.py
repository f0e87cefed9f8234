"""Quantises exported programs by PyTorch's PT2E, for the integer kernels that Inductor has for x86."""

from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import NDArray
from pydantic import Field

from optfarm_tasks.errors import BadModel, NothingToDo
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.torch import conversion, weights
from optfarm_tasks.frameworks.torch.calling import blank, set_state, state_of, tensors_of

MODULES = ("torch", "torchao")
WHERE_OVERFLOWING = {"reduce_range": True}
"""Parameters on processors where sums of products of bytes overflow: oneDNN's kernels are those of OpenVINO."""
REDUCE_RANGE = Field(
    default=False, description="weights in 7 bits, so that no kernel overflows on CPUs without VNNI or AMX"
)
_OTHERS = frozenset({"float16", "float64"})
"""Types of layers that its ops do not quantise."""


def quantised(
    source: conversion.Source, feeds: Iterable[Mapping[str, NDArray[Any]]], *, is_dynamic: bool, reduce_range: bool
) -> Any:
    """The program with ops that quantise and dequantise, exported again.

    Args:
        source: is not changed.
        feeds: samples that show the ranges of activations.
        is_dynamic: whether activations get their ranges while it runs; then there are no samples.
        reduce_range: whether weights keep 7 bits.

    Raises:
        BadModel: PyTorch cannot quantise it.
        UnsupportedOp: its layers compute in a type that is not quantised.
        NothingToDo: it has no layer that is quantised, its ops are named; or it was quantised before.
    """
    import torch
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer

    if conversion.is_quantised(source.program):
        raise NothingToDo("PyTorch quantised the model already")
    weights.refuse_types(source.program, _OTHERS, user="PyTorch's quantisation")
    quantizer = x86_inductor_quantizer.X86InductorQuantizer()
    config = x86_inductor_quantizer.get_default_x86_inductor_quantization_config(
        is_dynamic=is_dynamic, reduce_range=reduce_range
    )
    quantizer.set_global(config)
    before = conversion.counts(source.program)
    with blaming(BadModel, "PyTorch cannot quantise the model"), torch.no_grad():
        plain = source.program.module()
        state = state_of(plain, source.state)
        prepared = prepare_pt2e(plain, quantizer)
        for feed in feeds or [blank(source.signature)]:
            args, kwargs = source.caller.arguments(tensors_of(feed))
            prepared(*args, **kwargs)
        module = convert_pt2e(prepared)
    set_state(module, state)
    _drop_unread(module)
    _hold_zero(module)
    made = source.exported(module)
    if not conversion.is_quantised(made):
        raise NothingToDo(
            f"no layer of the model is quantised: its ops are {', '.join(sorted(before.keys() - {'total'}))}"
        )
    return made


def _hold_zero(module: Any) -> None:
    """Has each range that is found at a request hold 0, in place: Inductor computes wrong where it does not.

    The op itself widens the range, and Inductor 2.13 does not when it compiles it: inputs of 0.8 to 1 lost 0.6 in NMSE.
    """
    import torch

    choosing = torch.ops.quantized_decomposed.choose_qparams.tensor
    for node in list(module.graph.find_nodes(op="call_function", target=choosing)):
        with module.graph.inserting_before(node):
            flat = module.graph.call_function(torch.ops.aten.reshape.default, (node.args[0], [-1]))
            padded = module.graph.call_function(torch.ops.aten.constant_pad_nd.default, (flat, [0, 1], 0.0))
        node.replace_input_with(node.args[0], padded)
    module.recompile()


def _drop_unread(module: Any) -> None:
    """Takes out the weights that no node reads any more: PT2E leaves those in float32, and the file would grow."""
    read = {node.target for node in module.graph.nodes if node.op == "get_attr"}
    named = [name for name, _ in (*module.named_parameters(), *module.named_buffers())]
    for name in named:
        if name not in read:
            parent, _, leaf = name.rpartition(".")
            delattr(module.get_submodule(parent), leaf)
