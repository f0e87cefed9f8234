"""Makes of a pushed model the one that people said it is: some inputs fed or fixed, some outputs fetched."""

from collections.abc import Callable
from pathlib import Path

from optfarm_tasks import formats
from optfarm_tasks.description import Format
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.frameworks.onnx import called as onnx
from optfarm_tasks.frameworks.openvino import called as openvino
from optfarm_tasks.frameworks.tensorflow import called as tensorflow
from optfarm_tasks.schema.feeding import Feeding

_MAKERS: dict[Format, Callable[[Path, Feeding, Path], None]] = {
    Format.SAVED_MODEL: tensorflow.saved_model,
    Format.FROZEN_GRAPH: tensorflow.frozen_graph,
    Format.ONNX: onnx.model,
    Format.OPENVINO: openvino.model,
}


def as_called(model: Path, feeding: Feeding, folder: Path) -> Path:
    """The model in a folder of its own, in the format that it had; gives that folder.

    Raises:
        BadParameter: an input or output is not there, a value does not fit, or the format does not allow it.
        BadModel: it cannot be read.
    """
    kind = formats.detect(model)
    if kind not in _MAKERS:
        raise BadParameter(f"inputs and outputs of a model of the format {kind} cannot be chosen or given a value")
    folder.mkdir()
    _MAKERS[kind](model, feeding, folder)
    return folder
