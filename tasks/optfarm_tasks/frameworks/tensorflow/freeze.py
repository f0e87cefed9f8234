"""Freezes the signatures of a SavedModel: variables become constants, calls of functions the nodes of those functions.

What comes out is one of TensorFlow's MetaGraphDefs: nodes, the functions of loops and branches, and the signatures that
name its ends. It is made alike each time, for the names that TensorFlow draws anew are given here by order.
"""

from pathlib import Path
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.errors import BadModel, UnsupportedOp
from optfarm_tasks.formats.frozen_graph import OUTSIDE
from optfarm_tasks.formats.graph_def import giver
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.tensorflow.functions import lower_control_flow, name_by_use, reached

_WRITES = ("Assign", "ResourceApply", "ResourceScatter", "RngReadAndSkip", "RngSkip", "Stateful", "ScatterNdUpdate")
_TABLES = ("LookupTable", "HashTable", "MutableHashTable", "AnonymousHashTable", "MutableDenseHashTable")
_CALLS = frozenset({"StatefulPartitionedCall"})

MetaGraph = Any
"""A MetaGraphDef whose graph_def is frozen; every tensor of its signatures has a name like node:0."""


def freeze(folder: Path) -> MetaGraph:
    """All signatures of a SavedModel as one graph without variables, their keys and names kept.

    Nodes of every signature but the first are under the signature's name.

    Raises:
        BadModel: TensorFlow cannot load the model or freeze a signature.
        UnsupportedOp: an op reads or writes what lies outside the graph; it is named.
    """
    import tensorflow as tf

    frozen = tf.compat.v1.MetaGraphDef()
    names = [each.name for each in formats.describe(folder).signatures]
    with blaming(BadModel, "TensorFlow cannot load the SavedModel"):
        # Its signatures hold its variables weakly, so it has to outlive them.
        loaded = tf.saved_model.load(str(folder))
    for index, name in enumerate(names):
        prefix = f"{name}/" if index else ""
        definition, signature = _signature(loaded.signatures[name], name)
        _add(frozen, definition, signature, name=name, prefix=prefix)
    name_by_use(frozen.graph_def)
    return frozen


def _signature(function: Any, name: str) -> tuple[Any, Any]:
    """The frozen GraphDef of one signature, and its SignatureDef."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    _refuse_writes(function, name)
    _refuse_tables(function, name)
    with blaming(BadModel, f"TensorFlow cannot freeze the signature {name}"):
        # Loops stay functions that can be read; lowered, they would be switches and merges.
        converted = convert_variables_to_constants_v2(function, lower_control_flow=False, aggressive_inlining=True)
        definition = converted.graph.as_graph_def()
    keys = _input_keys(function)
    _refuse_resources(definition, {tensor.op.name for tensor in converted.inputs} - set(keys), name)
    lower_control_flow(definition, is_lowered=True)
    inputs = {keys[tensor.op.name]: tensor for tensor in converted.inputs}
    outputs = dict(zip(sorted(function.structured_outputs), converted.outputs, strict=True))
    return definition, signature_def(inputs, outputs)


def _input_keys(function: Any) -> dict[str, str]:
    """Placeholder → the key of the input that it is fed by; captured variables come after all inputs."""
    keys = function._arg_keywords  # noqa: SLF001 (the one list of keys in the order of the tensors)
    return {tensor.op.name: str(key) for tensor, key in zip(function.inputs, keys, strict=False)}


def signature_def(inputs: dict[str, Any], outputs: dict[str, Any]) -> Any:
    """A SignatureDef of tensors by key."""
    from tensorflow.core.protobuf import meta_graph_pb2

    signature = meta_graph_pb2.SignatureDef(method_name="tensorflow/serving/predict")
    for side, tensors in ((signature.inputs, inputs), (signature.outputs, outputs)):
        for key, tensor in tensors.items():
            side[key].name = tensor.name
            side[key].dtype = tensor.dtype.as_datatype_enum
            side[key].tensor_shape.CopyFrom(tensor.shape.as_proto())
    return signature


def _refuse_writes(function: Any, name: str) -> None:
    found = writing(function.graph.as_graph_def())
    if found is not None:
        raise UnsupportedOp(
            f"the signature {name} changes a variable at each call by {found.op} ({found.name}), so it cannot be "
            f"frozen; export it without that state"
        )


def _refuse_tables(function: Any, name: str) -> None:
    """Refuses tables before TensorFlow fails to import what it keeps of them beside the graph."""
    for node in reached(function.graph.as_graph_def())[0]:
        if node.op.startswith(_TABLES):
            raise UnsupportedOp(
                f"the signature {name} reads a table or another resource outside the graph by {node.op} ({node.name}), "
                f"so it cannot be frozen"
            )


def writing(definition: Any) -> Any | None:
    """The first node of a graph that changes what lies outside it, such as a variable."""
    nodes = (node for node in reached(definition)[0] if node.op not in _CALLS)
    return next((node for node in nodes if node.op.startswith(_WRITES)), None)


def _refuse_resources(definition: Any, left: set[str], name: str) -> None:
    """Refuses what is neither an input nor a constant after freezing."""
    outside = set(left)
    for node in reached(definition)[0]:
        if outside.isdisjoint(map(giver, node.input)) and node.op not in OUTSIDE:
            continue
        if node.op == "Identity":
            outside.add(node.name)
            continue
        raise UnsupportedOp(
            f"the signature {name} reads a table or another resource outside the graph by {node.op} ({node.name}), so "
            f"it cannot be frozen"
        )


def _add(frozen: MetaGraph, definition: Any, signature: Any, *, name: str, prefix: str) -> None:
    """Adds one signature's graph, its nodes under a prefix."""
    for node in definition.node:
        node.name = prefix + node.name
        node.input[:] = [f"^{prefix}{each[1:]}" if each.startswith("^") else prefix + each for each in node.input]
    for info in (*signature.inputs.values(), *signature.outputs.values()):
        info.name = prefix + info.name
    frozen.graph_def.node.extend(definition.node)
    # Functions of one name are the same function, for TensorFlow holds one of a name.
    there = {function.signature.name for function in frozen.graph_def.library.function}
    new = (function for function in definition.library.function if function.signature.name not in there)
    frozen.graph_def.library.function.extend(new)
    frozen.graph_def.versions.CopyFrom(definition.versions)
    frozen.signature_def[name].CopyFrom(signature)
