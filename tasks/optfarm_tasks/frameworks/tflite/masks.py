"""Finds where a .tflite masks attention, and quantises the rest: scores and minus infinity do not share 8 bits.

A mask brings a number like -1e9 or the least float32 to the scores that a softmax shall pass over. With one range for
both, all scores become one integer, and what is left of attention is a mean.
"""

from collections.abc import Iterator
from typing import Any

from optfarm_tasks.frameworks.tflite.interpreter import plain_interpreter

BITS = 8
"""Of the integers in which most variants compute."""

_STEP = 4.0
"""A step between two scores that a softmax can make little of: it takes one for 55 times as likely as the other."""

_SOFTMAX = frozenset({"SOFTMAX", "LOG_SOFTMAX"})
_JOINING = frozenset({"ADD", "SUB", "SELECT", "SELECT_V2", "MINIMUM", "MAXIMUM"})
"""Ops by which a mask comes to the scores."""
_BETWEEN = _JOINING | frozenset(
    {"MUL", "DIV", "CAST", "RESHAPE", "EXPAND_DIMS", "BROADCAST_TO", "SQUEEZE", "STRIDED_SLICE", "SLICE", "TRANSPOSE"}
    | {"CONCATENATION", "NEG", "QUANTIZE", "DEQUANTIZE"}
)
"""Ops that may stand between a product of matrices, or a mask, and the softmax."""


def masked_values(model: bytes, *, bits: int = BITS) -> tuple[str, ...]:
    """The names of what a softmax and the ops between it and a mask compute; none where integers hold both.

    Args:
        model: a .tflite, in floats or integers.
        bits: of the integers.
    """
    interpreter = plain_interpreter(model)
    interpreter.allocate_tensors()
    tensors = {int(each["index"]): each for each in interpreter.get_tensor_details()}
    ops = interpreter._get_ops_details()  # noqa: SLF001 (LiteRT has no other list of a graph's ops)
    producers = {int(index): op for op in ops for index in op["outputs"]}
    fed = {int(each["index"]) for each in interpreter.get_input_details()}
    found: set[int] = set()
    large = _STEP * 2**bits
    for softmax in (op for op in ops if op["op_name"] in _SOFTMAX):
        before = list(_before(softmax, producers))
        joined = (
            {int(index) for op, is_joined in before if is_joined for index in op["inputs"]} - producers.keys() - fed
        )
        if any(_largest(interpreter, tensors[index]) >= large for index in joined & tensors.keys()):
            found |= {int(index) for op in (softmax, *(op for op, _ in before)) for index in op["outputs"]}
    return tuple(tensors[index]["name"] for index in sorted(found))


def quantised_around(calibrated: bytes, values: tuple[str, ...]) -> bytes:
    """A .tflite whose ranges were watched in int8, but for the ops that compute some values: they stay in float32."""
    from tensorflow.lite.python import convert

    return bytes(convert.mlir_quantize(calibrated, denylisted_nodes=list(values)))


def _before(softmax: Any, producers: dict[int, Any]) -> Iterator[tuple[Any, bool]]:
    """The ops from which a softmax gets its input, and whether each joins or is joined to others.

    They go back to what is not of `_BETWEEN`. A factor of all scores joins nothing, however large it is.
    """
    indices, seen = [(int(softmax["inputs"][0]), False)], set()
    while indices:
        index, is_joined = indices.pop()
        op = producers.get(index)
        if op is None or op["index"] in seen or op["op_name"] not in _BETWEEN:
            continue
        seen.add(op["index"])
        joins = is_joined or op["op_name"] in _JOINING
        indices += [(int(each), joins) for each in op["inputs"]]
        yield op, joins


def _largest(interpreter: Any, tensor: Any) -> float:
    """The largest absolute value of a constant; integers count as what they stand for, and as 0 if for nothing."""
    import numpy as np

    scale, zero = tensor["quantization"]
    values = interpreter.get_tensor(tensor["index"])
    if values.size == 0 or not (scale or np.issubdtype(values.dtype, np.floating)):
        return 0.0
    return float(np.abs((values.astype(np.float64) - zero) * scale if scale else values).max())
