"""The steps that all conversions to OpenVINO share: any model in, model.xml and .bin with the same signature out."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.description import Format, Signature, Tensor
from optfarm_tasks.errors import BadModel, UnsupportedOp
from optfarm_tasks.formats.openvino import PRECISION_PATH, SIGNATURE_PATH
from optfarm_tasks.formats.raw import MAIN
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.openvino import unchanged
from optfarm_tasks.frameworks.tensorflow import graph_edit, state
from optfarm_tasks.frameworks.tflite import signature_tensors
from optfarm_tasks.technique import Card, Done, Work

CONVERTED = graph_edit.ACCEPTS | {Format.TFLITE, Format.ONNX}
ACCEPTS = CONVERTED | {Format.OPENVINO}
YIELDS = dict.fromkeys(ACCEPTS, Format.OPENVINO)
MODULES = (*graph_edit.MODULES, "ai_edge_litert", "openvino")
card = partial(Card, accepts=ACCEPTS, yields=YIELDS, modules=MODULES)
"""The card of a technique that converts to OpenVINO."""
FILE = "model.xml"

_OF_ONE_FILE = frozenset({Format.TFLITE, Format.ONNX, Format.OPENVINO})
_NO_NAME = re.compile(r"([A-Z][A-Za-z0-9]*)_\d+")
_NO_TRANSLATOR = re.compile(
    r"o (?:translator|conversion rule) found for (?:operation(?:\(s\)|s?): )?([\w, ]+?)(?: node)?\.?$", re.MULTILINE
)
_FAILED = re.compile(r"-- Conversion is failed for: ([\w, -]+)")
_NODE = re.compile(r"While validating node '(?:opset\d+::)?([\w ./:-]+)")
_GENERAL = re.compile(r"FrontEnd API failed with GeneralFailure:\s*(\S.*)")
_WHY = re.compile(r"-- [\w-]+ with a message:\n(.*?)\n(?:-- |\nSummary)", re.DOTALL)

Ends = dict[str, Tensor]
"""The name that OpenVINO knows a tensor by → the input or output that it is."""


@contextmanager
def source(work: Work) -> Iterator[tuple[Any, Signature, tuple[str, ...]]]:
    """The model as OpenVINO's own, its signature in the order of its ports, and warnings.

    Its weights may lie in files that pass with the context.

    Raises:
        BadModel: OpenVINO cannot read the model, or loses an input or output of it.
        UnsupportedOp: it has no counterpart for an op, or the model changes a variable; the message names the op.
    """
    if work.format is Format.TFLITE:
        signature_tensors.refuse_resources(work.model, user="OpenVINO")
    if work.format in _OF_ONE_FILE:
        file = formats.file_of(work.model)
        yield *_read(file, formats.describe(work.model).signature, work), ()
        return
    with graph_edit.saved_model(work) as (folder, warnings):
        state.refuse_state(folder, user="OpenVINO")
        yield *_read(folder, formats.describe(folder).signature, work), warnings


def write(model: Any, signature: Signature, work: Work, *, halve: bool = False) -> None:
    """Stores a model under the names of its signature; with float16 weights if they are to be halved.

    Raises:
        BadModel: OpenVINO cannot store it.
    """
    import openvino

    work.on_progress("writing", 0.95)
    _name_ends(model, signature)
    _number_layers(model)
    if signature.name != MAIN:
        model.set_rt_info(signature.name, list(SIGNATURE_PATH))
    with blaming(BadModel, "OpenVINO cannot store the model"):
        openvino.save_model(model, work.output / FILE, compress_to_fp16=halve)


def convert(work: Work, *, halve: bool = False, precision: str | None = None) -> Done:
    """Converts without quantising; `precision` is what the runtime shall compute in, float32 if it is None.

    Raises:
        BadModel: see `source`.
        NothingToDo: nothing of the model can be narrower.
        UnsupportedOp: see `source`.
    """
    import openvino

    with source(work) as (model, signature, warnings):
        if precision is not None:
            unchanged.refuse_light(model)
            model.set_rt_info(precision, list(PRECISION_PATH))
        write(model, signature, work, halve=halve)
        if halve:
            unchanged.refuse_whole(openvino.Core().read_model(work.output / FILE), model)
        return Done(warnings=warnings, notes={"nodes_after": counts(model)})


def counts(model: Any) -> dict[str, int]:
    """Op → nodes; "total" is their sum."""
    ops = Counter(str(node.get_type_name()) for node in model.get_ordered_ops())
    return {"total": ops.total(), **dict(ops.most_common())}


def _read(place: Path, signature: Signature, work: Work) -> tuple[Any, Signature]:
    import openvino

    work.on_progress("converting", 0.3)
    with blaming(BadModel, "OpenVINO cannot convert the model"), naming_ops():
        read = openvino.Core().read_model if work.format is Format.OPENVINO else openvino.convert_model
        model = read(place)
    inputs, outputs = _ends(signature, work)
    if work.format is Format.TFLITE:
        outputs |= _given_again(model, signature_tensors.ends_of(work.model).outputs, signature)
    set_apart(model, {name for name, end in outputs.items() if name in inputs and end.name == inputs[name].name})
    in_order = {"inputs": _matched(model.inputs, inputs), "outputs": _matched(model.outputs, outputs)}
    ordered = signature.model_copy(update=in_order)
    _name_ends(model, ordered)
    _number_layers(model)
    return model, ordered


def set_apart(model: Any, alike: set[str]) -> None:
    """Gives each output that hands an input on a tensor of its own: the names of both would be those of one tensor.

    Args:
        model: changed in place.
        alike: outputs that have the name of the input; they may stay.

    Raises:
        UnsupportedOp: the input holds strings, which OpenVINO only looks up.
    """
    for result in model.get_results():
        given = result.input_value(0)
        names = set(result.output(0).get_names()) | set(given.get_names())
        if given.get_node().get_type_name() != "Parameter" or names & alike:
            continue
        apart = _copied(given)
        apart.output(0).set_names(result.output(0).get_names())
        # The old one has given its name to the input's tensor for good.
        model.remove_result(result)
        given.set_names(set(given.get_names()) - set(apart.output(0).get_names()) or given.get_names())
        model.add_results([apart])


def _copied(given: Any) -> Any:
    """A result that gives a copy of a tensor, with names of its own."""
    from openvino import opset13 as ops

    kind = given.get_element_type().get_type_name()
    if kind == "string":
        raise UnsupportedOp(f"OpenVINO hands no strings on as they are ({given.get_node().get_friendly_name()})")
    return ops.result(ops.convert(given, kind))


def _given_again(model: Any, tensors: dict[str, str], signature: Signature) -> Ends:
    """Outputs that give a tensor which another gives already: each gets a copy of it, for a tensor is one output alone.

    Args:
        model: changed in place.
        tensors: output → the tensor that it gives.
        signature: what the outputs are.

    Raises:
        UnsupportedOp: the tensor holds strings.
    """
    last = {tensor: name for name, tensor in tensors.items()}
    found = {}
    for output in signature.outputs:
        tensor = tensors[output.name]
        if last[tensor] == output.name:
            continue
        given = next(port for port in model.outputs if tensor in port.names).get_node().input_value(0)
        again = _copied(given)
        name = f"{tensor}/{output.name}"
        again.output(0).set_names({name})
        model.add_results([again])
        found[name] = output
    return found


def _name_ends(model: Any, signature: Signature) -> None:
    for ports, tensors in ((model.inputs, signature.inputs), (model.outputs, signature.outputs)):
        for port, tensor in zip(ports, tensors, strict=True):
            port.set_names({tensor.name})


def _number_layers(model: Any) -> None:
    """Numbers the layers that have no name of their own by their order, so that equal models give equal files.

    OpenVINO names them Constant_4711, counted on from one model to the next.
    """
    for index, node in enumerate(model.get_ordered_ops()):
        unnamed = _NO_NAME.fullmatch(node.get_friendly_name())
        if unnamed is not None:
            node.set_friendly_name(f"{unnamed[1]}_{index}")


def _ends(signature: Signature, work: Work) -> tuple[Ends, Ends]:
    sides = tuple({tensor.name: tensor for tensor in side} for side in (signature.inputs, signature.outputs))
    if work.format is not Format.TFLITE:
        return sides[0], sides[1]
    ends = signature_tensors.ends_of(work.model)
    return _of_tensors(ends.inputs, sides[0]), _of_tensors(ends.outputs, sides[1])


def _of_tensors(tensors: dict[str, str], ends: Ends) -> Ends:
    return {tensor: ends[name] for name, tensor in tensors.items()}


def _matched(ports: Iterable[Any], ends: Ends) -> tuple[Tensor, ...]:
    """The inputs or outputs in the order of the ports; two outputs of one tensor have each other's names."""
    left = dict(ends)
    found = []
    for port in ports:
        name = next((name for name in sorted(port.names) if name in left), None)
        if name is None:
            raise BadModel(f"OpenVINO makes {', '.join(sorted(port.names)) or 'a nameless tensor'} an end of the model")
        found.append(left.pop(name))
    if left:
        names = ", ".join(sorted(tensor.name for tensor in left.values()))
        raise BadModel(f"OpenVINO drops {names} from the model, so its signature would change")
    return tuple(found)


@contextmanager
def naming_ops() -> Iterator[None]:
    """Turns OpenVINO's words about an op that it cannot convert into UnsupportedOp with its name."""
    try:
        yield
    except Exception as error:
        found, failed = _NO_TRANSLATOR.search(str(error)), _FAILED.search(str(error))
        if found is not None:
            raise UnsupportedOp(f"OpenVINO has no counterpart for {found[1]}") from error
        why, node = _WHY.search(str(error)), _NODE.search(str(error))
        if failed is not None:
            said = f": {why[1].splitlines()[-1].strip()}" if why else ""
            raise UnsupportedOp(f"OpenVINO cannot convert {failed[1]}{said}") from error
        if node is not None:
            said = str(error).strip().splitlines()[-1].strip()
            raise UnsupportedOp(f"OpenVINO cannot convert {node[1]}: {said}") from error
        if general := _GENERAL.search(str(error)):
            raise UnsupportedOp(f"OpenVINO cannot convert the model: {general[1]}") from error
        raise
