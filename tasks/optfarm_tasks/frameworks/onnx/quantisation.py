"""What ONNX Runtime's quantisation of an .onnx file is given: the file prepared for it, and the samples."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optfarm_tasks.frameworks.onnx import untie


class Reader:
    """The samples in the way in which ONNX Runtime asks for them."""

    def __init__(self, feeds: Iterator[dict[str, Any]]) -> None:
        """Takes the feeds, one batch each."""
        self._feeds = feeds

    def get_next(self) -> dict[str, Any] | None:
        """The next batch; None after the last."""
        return next(self._feeds, None)


def prepare(file: Path, target: Path) -> None:
    """Writes a model with its shapes, folded constants, and names that ONNX Runtime makes none twice of."""
    import onnx
    from onnxruntime.quantization.shape_inference import quant_pre_process

    whole = file.with_name("whole.onnx")
    # What prepares a file looks for weights that lie apart where it copied the file to.
    onnx.save(onnx.load(file), whole)
    untie.untie_weights(whole)
    # Symbolic shapes are for transformers, and its code for them fails on more models than it helps.
    quant_pre_process(whole, target, skip_symbolic_shape=True)
    _set_apart(target)


def opset_of(model: Any) -> int:
    """The version of ONNX's own ops that an onnx.ModelProto is written in."""
    return next((int(each.version) for each in model.opset_import if not each.domain), 1)


def _set_apart(file: Path) -> None:
    """Renames constants, so that no value has the name of one followed by a number.

    ONNX Runtime quantises a bias that several nodes share once for each, under such names, and takes what has one
    already for its own.
    """
    import onnx

    model = onnx.load(file)
    outputs = {each.name for each in model.graph.output}
    constants = {tensor.name for tensor in model.graph.initializer} - outputs
    names = {name: f"{name}/constant" for name in constants}
    for each in (*model.graph.initializer, *model.graph.input):
        each.name = names.get(each.name, each.name)
    _rename_inputs(model.graph, names)
    onnx.save(model, file)


def _rename_inputs(graph: Any, names: dict[str, str]) -> None:
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        for attribute in node.attribute:
            for body in (attribute.g, *attribute.graphs):
                _rename_inputs(body, names)
