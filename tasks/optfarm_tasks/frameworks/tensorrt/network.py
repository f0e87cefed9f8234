"""Gives an ONNX file to TensorRT's parser, whose refusals name the node."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optfarm_tasks.description import Signature
from optfarm_tasks.errors import BadModel, OutOfMemory, TaskError, UnsupportedOp
from optfarm_tasks.frameworks.imports import line_of
from optfarm_tasks.frameworks.tensorrt.library import Library

_STRONGLY_TYPED = "STRONGLY_TYPED"
_UNSUPPORTED = "UNSUPPORTED"
_NO_REASON = "false"
"""What the parser says of an op that it has nothing for: the text of its own assertion."""
_TYPES = {
    "FLOAT": "float32", "HALF": "float16", "INT8": "int8", "UINT8": "uint8", "INT32": "int32", "INT64": "int64",
    "BOOL": "bool",
}  # fmt: skip
"""What can be fed and fetched: NumPy has no other types of an engine's."""


@dataclass(frozen=True)
class Network:
    """A network, and the builder and the parser that have to live as long as it does."""

    network: Any
    builder: Any
    parser: Any


def parsed(found: Library, file: Path) -> Network:
    """The network of an .onnx file, which computes in the types that the file says and in no others.

    Raises:
        BadModel: the parser cannot read it.
        OutOfMemory: memory ran out meanwhile.
        UnsupportedOp: the parser does not take a node; the message names it.
    """
    builder = found.trt.Builder(found.logger)
    flags = found.trt.NetworkDefinitionCreationFlag.__members__
    # Where there are only strongly typed networks any more, there need not be a flag for them.
    wanted = 1 << int(flags[_STRONGLY_TYPED]) if _STRONGLY_TYPED in flags else 0
    network = builder.create_network(wanted)
    parser = found.trt.OnnxParser(network, found.logger)
    if not parser.parse_from_file(str(file)):
        raise _refusal(found, [parser.get_error(index) for index in range(parser.num_errors)])
    found.errors.clear()
    return Network(network, builder, parser)


def refuse_other_ends(made: Network, signature: Signature) -> None:
    """Passes when a network takes and gives what a model does, and nothing but to compute with it.

    Raises:
        UnsupportedOp: the parser made another type of one, which would be fed wrongly; or an input says a shape.
    """
    network = made.network
    ends = [*map(network.get_input, range(network.num_inputs)), *map(network.get_output, range(network.num_outputs))]
    wanted = {each.name: each.dtype for each in (*signature.inputs, *signature.outputs)}
    for end in ends:
        kind = _TYPES.get(end.dtype.name, end.dtype.name)
        if kind != wanted[end.name]:
            raise UnsupportedOp(f"{end.name} is {wanted[end.name]}, and its engine would have {kind} in its place")
    shapes = [each.name for each in ends[: network.num_inputs] if each.is_shape_tensor]
    if shapes:
        raise UnsupportedOp(
            f"the input {', '.join(shapes)} says a shape, which an engine has to know; give it one value when the "
            f"model is pushed (--constant {shapes[0]}=VALUE)"
        )


def _refusal(found: Library, errors: list[Any]) -> TaskError:
    if not errors:
        return found.failure(BadModel, f"{found.name} cannot read the model")
    found.errors.clear()
    first = errors[0]
    code = getattr(first.code(), "name", str(first.code()))
    said = line_of(BadModel(first.desc()))
    if "MEM_ALLOC" in code:
        return OutOfMemory(f"{found.name} cannot read the model: {said}")
    if not first.node_operator():
        return BadModel(f"{found.name} cannot read the model: {said}")
    kind = UnsupportedOp if _UNSUPPORTED in code or "INVALID_NODE" in code else BadModel
    named = f" {first.node_name()!r}" if first.node_name() else ""
    why = "" if said == _NO_REASON else f": {said}"
    return kind(f"{found.name} does not take the {first.node_operator()}{named}{why}")
