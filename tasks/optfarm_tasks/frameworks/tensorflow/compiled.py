"""Makes the graph of each signature a function that TensorFlow has to compile with XLA."""

import re
from typing import Any

from optfarm_tasks.errors import BadModel, UnsupportedOp
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.tensorflow.freeze import MetaGraph
from optfarm_tasks.frameworks.tensorflow.functions import name_by_content

_MUST_COMPILE = "_XlaMustCompile"
_NO_KERNEL = re.compile(r"(\w+) \(No registered '")


def compiled(graph: MetaGraph) -> MetaGraph:
    """A graph of the same signatures, of which each calls one function to be compiled.

    Raises:
        UnsupportedOp: XLA has no kernel for an op.
        BadModel: TensorFlow or XLA refuses the graph.
    """
    import tensorflow as tf

    _refuse_strings(graph)
    name_by_content(graph.graph_def)
    calls = tf.compat.v1.MetaGraphDef()
    calls.graph_def.versions.CopyFrom(graph.graph_def.versions)
    with blaming(BadModel, "TensorFlow cannot make a function of the graph"):
        whole = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(graph.graph_def, name=""), [])
    calls.graph_def.library.CopyFrom(graph.graph_def.library)
    for name, signature in sorted(graph.signature_def.items()):
        inputs = [signature.inputs[key].name for key in sorted(signature.inputs)]
        function = whole.prune(inputs, [signature.outputs[key].name for key in sorted(signature.outputs)])
        _compile_once(function, name)
        _add_call(calls, graph, function, name)
    return calls


def _add_call(calls: MetaGraph, graph: MetaGraph, function: Any, name: str) -> None:
    """Adds a signature's placeholders, its function and the node that calls it."""
    signature = calls.signature_def[name]
    signature.CopyFrom(graph.signature_def[name])
    placeholders = [signature.inputs[key].name for key in sorted(signature.inputs)]
    nodes = {node.name: node for node in graph.graph_def.node}
    calls.graph_def.node.extend(nodes[tensor.partition(":")[0]] for tensor in placeholders)
    body = calls.graph_def.library.function.add()
    body.CopyFrom(function.function_def)
    body.signature.name = f"compiled_{len(calls.signature_def)}"
    body.attr[_MUST_COMPILE].b = True
    op = "StatefulPartitionedCall" if body.signature.is_stateful else "PartitionedCall"
    call = calls.graph_def.node.add(name=f"{name}/compiled", op=op, input=placeholders)
    call.attr["f"].func.name = body.signature.name
    call.attr[_MUST_COMPILE].b = True
    call.attr["Tin"].list.type.extend(each.type for each in body.signature.input_arg)
    call.attr["Tout"].list.type.extend(each.type for each in body.signature.output_arg)
    for index, key in enumerate(sorted(signature.outputs)):
        signature.outputs[key].name = f"{call.name}:{index}"


def _refuse_strings(graph: MetaGraph) -> None:
    import tensorflow as tf

    for signature in graph.signature_def.values():
        for key, info in (*signature.inputs.items(), *signature.outputs.items()):
            if info.dtype == tf.string.as_datatype_enum:
                raise UnsupportedOp(f"XLA takes and gives no strings, and {key} ({info.name}) is one")


def _compile_once(function: Any, name: str) -> None:
    """Compiles for a batch of one, or not at all where other sizes are unknown: XLA compiles shapes."""
    import tensorflow as tf

    shapes = [tensor.shape for tensor in function.inputs]
    if any(shape.rank is None or None in shape[1:] for shape in shapes):
        return
    zeros = [tf.zeros([size or 1 for size in each.shape], each.dtype) for each in function.inputs]

    def call(*inputs: Any) -> Any:
        return function(*inputs)

    probe = tf.function(call, jit_compile=True, autograph=False)
    with blaming(BadModel, f"XLA cannot compile the signature {name}"):
        try:
            probe(*zeros)
        except tf.errors.InvalidArgumentError as error:
            ops = sorted(set(_NO_KERNEL.findall(str(error))))
            if not ops:
                raise
            raise UnsupportedOp(f"XLA has no kernel for {', '.join(ops)} in the signature {name}") from error
