"""Gives the images that a fully convolutional model takes another height and width.

The graph is frozen, its image inputs (batch, height, width, channels) get the new sizes, and every shape that follows
is inferred anew. Weights stay. The farm feeds the artifact the images of the data set resized to it (bilinear), and
says so.

When it helps: time falls with the number of pixels, so half the height and width is about four times as fast; models
with global pooling or dense outputs per pixel take it.

Traps: the model sees objects at another scale than it learnt, so quality falls; fine-tuning at the new size wins most
of it back. A Dense layer after Flatten has the old size built in and is refused by name (unsupported_op). Outputs per
pixel change their size, and then cannot be compared with the original's.
"""

from pydantic import Field

from optfarm_tasks.description import Shape
from optfarm_tasks.errors import NothingToDo
from optfarm_tasks.frameworks.tensorflow import graph_edit, shapes
from optfarm_tasks.frameworks.tensorflow.freeze import MetaGraph
from optfarm_tasks.technique import Done, Params, Work

CARD = graph_edit.card(tolerance_nmse=1e-8)

_IMAGE_RANK = 4


class PARAMS(Params):
    """The new size."""

    height: int = Field(ge=1, le=16384, description="rows of pixels")
    width: int = Field(ge=1, le=16384, description="columns of pixels")


def run(work: Work, params: PARAMS) -> Done:
    """Sets the sizes of all image inputs."""
    return graph_edit.rewrite(work, lambda graph: _resized(graph, params))


def _resized(graph: MetaGraph, params: PARAMS) -> MetaGraph:
    given = shapes.shapes_of(graph)
    images = {name: shape for name, shape in given.items() if shape is not None and len(shape) == _IMAGE_RANK}
    if not images:
        raise NothingToDo(f"no input is a batch of images (batch, height, width, channels): {_told(given)}")
    wanted = {name: (shape[0], params.height, params.width, shape[3]) for name, shape in images.items()}
    return shapes.set_shapes(graph, wanted, refusal=f"the model takes no images of {params.height} x {params.width}")


def _told(shapes: dict[str, Shape | None]) -> str:
    return ", ".join(f"{name} {'of unknown rank' if shape is None else list(shape)}" for name, shape in shapes.items())
