"""Fixes the batch of a model, so that no shape is left to find out while it runs.

The graph is frozen, the first axis of every input whose batch varies gets a number, and what follows from it (shapes,
sizes of reshapes) is computed ahead of time. The farm times the artifact, and the original beside it, at that batch.

When it helps: compilers that plan memory for known shapes (TFLite, OpenVINO, TensorRT), and graphs that compute with
the shape of their input, as detectors and attention do.

Traps: the artifact refuses every other batch. A batch that is seldom full wastes the rest of it.
"""

from typing import Any

import numpy as np
from pydantic import Field

from optfarm_tasks.description import Shape
from optfarm_tasks.errors import BadModel, NothingToDo
from optfarm_tasks.formats.graph_def import giver
from optfarm_tasks.frameworks.tensorflow import graph_edit, grappler, nodes, shapes
from optfarm_tasks.frameworks.tensorflow.freeze import MetaGraph
from optfarm_tasks.technique import Done, Params, Work

CARD = graph_edit.card(fixes_batch="batch", tolerance_nmse=1e-8)

_ELEMENT_SHAPE = {"TensorListReserve": 0, "TensorListFromTensor": 1, "TensorListStack": 1}
"""Op on a list of tensors → which of its inputs says the shape of an element."""


class PARAMS(Params):
    """The batch."""

    batch: int = Field(default=1, ge=1, le=65536, description="samples that a request has")


def run(work: Work, params: PARAMS) -> Done:
    """Sets the first axis of all inputs, and folds what becomes constant."""
    return graph_edit.rewrite(work, lambda graph: _fixed(graph, params.batch))


def _fixed(graph: MetaGraph, batch: int) -> MetaGraph:
    given = shapes.shapes_of(graph)
    fixed = {shape[0] for shape in given.values() if shape}
    if len(fixed) == 1 and not fixed & {None, batch}:
        raise NothingToDo(
            f"the model has a fixed batch of {fixed.pop()} already, so none of {batch} can be given to it"
        )
    known = {name: _known(name, shape, batch) for name, shape in given.items()}
    wanted = {name: (batch, *shape[1:]) for name, shape in known.items() if shape}
    if not wanted:
        raise NothingToDo(f"no input has an axis for the batch; there are {', '.join(known) or 'no inputs'}")
    shapes.set_shapes(graph, wanted, refusal=f"the model takes no batch of {batch}")
    tidy = grappler.optimise(graph, grappler.TIDY)
    _size_lists(tidy.graph_def, batch)
    return tidy


def _size_lists(definition: Any, batch: int) -> None:
    """Gives lists of tensors the batch, in place: loops over time collect (batch, units), whose batch was left open.

    TFLite makes room for a list ahead of time, so it takes none whose elements have an open size.
    """
    by_name = {node.name: node for node in definition.node}
    for node in [each for each in definition.node if each.op in _ELEMENT_SHAPE]:
        place = _ELEMENT_SHAPE[node.op]
        given = by_name[giver(node.input[place])]
        shape = nodes.value(given).tolist() if given.op == "Const" else None
        if isinstance(shape, list) and shape[:1] == [-1] and -1 not in shape[1:]:
            sized = np.array([batch, *shape[1:]], np.int32)
            node.input[place] = nodes.add_constant(definition, f"{node.name}/sized_elements", sized)


def _known(name: str, shape: Shape | None, batch: int) -> Shape:
    if shape is None:
        raise BadModel(f"the input {name} has no known rank, so nothing says which axis is the batch")
    if shape and shape[0] not in (None, batch):
        raise BadModel(f"the input {name} has a fixed batch of {shape[0]} already; write fixed-batch(batch={shape[0]})")
    return shape
