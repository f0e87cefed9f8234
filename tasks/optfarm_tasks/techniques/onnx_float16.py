"""ONNX with float16 weights: half the size, and nearly the same numbers.

Weights are stored as float16, each followed by a cast to float32. ONNX Runtime does the casts once, when it loads the
file, and computes in float32.

When it helps: a download has to shrink by half, and quality must not change.

Traps: on CPUs it is no faster than `onnx`, and in memory it is no smaller. A weight beyond ±65,504 stays float32, with
a warning; one below 6e-8 becomes zero. Constants of fewer than 256 elements are left alone, for little is gained there
and an epsilon may be lost.
"""

from typing import Any

from optfarm_tasks.errors import NothingToDo
from optfarm_tasks.frameworks.onnx import conversion
from optfarm_tasks.technique import Done, Params, Work

CARD = conversion.card(is_reduced=True, tolerance_nmse=1e-4)
PARAMS = Params

_FEWEST_ELEMENTS = 256


def run(work: Work, _: Params) -> Done:
    """Halves the weights.

    Raises:
        NothingToDo: there is no weight to halve.
    """
    import onnx

    with conversion.source(work) as (file, signature, warnings):
        work.on_progress("halving", 0.7)
        model = onnx.load(file)
        before = len(model.graph.node)
        left = tuple(f"{name} stays float32: it has weights beyond ±65,504" for name in _halve(model))
        if len(model.graph.node) == before:
            raise NothingToDo(f"nothing to halve: {'; '.join(left) or _why(model)}")
        conversion.save(model, work.output / conversion.FILE, signature=signature.name)
        return conversion.done(work, file, (*warnings, *left))


def _why(model: Any) -> str:
    """What the constants of a model are, none of which is halved."""
    from onnx import helper

    types = {helper.tensor_dtype_to_np_dtype(each.data_type).name for each in model.graph.initializer}
    large = f"no float32 weights of {_FEWEST_ELEMENTS} elements or more"
    return f"the model has {large}; its constants are {', '.join(sorted(types)) or 'none'}"


def _halve(model: Any) -> list[str]:
    """Stores the weights of a model as float16, in place; gives the names of those that do not fit."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    casts, left = [], []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < _FEWEST_ELEMENTS:
            continue
        array, name = numpy_helper.to_array(tensor), tensor.name
        if np.abs(array).max() > np.finfo(np.float16).max:
            left.append(name)
            continue
        tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float16), f"{name}/float16"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], name=f"{name}/float32", to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    _drop_inputs(model.graph, {node.output[0] for node in casts})
    return left


def _drop_inputs(graph: Any, names: set[str]) -> None:
    """Old files list weights among the inputs too, where a cast's output cannot stand."""
    kept = [each for each in graph.input if each.name not in names]
    del graph.input[:]
    graph.input.extend(kept)
