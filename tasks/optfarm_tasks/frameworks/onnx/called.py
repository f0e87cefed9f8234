"""Fixes, feeds and fetches what people said of an ONNX model."""

import shutil
from pathlib import Path
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.errors import BadModel, BadParameter
from optfarm_tasks.frameworks.constant import filled
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.schema.feeding import Feeding
from optfarm_tasks.schema.recipe import Scalar


def model(source: Path, feeding: Feeding, folder: Path) -> None:
    """Makes initialisers of inputs, takes the defaults of others away, and lists what is fetched."""
    import onnx

    shutil.copytree(source, folder, dirs_exist_ok=True)
    file = formats.file_of(folder)
    with blaming(BadModel, "ONNX cannot read the model"):
        read = onnx.load(file, load_external_data=False)
    graph = read.graph
    for name, value in feeding.constants.items():
        _fix(graph, name, value)
    for name in feeding.inputs:
        _drop(graph.initializer, name)
    if feeding.outputs:
        _fetch(graph, feeding.outputs)
    # The file of a task may be a link to what others read.
    file.unlink()
    onnx.save(read, file)


def _fix(graph: Any, name: str, value: Scalar) -> None:
    from onnx import helper, numpy_helper

    given = next((each for each in graph.input if each.name == name), None)
    if given is None:
        raise BadParameter(f"the model has no input {name}")
    kind = given.type.tensor_type
    dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
    sizes = [size.dim_value if size.HasField("dim_value") else None for size in kind.shape.dim]
    array = filled(name, value, dtype=dtype, sizes=sizes)
    _drop(graph.initializer, name)
    _drop(graph.input, name)
    graph.initializer.append(numpy_helper.from_array(array, name))


def _fetch(graph: Any, names: tuple[str, ...]) -> None:
    known = {each.name: each for each in (*graph.output, *graph.value_info)}
    given = {name for node in graph.node for name in node.output}
    for name in names:
        if name not in given:
            raise BadParameter(f"the model computes no {name}")
    wanted = [known.get(name) or _unknown(name) for name in names]
    kept = [type(each).FromString(each.SerializeToString()) for each in wanted]
    del graph.output[:]
    graph.output.extend(kept)


def _unknown(name: str) -> Any:
    import onnx

    return onnx.ValueInfoProto(name=name)


def _drop(entries: Any, name: str) -> None:
    for index in reversed(range(len(entries))):
        if entries[index].name == name:
            del entries[index]
