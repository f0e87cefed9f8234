"""Reads a SavedModel: its signatures and ops from saved_model.pb, its weights from the checkpoint's index."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from optfarm_tasks.description import Format, ModelDescription, Signature, Tensor
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats import checkpoint, state
from optfarm_tasks.formats.graph_def import giver
from optfarm_tasks.formats.raw import Malformed, main_first, text, view
from optfarm_tasks.formats.tensorflow_types import dtype_name, shape_of
from optfarm_tasks.formats.wire import as_bytes, as_int, fields, first, integer, messages

_INTERNAL = frozenset({"__saved_model_init_op", "__saved_model_train_op"})
_VARIABLES = frozenset({"VarHandleOp", "Variable", "VariableV2"})
_TAG = "serve"

# Numbers of fields in saved_model.proto, meta_graph.proto, graph.proto and function.proto.
_VERSION, _META_GRAPH = 1, 2
_META_INFO, _GRAPH, _SIGNATURE = 1, 2, 5
_TAGS = 4
_NODE, _LIBRARY = 1, 2
_FUNCTION, _FUNCTION_NODE = 1, 3
_OP = 2
_KEY, _VALUE = 1, 2
_TENSOR_NAME = 1


def describe(folder: Path, *, size_bytes: int) -> ModelDescription:
    """The model in the files of a SavedModel.

    Raises:
        BadModel: it has nothing to run.
        Malformed: a file is truncated, damaged or missing.
        OSError: a file cannot be read.
    """
    graph = _served(view(folder / "saved_model.pb"))
    signatures = tuple(_signatures(graph))
    if not signatures:
        raise BadModel(f"{folder} has no signature, so nothing says how to call it; save it with signatures=")
    ops = Counter(_ops(first(graph, _GRAPH)))
    return ModelDescription(
        format=Format.SAVED_MODEL,
        signatures=main_first(signatures),
        size_bytes=size_bytes,
        parameters=_parameters(folder, has_variables=not _VARIABLES.isdisjoint(ops)),
        ops=dict(ops.most_common()),
        state=state.of_graph(first(graph, _GRAPH), _ends(graph, main_first(signatures)[0].name)),
    )


def _served(model: memoryview) -> memoryview:
    """The graph tagged for serving."""
    seen = []
    for number, value in fields(model):
        if number not in (_VERSION, _META_GRAPH):
            raise Malformed(f"saved_model.pb is truncated or damaged: a SavedModel has no field {number}")
        if number == _VERSION and as_int(value) != 1:
            raise Malformed(f"saved_model.pb is damaged: its version is {value}, not 1")
        if number == _META_GRAPH:
            seen.append(as_bytes(value))
    if not seen:
        raise Malformed("saved_model.pb holds no graph; it is truncated or something else")
    tags = [{text(tag) for tag in messages(first(graph, _META_INFO), _TAGS)} for graph in seen]
    for graph, names in zip(seen, tags, strict=True):
        if _TAG in names:
            return graph
    found = ", ".join(sorted(set().union(*tags))) or "untagged ones"
    raise BadModel(f"saved_model.pb has no graph tagged {_TAG!r}, only {found}; export the model for serving")


def _signatures(graph: memoryview) -> Iterator[Signature]:
    entries = [(text(first(entry, _KEY)), first(entry, _VALUE)) for entry in messages(graph, _SIGNATURE)]
    for name, value in sorted(entries, key=lambda entry: entry[0]):
        if name not in _INTERNAL:
            yield Signature(name=name, inputs=_tensors(value, 1), outputs=_tensors(value, 2))


def _ends(graph: memoryview, signature: str) -> tuple[str, ...]:
    """The nodes that give the outputs of a signature."""
    found = next(first(entry, _VALUE) for entry in messages(graph, _SIGNATURE) if text(first(entry, _KEY)) == signature)
    return tuple(giver(text(first(first(entry, _VALUE), _TENSOR_NAME))) for entry in messages(found, 2))


def _tensors(signature: memoryview, number: int) -> tuple[Tensor, ...]:
    # A map has no order in a protocol buffer, so names give it one.
    found = (_tensor(text(first(entry, _KEY)), first(entry, _VALUE)) for entry in messages(signature, number))
    return tuple(sorted(found, key=lambda tensor: tensor.name))


def _tensor(name: str, info: memoryview) -> Tensor:
    return Tensor(name=name, dtype=dtype_name(integer(info, 2)), shape=shape_of(first(info, 3)))


def _ops(graph: memoryview) -> Iterator[str]:
    """The op of each node of a graph and of the functions it may call."""
    for number, value in fields(graph):
        if number == _NODE:
            yield text(first(as_bytes(value), _OP))
        elif number == _LIBRARY:
            for function in messages(as_bytes(value), _FUNCTION):
                for node in messages(function, _FUNCTION_NODE):
                    yield text(first(node, _OP))


def _parameters(folder: Path, *, has_variables: bool) -> int | None:
    """The weights of the checkpoint; None for a frozen graph, whose weights are constants."""
    prefix = folder / "variables" / "variables"
    if prefix.with_name("variables.index").is_file():
        return checkpoint.parameters(prefix)
    if has_variables:
        raise Malformed("variables/variables.index is missing, and the graph has variables")
    return None
