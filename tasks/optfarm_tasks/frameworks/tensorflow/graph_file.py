"""Loads a frozen GraphDef (.pb) into TensorFlow, and finds the tensors of its signature there."""

from collections import Counter
from pathlib import Path
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.description import Signature
from optfarm_tasks.errors import BadModel, UnsupportedOp
from optfarm_tasks.formats.graph_def import giver
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.tensorflow.functions import name_by_content


def definition(folder: Path) -> Any:
    """The GraphDef in a model's folder, its functions under names that no other graph has.

    Raises:
        BadModel: TensorFlow cannot read it.
    """
    import tensorflow as tf

    with blaming(BadModel, "TensorFlow cannot read the frozen graph"):
        found = tf.compat.v1.GraphDef.FromString(formats.file_of(folder).read_bytes())
    name_by_content(found)
    return found


def tensors(graph: Any, signature: Signature) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs and outputs by name, as tensors of a tf.Graph that holds the nodes under their own names.

    Raises:
        UnsupportedOp: an end gives outputs that the file does not tell of.
    """
    told = Counter(giver(each.name) for each in signature.outputs)
    for name, count in told.items():
        operation = graph.get_operation_by_name(name)
        if len(operation.outputs) != count:
            raise UnsupportedOp(
                f"the node {name} ({operation.type}) gives {len(operation.outputs)} outputs where its file tells of "
                f"{count}; end the graph with an Identity for each output"
            )
    inputs = {each.name: graph.get_tensor_by_name(f"{each.name}:0") for each in signature.inputs}
    outputs = {each.name: graph.get_tensor_by_name(_tensor(each.name)) for each in signature.outputs}
    return inputs, outputs


def _tensor(name: str) -> str:
    return name if ":" in name else f"{name}:0"
