"""Fixes, feeds and fetches what people said of a SavedModel or a frozen graph."""

from pathlib import Path
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.description import Format, Tensor
from optfarm_tasks.errors import BadModel, BadParameter
from optfarm_tasks.formats.raw import MAIN
from optfarm_tasks.frameworks import saved_names
from optfarm_tasks.frameworks.constant import filled
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.tensorflow import graph_edit, graph_file
from optfarm_tasks.frameworks.tensorflow.freeze import MetaGraph, signature_def
from optfarm_tasks.frameworks.tensorflow.nodes import become
from optfarm_tasks.schema.feeding import Feeding
from optfarm_tasks.schema.recipe import Scalar


def saved_model(model: Path, feeding: Feeding, folder: Path) -> None:
    """Stores the model within a function that calls its main signature so; its variables stay variables."""
    import tensorflow as tf

    described = formats.describe(model).signature
    with blaming(BadModel, "TensorFlow cannot load the SavedModel"):
        loaded = tf.saved_model.load(str(model))
        main = loaded.signatures[described.name]
    takes = saved_names.arguments_of(main)
    specs = {name: main.structured_input_signature[1][argument] for name, argument in takes.items()}
    constants = feeding.constants.items()
    fixed = {name: _constant(name, value, specs[name].dtype, specs[name].shape) for name, value in constants}
    arguments = saved_names.argument_names(name for name in specs if name not in fixed)
    fetched = feeding.outputs or tuple(main.structured_outputs)

    def call(*tensors: Any) -> dict[str, Any]:
        fed = dict(zip(arguments, tensors, strict=True)) | {name: tf.constant(array) for name, array in fixed.items()}
        given = main(**{takes[name]: tensor for name, tensor in fed.items()})
        return {name: given[name] for name in fetched}

    whole = tf.Module()
    whole.model = loaded
    signature = [tf.TensorSpec(specs[name].shape, specs[name].dtype, name=arguments[name]) for name in arguments]
    whole.call = tf.function(call, input_signature=signature)
    with blaming(BadModel, "TensorFlow cannot store the model as it is called"):
        tf.saved_model.save(whole, str(folder), signatures={described.name: whole.call})
    saved_names.restore(folder, arguments)


def frozen_graph(model: Path, feeding: Feeding, folder: Path) -> None:
    """Makes constants of inputs, placeholders of inputs with a default, and ends of what is fetched."""
    import tensorflow as tf

    described = formats.describe(model).signature
    definition = graph_file.definition(model)
    nodes = {node.name: node for node in definition.node}
    for name, value in feeding.constants.items():
        _fix(_placeholder(nodes, name), value)
    for name in feeding.inputs:
        _open(_placeholder(nodes, name))
    fed = {each.name: each for each in (*described.inputs, *described.optional) if each.name in feeding.inputs}
    fed |= {each.name: each for each in described.inputs if each.name not in feeding.constants}
    signature = described.model_copy(
        update={"inputs": tuple(fed.values()), "outputs": tuple(map(_end, feeding.outputs)) or described.outputs}
    )
    graph: MetaGraph = tf.compat.v1.MetaGraphDef(graph_def=definition)
    with tf.Graph().as_default() as imported:
        with blaming(BadModel, "TensorFlow cannot load the frozen graph"):
            tf.graph_util.import_graph_def(definition, name="")
        inputs, outputs = _ends(imported, signature)
    graph.signature_def[MAIN].CopyFrom(signature_def(inputs, outputs))
    graph_edit.strip(graph)
    graph_edit.write(graph, folder, Format.FROZEN_GRAPH)


def _ends(graph: Any, signature: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        inputs = {each.name: graph.get_tensor_by_name(f"{each.name}:0") for each in signature.inputs}
        outputs = {
            each.name: graph.get_tensor_by_name(each.name if ":" in each.name else f"{each.name}:0")
            for each in signature.outputs
        }
    except (KeyError, ValueError) as error:
        raise BadParameter(f"the graph has no such input or output: {error}") from error
    return inputs, outputs


def _end(name: str) -> Tensor:
    return Tensor(name=name, dtype="", shape=None)


def _placeholder(nodes: dict[str, Any], name: str) -> Any:
    node = nodes.get(name)
    if node is None or not node.op.startswith("Placeholder"):
        raise BadParameter(f"the graph has no input {name}")
    return node


def _fix(node: Any, value: Scalar) -> None:
    import tensorflow as tf

    dtype = tf.as_dtype(node.attr["dtype"].type)
    array = _constant(node.name, value, dtype, tf.TensorShape(node.attr["shape"].shape))
    become(node, "Const", [], dtype=array.dtype)
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(array))


def _open(node: Any) -> None:
    """Takes an input's default away."""
    if node.op == "PlaceholderWithDefault":
        node.op = "Placeholder"
        del node.input[:]


def _constant(name: str, value: Scalar, dtype: Any, shape: Any) -> Any:
    return filled(name, value, dtype=dtype.as_numpy_dtype, sizes=shape.as_list() if shape.rank is not None else ())
