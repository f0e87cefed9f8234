"""Makes a Keras model shallower: leaves out the last of its repeated blocks, and keeps its head.

A block can be left out where it gives a tensor of the shape that it takes: a residual branch, or one of several equal
layers in a row. What took its output takes its input instead. All other weights stay as they are, and so do the layers
that give the outputs.

When it helps: deep models of many equal blocks, whose last ones refine little; a few epochs of fine-tuning after it
(`qat` or `prune` in the same recipe learn from the original) win back most of what is lost.

Traps: quality falls, and without fine-tuning it may collapse. Models whose blocks all change the shape, as plain stacks
of valid convolutions, have none to leave out and are skipped; the layers are named.
"""

import math
import re
from typing import Any

from pydantic import Field

from optfarm_tasks.description import KERAS_FORMATS, Format
from optfarm_tasks.errors import BadModel, BadParameter, NothingToDo
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.keras import as_saved_model
from optfarm_tasks.frameworks.keras.blocks import Block, blocks_of, repeated, without
from optfarm_tasks.frameworks.keras.weights import copy_weights
from optfarm_tasks.technique import Card, Done, Params, Pattern, Work

CARD = Card(
    accepts=KERAS_FORMATS,
    yields=dict.fromkeys(KERAS_FORMATS, Format.H5),
    modules=as_saved_model.MODULES,
    tolerance_nmse=math.inf,
)


class PARAMS(Params):
    """How much is left out."""

    layers: int = Field(default=1, ge=1, le=1000, description="how many blocks of layers to leave out, the last ones")
    match: Pattern = Field(default=re.compile(""), description="only blocks with a layer whose name matches")


def run(work: Work, params: PARAMS) -> Done:
    """Rebuilds the model without the blocks, and copies its weights."""
    work.on_progress("loading", 0.1)
    model, library = as_saved_model.load(work.model)
    blocks = blocks_of(model)
    left_out = _chosen(blocks, params)
    work.on_progress("rebuilding", 0.5)
    with blaming(BadModel, f"{library} cannot rebuild the model without {', '.join(map(str, left_out))}"):
        shallow = _rebuilt(model, left_out)
        shallow.save(work.output / "model.h5", include_optimizer=False)
    notes = {
        "left_out": [list(block.layers) for block in left_out],
        "parameters_before": int(model.count_params()),
        "parameters_after": int(shallow.count_params()),
    }
    return Done(notes=notes)


def _chosen(blocks: tuple[Block, ...], params: PARAMS) -> tuple[Block, ...]:
    """The last blocks that can be left out.

    Raises:
        NothingToDo: there is none.
        BadParameter: fewer match than are to be left out.
    """
    possible = repeated(blocks)
    if not possible:
        there = "; ".join(map(str, blocks)) or "none before its outputs"
        raise NothingToDo(f"no block of layers can be left out, for none is repeated in one shape. Its blocks: {there}")
    matching = [block for block in possible if any(map(params.match.search, block.layers))]
    if len(matching) < params.layers:
        there = "; ".join(map(str, possible))
        raise BadParameter(f"only {len(matching)} of {params.layers} blocks can be left out. There are: {there}")
    return tuple(matching[-params.layers :])


def _rebuilt(model: Any, left_out: tuple[Block, ...]) -> Any:
    shallow = type(model).from_config(without(model.get_config(), left_out))
    if not shallow.built:
        shallow.build(model.input_shape)
    for layer in shallow.layers:
        copy_weights(model.get_layer(layer.name), layer)
    return shallow
