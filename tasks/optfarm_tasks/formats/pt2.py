"""Reads a .pt2, the archive that torch.export.save writes: a zip of JSON, with tensors that are not looked at.

Nothing of PyTorch is needed, and no pickle in it is read. The JSON follows torch/_export/serde/schema.py.
"""

import json
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from optfarm_tasks.description import Format, ModelDescription, Signature, Tensor
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats.raw import Malformed, reading

_ZIP = b"PK\x03\x04"
_MOST_JSON_BYTES = 256 << 20
_BFLOAT16 = "bfloat16"
_DTYPES = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64", 12: "bool",
    13: _BFLOAT16, 28: "uint16", 34: "uint32", 35: "uint64",
}  # fmt: skip
"""The numbers of ScalarType in the schema."""
_OPS = "torch.ops."
_VIEWS = {
    "alias", "as_strided", "detach", "diagonal", "expand", "flatten", "narrow", "permute", "reshape", "select", "slice",
    "squeeze", "t", "transpose", "unfold", "unsqueeze", "view",
}  # fmt: skip
"""Ops whose result may be the memory that they were given."""
_WEIGHTS = ("parameter", "buffer", "tensor_constant")


@dataclass(frozen=True)
class Leaf:
    """One value that goes in or comes out, in the order in which PyTorch flattens arguments and results."""

    name: str
    tensor: Tensor | None
    """None where it is a number, a word or nothing, which the model has by itself."""
    is_bfloat16: bool = False
    """Whether it is bfloat16, which NumPy has not: it is fed and given as float32."""


@dataclass(frozen=True)
class Ends:
    """What an exported program takes and gives."""

    inputs: tuple[Leaf, ...]
    outputs: tuple[Leaf, ...]
    containers: frozenset[str]
    """Classes that arguments and results are put into: builtins.dict, or a library's own."""


def describe(path: Path, *, size_bytes: int) -> ModelDescription:
    """The exported program in a .pt2.

    Raises:
        BadModel: it is something else, or what AOTInductor compiled.
        Malformed: it is truncated or damaged.
        OSError: it cannot be read.
    """
    program = _program(path)
    with reading(path.name):
        ends = _ends(program)
        graph, signature = _graph(program), _graph_module(program)["signature"]
        inputs, outputs = (tuple(leaf.tensor for leaf in side if leaf.tensor) for side in (ends.inputs, ends.outputs))
        return ModelDescription(
            format=Format.PT2,
            signatures=(Signature(inputs=inputs, outputs=outputs),),
            size_bytes=size_bytes,
            parameters=sum(_elements(graph, name) for name in _weights(signature)),
            ops=dict(Counter(map(_op, graph["nodes"])).most_common()),
            state=tuple(dict.fromkeys(_changed(program))),
        )


def ends(path: Path) -> Ends:
    """What the program in a .pt2 takes and gives.

    Raises:
        BadModel, Malformed, OSError: as `describe`.
    """
    program = _program(path)
    with reading(path.name):
        return _ends(program)


def graph_outputs(path: Path) -> tuple[str, ...]:
    """The values of the graph that no node of it takes.

    Raises:
        BadModel, Malformed, OSError: as `describe`.
    """
    program = _program(path)
    with reading(path.name):
        nodes = _graph(program)["nodes"]
        taken = {name for node in nodes for given in node["inputs"] for name in _names(given["arg"])}
        made = [name for node in nodes for given in node["outputs"] for name in _names(given)]
    return tuple(name for name in made if name not in taken)


def _program(path: Path) -> Any:
    """The JSON of the one program in an archive."""
    with path.open("rb") as stream:
        head = stream.read(4)
        if head != _ZIP:
            raise BadModel(
                f"{path} is no .pt2: it begins with {head!r}, not with a zip's header; use torch.export.save"
            )
        with reading(path.name), zipfile.ZipFile(stream) as archive:
            names = archive.namelist()
            programs = [name for name in names if _is_in(name, "models") and name.endswith(".json")]
            if not programs and any(_is_in(name, "data", "aotinductor") for name in names):
                raise BadModel(
                    f"{path} holds what AOTInductor compiled for one kind of host; push the exported program, and "
                    f"torch-compile compiles it on each host"
                )
            if len(programs) != 1:
                raise Malformed(f"it holds {len(programs)} exported programs, and not one")
            if archive.getinfo(programs[0]).file_size > _MOST_JSON_BYTES:
                raise Malformed(f"its {programs[0]} claims {archive.getinfo(programs[0]).file_size} bytes")
            return json.loads(archive.read(programs[0]))


def _is_in(name: str, *folder: str) -> bool:
    """Whether a member lies in a folder below the archive's own."""
    return tuple(name.split("/")[1 : 1 + len(folder)]) == folder


