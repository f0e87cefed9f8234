"""The steps that all conversions to TFLite share: a SavedModel in, model.tflite out."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.data_sets.calibration import Calibrated, calibration_of
from optfarm_tasks.description import Format, Signature
from optfarm_tasks.errors import BadModel, NothingToDo, UnsupportedOp
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.tensorflow import graph_edit, state
from optfarm_tasks.frameworks.tflite import masks
from optfarm_tasks.frameworks.tflite.interpreter import plain_interpreter
from optfarm_tasks.technique import Card, Done, Work

ACCEPTS = graph_edit.ACCEPTS
YIELDS = dict.fromkeys(ACCEPTS, Format.TFLITE)
MODULES = (*graph_edit.MODULES, "ai_edge_litert")
card = partial(Card, accepts=ACCEPTS, yields=YIELDS, modules=MODULES)
"""The card of a technique that makes a .tflite."""

FILE = "model.tflite"

_MASKED = (
    "a softmax is masked by numbers near minus infinity, and no integers hold them and its scores; tflite-int8-float "
    "leaves it in float32"
)

_NEEDS_OP = re.compile(r"'(?:tf|tfl)\.(\w+)' op is neither a custom op nor a flex op|ot yet supported for op: '(\w+)'")
_UNWATCHED = re.compile(r"Failed for tensor (\S+)")

_TYPES = {"f16": "float16", "bf16": "bfloat16", "f64": "float64"}
_ELEMENT = re.compile(r"(?:x|<)(bf16|f16|f64)>")

Configure = Callable[[Any, Any], None]
"""Called with TensorFlow and its converter, which it sets up."""


def convert(work: Work, configure: Configure) -> Done:
    """Writes model.tflite by a converter that `configure` sets up.

    Raises:
        UnsupportedOp: the converter has no kernel for an op; the message lists them.
        BadModel: TensorFlow cannot read or convert the model.
    """
    with graph_edit.saved_model(work) as (source, warnings):
        _convert(source, work, configure, signature=formats.describe(source).signature)
    return Done(warnings=warnings)


def convert_calibrated(work: Work, params: Calibrated, configure: Configure, *, integers_only: int | None) -> Done:
    """As `convert`, with the activations of calibration samples watched.

    Args:
        work: the model and where it goes.
        params: how many samples.
        configure: as there.
        integers_only: bits of the activations, where all have to be integers; None leaves in float32 what has to be.

    Raises:
        BadData: there is no calibration split, or it does not fit the model.
        UnsupportedOp: as there; or the model keeps state and has a loop; or it masks attention, and all has to be
            integers.
    """
    with graph_edit.saved_model(work) as (source, warnings):
        state.refuse_state_in_loops(source, user="TensorFlow's calibration")
        state.refuse_tables(source, user="TensorFlow's calibration")
        signature = formats.describe(source).signature
        samples = calibration_of(work, signature, params.calibration_samples)
        watching = partial(_watching, configure=configure, feeds=lambda: samples.observed(work.on_progress))
        target = work.output / FILE
        _convert(source, work, watching, signature=signature)
        masked = masks.masked_values(target.read_bytes(), bits=integers_only or masks.BITS)
        if masked and integers_only:
            raise UnsupportedOp(_MASKED)
        if masked:
            _convert(source, work, partial(watching, ranges_only=True), signature=signature)
            watched = target.read_bytes()
            target.write_bytes(masks.quantised_around(watched, masks.masked_values(watched)))
    return Done(warnings=(*warnings, *samples.warnings), notes={"calibration_samples": samples.count})


def _watching(tf: Any, converter: Any, *, configure: Configure, feeds: Any, ranges_only: bool = False) -> None:
    """Sets a converter up to watch activations, and to quantise by their ranges unless it is to note them alone."""
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = feeds
    converter._experimental_calibrate_only = ranges_only  # noqa: SLF001 (as TensorFlow's own debugger asks for it)
    configure(tf, converter)


def refuse_unchanged(folder: Path, dtype: str) -> None:
    """Passes when a .tflite holds tensors of the type that its weights were to become.

    Raises:
        NothingToDo: it holds none; the types that there are are named.
    """
    tensors = plain_interpreter(formats.file_of(folder).read_bytes()).get_tensor_details()
    types = sorted({each["dtype"].__name__ for each in tensors})
    if dtype not in types:
        raise NothingToDo(
            f"no weight became {dtype}: the converter leaves few or other weights alone; there are {', '.join(types)}"
        )


def float_ops(model: bytes) -> tuple[str, ...]:
    """The ops of a .tflite that read or write floating-point numbers."""
    ops = plain_interpreter(model)._get_ops_details()  # noqa: SLF001 (LiteRT has no other list of a graph's ops)
    return tuple(sorted({op["op_name"] for op in ops if _has_floats(op)}))


def _has_floats(op: dict[str, Any]) -> bool:
    is_cast = op["op_name"] in ("QUANTIZE", "DEQUANTIZE")
    return not is_cast and any("float" in each.__name__ for each in (*op["operand_types"], *op["result_types"]))


def _convert(source: Path, work: Work, configure: Configure, *, signature: Signature) -> None:
    import tensorflow as tf

    work.on_progress("converting", 0.3)
    with blaming(BadModel, "TensorFlow cannot read the SavedModel"):
        converter = tf.lite.TFLiteConverter.from_saved_model(str(source), signature_keys=[signature.name])
    configure(tf, converter)
    with blaming(BadModel, "TensorFlow cannot convert the model"), _naming_ops():
        model = converter.convert()
    (work.output / FILE).write_bytes(model)


@contextmanager
def _naming_ops() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        ops, unwatched = unsupported_ops(error), _UNWATCHED.search(str(error))
        if unwatched is not None:
            raise UnsupportedOp(
                f"TFLite takes the range of {unwatched[1]}, which holds no floating-point numbers, so the converter "
                f"knows none; tflite-int8-float or tflite-dynamic-range may take the model"
            ) from error
        if not ops:
            raise
        types = narrow_types(error)
        where = f" in {' or '.join(types)}; convert a model that computes in float32" if types else ""
        if any(op.startswith("TensorList") for op in ops):
            where = "; a loop over time needs a known batch: write fixed-batch(batch=1) before this step"
        raise UnsupportedOp(f"TFLite has no kernel of this kind for {', '.join(ops)}{where}") from error


def unsupported_ops(error: Exception) -> tuple[str, ...]:
    """The ops that an error of the converter is about, as it names them in words and in its own records.

    A constant is listed with the op that takes it, and is not to blame.
    """
    named = {op for pair in _NEEDS_OP.findall(str(error)) for op in pair if op}
    records = {str(each.operator.name).rpartition(".")[2] for each in getattr(error, "errors", ())}
    found = (named | records) - {""}
    return tuple(sorted(found - {"Const"} or found))


def narrow_types(error: Exception) -> tuple[str, ...]:
    """The types without kernels of their own in which every op computes that an error of the converter is about."""
    said = [str(each.error_message) for each in getattr(error, "errors", ())]
    types = [{_TYPES[name] for name in _ELEMENT.findall(each)} for each in said if _NEEDS_OP.search(each)]
    return tuple(sorted(set.union(*types))) if types and all(types) else ()
