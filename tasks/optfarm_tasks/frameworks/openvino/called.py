"""Fixes and fetches what people said of an OpenVINO model."""

from pathlib import Path
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.errors import BadModel, BadParameter
from optfarm_tasks.frameworks.constant import filled
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.schema.feeding import Feeding
from optfarm_tasks.schema.recipe import Scalar


def model(source: Path, feeding: Feeding, folder: Path) -> None:
    """Puts constants in place of inputs and keeps the results that are fetched."""
    import openvino

    with blaming(BadModel, "OpenVINO cannot read the model"):
        read = openvino.Core().read_model(formats.file_of(source))
    for name, value in feeding.constants.items():
        _fix(read, name, value)
    if feeding.outputs:
        unwanted = [each for each in read.outputs if not set(feeding.outputs) & each.names]
        for each in unwanted:
            read.remove_result(each.node)
    with blaming(BadModel, "OpenVINO cannot store the model"):
        openvino.save_model(read, folder / "model.xml", compress_to_fp16=False)


def _fix(read: Any, name: str, value: Scalar) -> None:
    from openvino import opset13 as ops

    port = next((each for each in read.inputs if name in each.names), None)
    if port is None:
        raise BadParameter(f"the model has no input {name}")
    sizes = [None if size.is_dynamic else size.get_length() for size in port.get_partial_shape()]
    constant = ops.constant(filled(name, value, dtype=port.get_element_type().to_dtype(), sizes=sizes))
    port.replace(constant.output(0))
    read.remove_parameter(port.node)