def _graph_module(program: Any) -> Any:
    return program["graph_module"]


def _graph(program: Any) -> Any:
    return _graph_module(program)["graph"]


def _ends(program: Any) -> Ends:
    (called, *_) = [each["signature"] for each in _graph_module(program)["module_call_graph"] if not each["fqn"]]
    signature = _graph_module(program)["signature"]
    given = [
        each["user_input"]["arg"] if "user_input" in each else {}
        for each in signature["input_specs"]
        if {"user_input", "constant_input"} & each.keys()
    ]
    made = [each["user_output"]["arg"] for each in signature["output_specs"] if "user_output" in each]
    graph = _graph(program)
    inputs = [_leaf(graph, arg, name=next(iter(_names(arg)), "")) for arg in given]
    specs = [json.loads(called[name])[1] for name in ("in_spec", "out_spec")]
    paths = list(_paths(specs[1]))
    outputs = [_leaf(graph, arg, name=name) for arg, name in zip(made, _output_names(paths), strict=True)]
    return Ends(tuple(inputs), tuple(outputs), frozenset(name for spec in specs for name in _containers(spec)))


def _leaf(graph: Any, arg: Mapping[str, Any], *, name: str) -> Leaf:
    if "as_tensor" not in arg:
        return Leaf(name, None)
    value = graph["tensor_values"][arg["as_tensor"]["name"]]
    dtype = _DTYPES.get(value["dtype"])
    if dtype is None:
        raise Malformed(f"{name} is of the type {value['dtype']}, which is not known")
    shape = tuple(size.get("as_int") for size in value["sizes"])
    is_bfloat16 = dtype == _BFLOAT16
    return Leaf(
        name, Tensor(name=name, dtype="float32" if is_bfloat16 else dtype, shape=shape), is_bfloat16=is_bfloat16
    )


def _paths(spec: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where each value of a result lies: its keys in dicts and what is like them, its places in tuples and lists."""
    children = spec["children_spec"]
    if spec["type"] is None:
        yield path
        return
    context = json.loads(spec["context"])
    has_keys = isinstance(context, list) and len(context) == len(children)
    keys = context if has_keys else range(len(children))
    for key, child in zip(keys, children, strict=True):
        yield from _paths(child, (*path, str(key)))


def _containers(spec: Mapping[str, Any]) -> Iterator[str]:
    if spec["type"] is not None:
        yield str(spec["type"])
    for child in spec["children_spec"]:
        yield from _containers(child)


def _output_names(paths: list[tuple[str, ...]]) -> list[str]:
    """The keys of a dict; `output`, or `output_0` and on, where results have none."""
    named = ["_".join(path if path and not path[0].isdecimal() else ("output", *path)) for path in paths]
    return named if len(set(named)) == len(named) else [f"output_{at}" for at in range(len(named))]


def _names(arg: Any) -> Iterator[str]:
    """The names of the values in an argument, whatever it is made of."""
    if isinstance(arg, Mapping):
        if isinstance(arg.get("name"), str):
            yield arg["name"]
        for each in arg.values():
            yield from _names(each)
    elif isinstance(arg, list):
        for each in arg:
            yield from _names(each)


def _op(node: Mapping[str, Any]) -> str:
    """torch.ops.aten.linear.default → aten.linear."""
    target = str(node["target"]).removeprefix(_OPS)
    return ".".join(target.split(".")[:2])


def _weights(signature: Any) -> Iterator[str]:
    for spec in signature["input_specs"]:
        for kind in _WEIGHTS:
            if kind in spec:
                yield spec[kind]["arg"]["name"]


def _elements(graph: Any, name: str) -> int:
    return prod(size["as_int"] for size in graph["tensor_values"][name]["sizes"])


def _changed(program: Any) -> Iterator[str]:
    """The buffers that a call changes: by what the signature says, or by ops in place on them or on views of them."""
    signature = _graph_module(program)["signature"]
    for spec in signature["output_specs"]:
        if "buffer_mutation" in spec:
            yield str(spec["buffer_mutation"]["buffer_name"])
    buffers = [spec["buffer"] for spec in signature["input_specs"] if "buffer" in spec]
    named = {each["arg"]["name"]: str(each["buffer_name"]) for each in buffers}
    for node in _graph(program)["nodes"]:
        first = next((name for given in node["inputs"] for name in _names(given["arg"])), "")
        if first not in named:
            continue
        op = _op(node).rpartition(".")[2]
        if op.endswith("_"):
            yield named[first]
        elif op in _VIEWS:
            named |= dict.fromkeys((name for given in node["outputs"] for name in _names(given)), named[first])
