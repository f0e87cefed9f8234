"""Turns a TensorFlow graph or a .tflite into an ONNX model whose inputs and outputs have the names of its signature."""

import gc
import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from optfarm_tasks import formats
from optfarm_tasks.description import Format, Tensor
from optfarm_tasks.errors import BadModel, UnsupportedOp
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.tensorflow import graph_edit, grappler, nodes
from optfarm_tasks.frameworks.tensorflow.functions import forget_compilation, lower_control_flow
from optfarm_tasks.frameworks.tflite import signature_tensors
from optfarm_tasks.technique import Work

OLDEST_OPSET, NEWEST_OPSET = 13, 18
"""The versions of ONNX's ops that tf2onnx writes and ONNX Runtime quantises per channel."""

_NAMED = 3
_INLINING = "function"
_SWITCHES = frozenset({"Switch", "Merge", "Enter", "Exit", "NextIteration", "LoopCond"})
_COLLECTION_THRESHOLDS = (500, 1, 1)

Names = dict[str, str]
"""Tensor → the name that it goes by in the signature."""


def converted(work: Work, *, opset: int) -> tuple[Any, str, tuple[str, ...]]:
    """The model as a ModelProto, the name of its signature, and warnings.

    Raises:
        BadModel: it cannot be loaded or converted.
        UnsupportedOp: an op has no counterpart in ONNX, or an input and an output have one name.
    """
    import tf2onnx

    # Names of new nodes are counted on from one conversion to the next; begun anew, equal models give equal bytes.
    tf2onnx.utils.INTERNAL_NAME = 1
    with blaming(BadModel, "tf2onnx cannot convert the model"):
        model, name, warnings = (_from_tflite if work.format is Format.TFLITE else _from_graph)(work, opset)
    _refuse_unknown(model, opset)
    return model, name, warnings


def _from_graph(work: Work, opset: int) -> tuple[Any, str, tuple[str, ...]]:
    graph, warnings = graph_edit.frozen(work)
    graph_edit.keep_main(graph)
    if forget_compilation(graph.graph_def):
        graph = grappler.optimise(graph, (_INLINING,))
    ((name, ends),) = graph.signature_def.items()
    inputs = {info.name: key for key, info in sorted(ends.inputs.items())}
    outputs = _distinct(graph.graph_def, dict(sorted(ends.outputs.items())), set(inputs))
    _refuse_shared(inputs, outputs)
    _refuse_bfloat16(graph.graph_def)
    _spell_out_erfc(graph.graph_def)
    # tf2onnx reads loops and branches as functions; lowered to switches and merges it refuses them.
    lower_control_flow(graph.graph_def, is_lowered=False)
    work.on_progress("converting", 0.4)
    with _naming_switches(graph.graph_def):
        model = _model(_optimised(graph.graph_def, inputs, outputs), inputs, outputs, opset=opset)
    return model, name, warnings


@contextmanager
def _naming_switches(definition: Any) -> Iterator[None]:
    """tf2onnx knows the loops and branches of TensorFlow 1 by some patterns, and loses its way in others."""
    try:
        yield
    except Exception as error:
        found = sorted({node.op for node in definition.node} & _SWITCHES)
        if not found:
            raise
        raise UnsupportedOp(f"tf2onnx does not read this loop or branch of TensorFlow 1: {', '.join(found)}") from error


def _spell_out_erfc(definition: Any) -> None:
    """Writes erfc as 1 - erf, in place: Keras's gelu is made of it, and ONNX has erf alone."""
    import tensorflow as tf

    for node in [each for each in definition.node if each.op == "Erfc"]:
        dtype, inputs = tf.as_dtype(node.attr["T"].type).as_numpy_dtype, list(node.input)
        one = nodes.add_constant(definition, f"{node.name}/one", np.ones((), dtype))
        nodes.become(definition.node.add(name=f"{node.name}/erf"), "Erf", inputs, T=dtype)
        nodes.become(node, "Sub", [one, f"{node.name}/erf"], T=dtype)


def _distinct(definition: Any, outputs: dict[str, Any], inputs: set[str]) -> Names:
    """The tensors of the outputs; one that is an output twice, or an input as well, goes through nodes of its own."""
    uses = Counter(info.name for info in outputs.values())
    taken = {node.name for node in definition.node}
    found = {}
    for key, info in outputs.items():
        tensor = info.name
        if uses[tensor] > 1 or tensor in inputs:
            number = next(each for each in range(len(taken) + 1) if f"output_{each}" not in taken)
            node = definition.node.add(name=f"output_{number}", op="Identity", input=[tensor])
            node.attr["T"].type = info.dtype
            taken.add(node.name)
            tensor = f"{node.name}:0"
        found[tensor] = key
    return found


