"""Keras mixed precision: layers compute in bfloat16 or float16, and keep their weights in float32.

The model is rebuilt under Keras's own policy (mixed_bfloat16 or mixed_float16), layer by layer, and its weights are
copied. Outputs are cast back to float32. Keras 3 and tf_keras files are taken, and a SavedModel comes out.

When it helps: CPUs with bfloat16 instructions (AMX, AVX512-BF16) and GPUs with float16, for models that Keras knows how
to compute so: it keeps sums and normalisation in float32 where they need it.

Traps: no smaller, for weights stay float32. float16 is for GPUs: CPUs have few kernels for it and get slower. A softmax
at the end is computed in the narrow type too. `amp` decides node by node, and takes models without Keras as well.
"""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from optfarm_tasks import formats
from optfarm_tasks.description import KERAS_FORMATS, Format
from optfarm_tasks.errors import BadModel, NothingToDo
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.keras import as_saved_model
from optfarm_tasks.frameworks.keras.weights import copy_weights
from optfarm_tasks.technique import Card, Done, Params, Work

CARD = Card(
    accepts=KERAS_FORMATS,
    yields=dict.fromkeys(KERAS_FORMATS, Format.SAVED_MODEL),
    modules=as_saved_model.MODULES,
    is_reduced=True,
    tolerance_nmse=1e-3,
)

_INPUT = "InputLayer"
_FLOATS = ("float32", "float64")


class PARAMS(Params):
    """The narrow type."""

    dtype: Literal["bfloat16", "float16"] = Field(
        default="bfloat16", description="what layers compute in: bfloat16 for CPUs and GPUs, float16 for GPUs"
    )


def run(work: Work, params: PARAMS) -> Done:
    """Rebuilds the model under the policy and exports it."""
    work.on_progress("loading", 0.1)
    model, library = as_saved_model.load(work.model)
    policy = f"mixed_{params.dtype}"
    with blaming(BadModel, f"{library} cannot rebuild the model under {policy}"):
        config, changed = _under(model.get_config(), policy)
        twin = type(model).from_config(config)
        if not twin.built:
            twin.build(model.input_shape)
        copy_weights(model, twin)
    if not changed:
        raise NothingToDo(f"no layer computes in {' or '.join(_FLOATS)}, so {policy} changes nothing")
    work.on_progress("exporting", 0.5)
    signature = formats.describe(work.model).signature
    as_saved_model.write(twin, library, signature, work.output, casts_to="float32")
    return Done(notes={"policy": policy, "layers": len(changed)})


def _under(config: Any, policy: str) -> tuple[Any, list[str]]:
    """A model's configuration with another policy in each layer, and the names of these layers."""
    layers = [_layer(layer, policy) for layer in config["layers"]]
    changed = [name for _, names in layers for name in names]
    return {**config, "layers": [layer for layer, _ in layers]}, changed


def _layer(layer: Any, policy: str) -> tuple[Any, list[str]]:
    config = layer["config"]
    if "layers" in config:
        inner, names = _under(config, policy)
        return {**layer, "config": inner}, names
    # Bare operations have no type of their own: they compute in what they are given.
    if layer["class_name"] == _INPUT or "dtype" not in config or _dtype(config) not in _FLOATS:
        return layer, []
    wrapped = dict(_wrapped(config, policy))
    return {**layer, "config": {**config, **wrapped, "dtype": policy}}, [config["name"]]


def _wrapped(config: Any, policy: str) -> Iterator[tuple[str, Any]]:
    """The layers within a wrapper such as Bidirectional or TimeDistributed."""
    for key in ("layer", "backward_layer", "cell"):
        if isinstance(config.get(key), dict) and "config" in config[key]:
            yield key, _layer(config[key], policy)[0]
    if isinstance(config.get("cells"), list):
        yield "cells", [_layer(cell, policy)[0] for cell in config["cells"]]


def _dtype(config: Any) -> str:
    said = config.get("dtype") or "float32"
    return str(said["config"]["name"] if isinstance(said, dict) else said)
