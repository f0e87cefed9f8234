"""Finds the blocks of a Keras model that can be left out: each gives a tensor of the shape that it takes.

A block begins with a layer that has a kernel, such as a convolution, and goes on as long as shapes stay (normalisation,
activation). Branches that fork and meet again, as residual ones, are one block. Tensors are found in the configuration,
which Keras 2 and Keras 3 both write as [layer, call, output].
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from optfarm_tasks.errors import BadModel

_KERNEL_RANK = 2
_REFERENCE_LENGTH = 3

Reference = tuple[str, int, int]
"""A tensor: a layer, which of its calls, which of its outputs."""
Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Block:
    """Layers between two tensors that all that is computed goes through."""

    layers: tuple[str, ...]
    source: Reference
    """What it takes; its last layer gives what it gives."""
    takes: Shape
    gives: Shape
    kernels: tuple[tuple[int, ...], ...]
    """Shapes of the weights that are no vectors."""
    is_branched: bool

    def __str__(self) -> str:
        """Its first and last layer, and the shapes of one sample."""
        ends = " … ".join(dict.fromkeys((self.layers[0], self.layers[-1])))
        return f"{ends} ({list(self.takes[1:])} to {list(self.gives[1:])})"


def blocks_of(model: Any) -> tuple[Block, ...]:
    """The blocks of a Sequential or functional model in the order in which they run, without those of its outputs.

    Raises:
        BadModel: it is of another class, or calls a layer more than once.
    """
    found: list[Block] = []
    for segment in _segments(model):
        if found and _goes_on(found[-1], segment):
            found[-1] = replace(found[-1], layers=(*found[-1].layers, *segment.layers))
        else:
            found.append(segment)
    return tuple(block for block in found if block.kernels)


def repeated(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """The blocks that can be left out: of one shape, and branched or with the kernels of a block beside them."""
    alike = [one.kernels == other.kernels for one, other in pairwise(blocks)]
    return tuple(
        block
        for at, block in enumerate(blocks)
        if block.takes and block.takes == block.gives and (block.is_branched or any(alike[max(at - 1, 0) : at + 1]))
    )


def without(config: Any, blocks: Sequence[Block]) -> Any:
    """A model's configuration without some blocks: who took what they give takes what they took."""
    gone = {name for block in blocks for name in block.layers}
    instead = {block.layers[-1]: block.source for block in blocks}
    kept = [layer for layer in config["layers"] if _name(layer) not in gone]
    return {**config, "layers": [_redirected(layer, instead) for layer in kept]}


def _goes_on(block: Block, segment: Block) -> bool:
    follows = segment.source[0] == block.layers[-1] and not segment.kernels
    return follows and block.gives == segment.takes == segment.gives


def _segments(model: Any) -> Iterator[Block]:
    edges, ends = _edges(model), set(_end_names(model))
    last_use = {source[0]: at for at, sources in enumerate(edges.values()) for source in sources}
    reach = 0
    members: list[str] = []
    for at, (name, sources) in enumerate(edges.items()):
        if not sources:
            continue
        members.append(name)
        if reach <= at:
            taken = {source for member in members for source in edges[member] if source[0] not in members}
            if len(taken) == 1 and ends.isdisjoint(members):
                yield _block(model, members, taken.pop())
            members = []
        reach = max(reach, len(edges) if name in ends else last_use.get(name, at))


def _edges(model: Any) -> dict[str, tuple[Reference, ...]]:
    """Layer → the tensors that it takes; none for an input, and for the first layer of a Sequential."""
    config = model.get_config()
    if "layers" not in config:
        kind = type(model).__name__
        raise BadModel(f"a model of class {kind!r} does not tell its layers; Sequential and functional ones do")
    names = [_name(layer) for layer in config["layers"]]
    if "input_layers" not in config:
        return dict(zip(names, [(), *(((name, 0, 0),) for name in names[:-1])], strict=True))
    for layer in config["layers"]:
        if len(layer["inbound_nodes"]) > 1:
            calls = len(layer["inbound_nodes"])
            raise BadModel(f"the layer {_name(layer)} is called {calls} times, so blocks cannot be told apart")
    return {_name(layer): tuple(_references(layer["inbound_nodes"], names)) for layer in config["layers"]}


def _end_names(model: Any) -> Iterator[str]:
    """The layers that give the model's outputs."""
    config = model.get_config()
    names = [_name(layer) for layer in config["layers"]]
    if "output_layers" not in config:
        yield names[-1]
        return
    for name, *_ in _references(config["output_layers"], names):
        yield name


def _references(nested: Any, names: Collection[str]) -> Iterator[Reference]:
    if isinstance(nested, dict):
        nested = list(nested.values())
    if not isinstance(nested, (list, tuple)):
        return
    if _is_reference(nested, names):
        yield nested[0], nested[1], nested[2]
        nested = nested[_REFERENCE_LENGTH:]
    for part in nested:
        yield from _references(part, names)


def _is_reference(nested: Sequence[Any], names: Collection[str]) -> bool:
    head = nested[:_REFERENCE_LENGTH]
    kinds = [type(each) for each in head]
    return kinds == [str, int, int] and head[0] in names


def _block(model: Any, members: Sequence[str], source: Reference) -> Block:
    weights = [weight for name in members for weight in getattr(_node(model, name), "weights", ())]
    return Block(
        layers=tuple(members),
        source=source,
        takes=_shape(model, source[0]),
        gives=_shape(model, members[-1]),
        kernels=tuple(tuple(each.shape) for each in weights if len(each.shape) >= _KERNEL_RANK),
        is_branched=len(members) > 1,
    )


def _shape(model: Any, name: str) -> Shape:
    node = _node(model, name)
    if node is None:
        return tuple(model.input_shape)  # a Sequential keeps its InputLayer to itself
    output = node.output
    # What a layer of several outputs gives is no tensor that another could stand for: it has no shape here.
    return () if isinstance(output, (list, tuple, dict)) else tuple(output.shape)


def _node(model: Any, name: str) -> Any:
    """The layer of a name, or the bare operation that Keras 3 keeps beside the layers."""
    nodes = [*model.layers, *getattr(model, "operations", ())]
    return next((node for node in nodes if node.name == name), None)


def _redirected(layer: Any, instead: Mapping[str, Reference]) -> Any:
    return {**layer, "inbound_nodes": _replaced(layer["inbound_nodes"], instead)} if "inbound_nodes" in layer else layer


def _replaced(nested: Any, instead: Mapping[str, Reference]) -> Any:
    if isinstance(nested, dict):
        return {key: _replaced(value, instead) for key, value in nested.items()}
    if not isinstance(nested, (list, tuple)):
        return nested
    if _is_reference(nested, instead):
        name, call, output = instead[nested[0]]
        return _replaced([name, call, output, *nested[_REFERENCE_LENGTH:]], instead)
    return type(nested)(_replaced(each, instead) for each in nested)


def _name(layer: Any) -> str:
    return str(layer["config"].get("name") or layer["name"])
