"""Gives an ONNX graph the types that its engine shall compute in; a strongly typed network has no others."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from optfarm_tasks import formats
from optfarm_tasks.data_sets.calibration import Calibrated, calibration_of
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats.onnx import graph_of
from optfarm_tasks.formats.onnx_graph import Graph
from optfarm_tasks.formats.raw import view
from optfarm_tasks.formats.tensorrt import Builder
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.onnx import narrowing, precision
from optfarm_tasks.frameworks.tensorrt import quantisation
from optfarm_tasks.frameworks.tensorrt.building import Building, Typed, build, source
from optfarm_tasks.technique import Done, Work

Elsewhere = Literal["float16", "bfloat16", "float32"]


class Plain(Building):
    """Float32, and how exactly."""

    tf32: bool = Field(default=False, description="products of float32 may be rounded to 10 bits of mantissa (TF32)")


class Quantised(Building, Calibrated):
    """Eight bits, and what stands beside them."""

    elsewhere: Elsewhere = Field(default="float16", description="type of all that is not computed in 8 bits")


def plain(work: Work, params: Plain, *, builder: Builder) -> Done:
    """An engine in the types that the model has."""
    import onnx

    with source(work) as file:
        typed = file.with_name("typed.onnx")
        # Weights may lie apart and be too large for one file; nothing but types is read of this one.
        _save(onnx.shape_inference.infer_shapes(onnx.load(file, load_external_data=False)), typed)
        stated = _stated(graph_of(typed, view(typed)), params)
        return build(work, params, Typed(file, stated), builder=builder, allows_tf32=params.tf32)


def _stated(graph: Graph, params: Plain) -> str:
    """The types that a graph computes in, as its engine will."""
    stated = precision.precision_of(graph)
    if any(node.op == "QuantizeLinear" for node in graph.nodes):
        stated = f"int8; {stated.rpartition(', ')[2].removesuffix(' activations')} elsewhere"
    return stated.replace("float32", "float32 or TF32") if params.tf32 else stated


def narrow(work: Work, params: Building, dtype: narrowing.Narrow, *, builder: Builder) -> Done:
    """An engine that computes in 16 bits.

    Raises:
        NothingToDo: nothing of the model computes in float32.
    """
    import onnx

    with source(work) as file:
        work.on_progress("narrowing", 0.2)
        typed = _narrowed(onnx.load(file), file.with_name("typed.onnx"), dtype)
        return build(work, params, typed, builder=builder)


def quantised(work: Work, params: Quantised, dtype: quantisation.Eight, *, builder: Builder) -> Done:
    """An engine that multiplies in 8 bits.

    Raises:
        BadData: there is no calibration split, or it does not fit the model.
        NothingToDo: nothing of the model is quantised.
    """
    with source(work) as file:
        samples = calibration_of(work, formats.describe(work.model).signature, params.calibration_samples)
        model, said = quantisation.quantise(file, file.parent, samples.observed(work.on_progress), dtype)
        typed = _beside(model, file.with_name("typed.onnx"), params.elsewhere)
        warnings = (*samples.warnings, *said, *typed.warnings)
        notes = {"calibration_samples": samples.count, "quantised": _pairs(model)} | (typed.notes or {})
        stated = f"{dtype}; {params.elsewhere} elsewhere"
        return build(work, params, Typed(typed.file, stated, warnings, notes), builder=builder)


def _beside(model: Any, target: Path, dtype: Elsewhere) -> Typed:
    if dtype != "float32":
        return _narrowed(model, target, dtype)
    _save(model, target)
    return Typed(target, dtype)


def _narrowed(model: Any, target: Path, dtype: narrowing.Narrow) -> Typed:
    with blaming(BadModel, f"the model cannot be written in {dtype}"):
        made, found = narrowing.narrow(model, dtype)
    _save(made, target)
    return Typed(
        target, dtype, _said(found, dtype), {f"in_{dtype}": dict(found.computed), "in_float32": dict(found.left)}
    )


def _said(found: narrowing.Narrowed, dtype: Elsewhere) -> tuple[str, ...]:
    if not found.unheld:
        return ()
    others = f" and {len(found.unheld) - 1} more" if len(found.unheld) > 1 else ""
    return (f"{dtype} does not hold the numbers of {found.unheld[0]}{others}, so that what takes it stays in float32",)


def _save(model: Any, file: Path) -> None:
    import onnx

    with blaming(BadModel, "the model cannot be stored as one .onnx file"):
        onnx.save(model, file)


def _pairs(model: Any) -> int:
    return sum(node.op_type == "QuantizeLinear" for node in model.graph.node)
