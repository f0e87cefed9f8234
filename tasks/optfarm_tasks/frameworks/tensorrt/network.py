"""Gives an ONNX file to TensorRT's parser, whose refusals name the node."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optfarm_tasks.errors import BadModel, OutOfMemory, TaskError, UnsupportedOp
from optfarm_tasks.frameworks.tensorrt.library import Library

_STRONGLY_TYPED = "STRONGLY_TYPED"
_UNSUPPORTED = "UNSUPPORTED"


@dataclass(frozen=True)
class Network:
    """A network, and the builder and the parser that have to live as long as it does."""

    network: Any
    builder: Any
    parser: Any

    def inputs(self) -> Iterator[Any]:
        """What it takes, as the library describes it."""
        return map(self.network.get_input, range(self.network.num_inputs))


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


def _refusal(found: Library, errors: list[Any]) -> TaskError:
    if not errors:
        return found.failure(BadModel, f"{found.name} cannot read the model")
    found.errors.clear()
    first = errors[0]
    code = getattr(first.code(), "name", str(first.code()))
    said = " ".join(str(first.desc()).split())
    if "MEM_ALLOC" in code:
        return OutOfMemory(f"{found.name} cannot read the model: {said}")
    if not first.node_operator():
        return BadModel(f"{found.name} cannot read the model: {said}")
    kind = UnsupportedOp if _UNSUPPORTED in code or "INVALID_NODE" in code else BadModel
    return kind(f"{found.name} does not take the {first.node_operator()} {first.node_name()!r}: {said}")
