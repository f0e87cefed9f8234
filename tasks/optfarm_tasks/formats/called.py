"""Makes of a model's description what it is when it is called as people said. Pure."""

import difflib
from collections.abc import Iterable, Mapping

from optfarm_tasks.description import Format, ModelDescription, Signature, Tensor
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.formats.graph_outputs import UNKNOWN
from optfarm_tasks.schema.feeding import Feeding

CHANGED = frozenset({Format.SAVED_MODEL, Format.FROZEN_GRAPH, Format.ONNX, Format.OPENVINO})
"""Formats whose inputs can be given a value and whose outputs can be chosen."""


def called(described: ModelDescription, feeding: Feeding) -> ModelDescription:
    """The description of a model that is called so; axes that shapes tell without doubt need not be said.

    Raises:
        BadParameter: an input, an output or an axis is not there, or the format does not allow it.
    """
    if feeding.changes_model and described.format not in CHANGED:
        takes = ", ".join(sorted(CHANGED))
        raise BadParameter(
            f"inputs and outputs of a model of the format {described.format} cannot be chosen or given a value, only "
            f"those of {takes}; export the model as it is to be called"
        )
    signature = _chosen(described.signature, feeding, inner=described.format in _INNER)
    axes = {**_evident(signature), **feeding.batch_axes}
    _check_axes(signature, axes)
    return described.model_copy(
        update={
            "signatures": (signature.with_batch_axes(axes), *described.signatures[1:]),
            "feeding": feeding.model_copy(update={"batch_axes": axes}),
        }
    )


_INNER = frozenset({Format.FROZEN_GRAPH, Format.ONNX})
"""Formats in which anything that a graph computes can be fetched, not only what it gives."""


def _chosen(signature: Signature, feeding: Feeding, *, inner: bool) -> Signature:
    fed = {each.name: each for each in signature.inputs}
    optional = {each.name: each for each in signature.optional}
    given = {each.name: each for each in signature.outputs}
    _check("--constant", feeding.constants, fed | optional)
    _check("--input", feeding.inputs, fed | optional)
    if not inner:
        _check("--output", feeding.outputs, given)
    both = sorted(set(feeding.inputs) & set(feeding.constants))
    if both:
        raise BadParameter(f"{both[0]} cannot be both fed (--input) and given a value (--constant)")
    fed |= {name: optional[name] for name in feeding.inputs if name in optional}
    inputs = tuple(each for name, each in fed.items() if name not in feeding.constants)
    if not inputs:
        raise BadParameter("every input is given a value, so there is nothing left to feed")
    left = tuple(each for name, each in optional.items() if name not in {*feeding.constants, *feeding.inputs})
    outputs = tuple(given.get(name) or Tensor(name=name, dtype=UNKNOWN, shape=None) for name in feeding.outputs)
    return signature.model_copy(update={"inputs": inputs, "optional": left, "outputs": outputs or signature.outputs})


def _evident(signature: Signature) -> dict[str, int | None]:
    """Axes of inputs and outputs whose first size is fixed while one other varies, beside inputs whose first varies."""
    if not any(each.shape and each.shape[0] is None for each in signature.inputs):
        return {}
    return {
        each.name: each.shape.index(None)
        for each in (*signature.inputs, *signature.outputs)
        if each.shape and each.shape[0] is not None and each.shape.count(None) == 1
    }


def _check_axes(signature: Signature, axes: Mapping[str, int | None]) -> None:
    tensors = {each.name: each for each in (*signature.inputs, *signature.outputs)}
    _check("--batch-axis", axes, tensors)
    for name, axis in axes.items():
        shape = tensors[name].shape
        if axis is not None and shape is not None and not 0 <= axis < len(shape):
            raise BadParameter(f"--batch-axis {name}={axis}: {tensors[name]} has {len(shape)} axes, from 0 on")


def _check(flag: str, names: Iterable[str], there: Iterable[str]) -> None:
    known = sorted(there)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known) or 'none'}"
            raise BadParameter(f"{flag} {name}: the model has none of that name; {hint}")