def _refuse_shared(inputs: Names, outputs: Names) -> None:
    both = sorted(set(inputs.values()) & set(outputs.values()))
    if both:
        raise UnsupportedOp(
            f"an input and an output are both named {both[0]}, and ONNX has one value of a name; rename one of them"
        )


def _refuse_bfloat16(definition: Any) -> None:
    """tf2onnx takes it for float16 in one place and for itself in another."""
    import tensorflow as tf

    bodies = (function.node_def for function in definition.library.function)
    narrow = [
        f"{node.op} ({node.name})"
        for node in itertools.chain(definition.node, *bodies)
        if any(value.type == tf.bfloat16.as_datatype_enum for value in node.attr.values())
    ]
    if narrow:
        shown = ", ".join(narrow[:_NAMED])
        raise UnsupportedOp(f"tf2onnx does not convert bfloat16, in which {len(narrow)} nodes compute, such as {shown}")


def _optimised(definition: Any, inputs: Names, outputs: Names) -> Any:
    import tensorflow as tf
    from tf2onnx import tf_loader

    with tf.Graph().as_default() as imported, tf.compat.v1.Session(graph=imported):
        tf.import_graph_def(definition, name="")
        return tf_loader.tf_optimize(list(inputs), list(outputs), definition)


def _model(definition: Any, inputs: Names, outputs: Names, *, opset: int) -> Any:
    import tensorflow as tf
    from tf2onnx import tfonnx

    with tf.Graph().as_default() as imported:
        tf.import_graph_def(definition, name="")
        graph = tfonnx.process_tf_graph(
            imported,
            opset=opset,
            input_names=list(inputs),
            output_names=list(outputs),
            tensors_to_rename=inputs | outputs,
        )
    return _written(graph)


def _written(graph: Any) -> Any:
    """A ModelProto of tf2onnx's graph, optimised; each pass leaves a copy of all weights in a cycle of references."""
    from tf2onnx import optimizer

    with collecting_often():
        return optimizer.optimize_graph(graph).make_model("optfarm")


@contextmanager
def collecting_often() -> Iterator[None]:
    """Has Python look often for cycles among the objects that are made inside the block.

    Python looks for them by the number of new objects; a graph is few of them and hundreds of megabytes. What was there
    before, the frameworks' own objects, is left out of the search, which is quick then.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.collect()
    gc.set_threshold(*_COLLECTION_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _from_tflite(work: Work, opset: int) -> tuple[Any, str, tuple[str, ...]]:
    from tf2onnx import tfonnx

    signature_tensors.refuse_resources(work.model, user="ONNX")
    signature_tensors.refuse_sparse(work.model, user="tf2onnx")
    ends = signature_tensors.ends_of(work.model)
    inputs = {tensor: name for name, tensor in ends.inputs.items()}
    outputs = {tensor: name for name, tensor in ends.outputs.items() if tensor not in inputs}
    _refuse_shared(inputs, {name: name for name in ends.outputs})
    work.on_progress("converting", 0.4)
    graph = tfonnx.process_tf_graph(
        None,
        opset=opset,
        input_names=list(inputs),
        output_names=list(outputs),
        tensors_to_rename=inputs | outputs,
        tflite_path=str(ends.file),
    )
    model, signature = _written(graph), formats.describe(work.model).signature
    again = [each for each in signature.outputs if each.name not in outputs.values()]
    for each in again:
        tensor = ends.outputs[each.name]
        _add_output(model, each, (inputs | outputs)[tensor])
    return model, signature.name, ()


def _add_output(model: Any, output: Tensor, value: str) -> None:
    """Gives a value of a model as one more output: an input that is handed on, or what is an output already."""
    from onnx import helper

    sizes = None if output.shape is None else list(output.shape)
    dtype = helper.np_dtype_to_tensor_dtype(np.dtype("O" if output.dtype == "string" else output.dtype))
    model.graph.node.append(helper.make_node("Identity", [value], [output.name], name=f"{output.name}/output"))
    model.graph.output.append(helper.make_tensor_value_info(output.name, dtype, sizes))


def _refuse_unknown(model: Any, opset: int) -> None:
    """tf2onnx leaves an op that it cannot convert as it is, and says so in its log alone."""
    from onnx import defs

    unknown = sorted(
        {f"{node.op_type} ({node.name})" for node in model.graph.node if not defs.has(node.op_type, opset, node.domain)}
    )
    if unknown:
        raise UnsupportedOp(f"ONNX has no counterpart for {', '.join(unknown)}")
