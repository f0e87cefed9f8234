"""The steps that techniques on TensorFlow's graphs share: any model in, its frozen graph changed, and out again.

A graph travels as a MetaGraphDef: nodes, functions, and the signatures that name its inputs and outputs.
"""

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.description import Format
from optfarm_tasks.errors import BadModel, UnsupportedOp
from optfarm_tasks.formats.graph_def import giver
from optfarm_tasks.formats.raw import MAIN
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.keras import as_saved_model
from optfarm_tasks.frameworks.tensorflow import graph_file
from optfarm_tasks.frameworks.tensorflow.freeze import MetaGraph, freeze, signature_def
from optfarm_tasks.frameworks.tensorflow.functions import compiled_calls, name_by_use
from optfarm_tasks.frameworks.tensorflow.nodes import keep, share_constants
from optfarm_tasks.frameworks.tensorflow.signature_names import with_named_ends
from optfarm_tasks.technique import Card, Done, Work

ACCEPTS = frozenset({Format.SAVED_MODEL, Format.KERAS, Format.H5, Format.FROZEN_GRAPH})
YIELDS = dict.fromkeys(ACCEPTS, Format.SAVED_MODEL) | {Format.FROZEN_GRAPH: Format.FROZEN_GRAPH}
MODULES = as_saved_model.MODULES
card = partial(Card, accepts=ACCEPTS, yields=YIELDS, modules=MODULES)
"""The card of a technique that changes a graph."""

TAG = "serve"
"""Of the graph in a SavedModel that is run."""
_NO_LETTER = re.compile(r"\W")

Change = Callable[[MetaGraph], MetaGraph]


def rewrite(work: Work, change: Change) -> Done:
    """Freezes the model, changes its graph and writes it in the format that it had; Keras files become SavedModels.

    The notes count nodes by op before and after.

    Raises:
        BadModel: TensorFlow cannot load, freeze or store the model.
        UnsupportedOp: an op cannot be frozen.
    """
    graph, warnings = frozen(work)
    before = node_counts(graph)
    work.on_progress("rewriting", 0.5)
    changed = change(graph)
    work.on_progress("writing", 0.9)
    write(changed, work.output, YIELDS[work.format])
    return Done(warnings=warnings, notes={"nodes_before": before, "nodes_after": node_counts(changed)})


def frozen(work: Work) -> tuple[MetaGraph, tuple[str, ...]]:
    """The model's graph without variables, and warnings.

    Raises:
        BadModel: TensorFlow cannot load or freeze it.
        UnsupportedOp: an op reads or writes what lies outside the graph.
    """
    work.on_progress("freezing", 0.1)
    warnings: tuple[str, ...]
    if work.format is Format.FROZEN_GRAPH:
        graph, warnings = _read(work.model), ()
    else:
        with saved_model(work) as (folder, warnings):
            graph = freeze(folder)
    strip(graph)
    share_constants(graph.graph_def)
    return graph, (*warnings, *_fix_defaults(graph), *_compiled(graph))


def write(graph: MetaGraph, folder: Path, kind: Format) -> None:
    """Stores a graph, which it may change, as a SavedModel with all signatures, or as a frozen .pb with the main one.

    Equal graphs give equal bytes.

    Raises:
        BadModel: it is larger than TensorFlow stores.
        UnsupportedOp: a .pb cannot hold the names of the signature, or TensorFlow loads none of such names.
    """
    name_by_use(graph.graph_def)
    with blaming(BadModel, "the graph cannot be stored"):
        if kind is Format.FROZEN_GRAPH:
            keep_main(graph)
            (folder / "model.pb").write_bytes(with_named_ends(graph).SerializeToString(deterministic=True))
        else:
            _refuse_alike(graph)
            share_constants(graph.graph_def)
            (folder / "saved_model.pb").write_bytes(_servable(graph).SerializeToString(deterministic=True))


@contextmanager
def saved_model(work: Work) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """The model as a SavedModel, whatever its format, and warnings; the folder is the model's own or a passing one."""
    if work.format is Format.SAVED_MODEL:
        yield work.model, ()
        return
    with tempfile.TemporaryDirectory(dir=work.output.parent, prefix="export-") as folder:
        work.on_progress("exporting", 0.1)
        if work.format is Format.FROZEN_GRAPH:
            graph, warnings = frozen(work)
            write(graph, Path(folder), Format.SAVED_MODEL)
            yield Path(folder), warnings
        else:
            as_saved_model.export(work.model, Path(folder))
            yield Path(folder), ()


def node_counts(graph: MetaGraph) -> dict[str, int]:
    """Op → nodes, those of functions among them; "total" is their sum."""
    ops = Counter(node.op for node in nodes(graph))
    return {"total": ops.total(), **dict(ops.most_common())}


def nodes(graph: MetaGraph) -> Iterator[Any]:
    """All nodes, those of functions among them."""
    yield from graph.graph_def.node
    for function in graph.graph_def.library.function:
        yield from function.node_def


def ends(graph: MetaGraph) -> tuple[str, ...]:
    """The nodes that the signatures feed or fetch, which have to stay as they are."""
    sides = (side for each in graph.signature_def.values() for side in (each.inputs, each.outputs))
    return tuple(sorted({info.name.partition(":")[0] for side in sides for info in side.values()}))


def keep_main(graph: MetaGraph) -> tuple[str, ...]:
    """Takes away, in place, all signatures but the one that is run, and gives their names."""
    main = MAIN if MAIN in graph.signature_def else min(graph.signature_def)
    others = tuple(sorted(set(graph.signature_def) - {main}))
    for name in others:
        del graph.signature_def[name]
    strip(graph)
    return others


def strip(graph: MetaGraph) -> None:
    """Takes away, in place, the nodes that no signature needs; inputs stay, needed or not."""
    taken = {node.name: [giver(name) for name in node.input] for node in graph.graph_def.node}
    needed: set[str] = set()
    left = list(ends(graph))
    while left:
        name = left.pop()
        if name not in needed:
            needed.add(name)
            left.extend(taken[name])
    keep(graph.graph_def, needed)


def _read(model: Path) -> MetaGraph:
    """A frozen .pb with its signature."""
    import tensorflow as tf

    graph = tf.compat.v1.MetaGraphDef(graph_def=graph_file.definition(model))
    with blaming(BadModel, "TensorFlow cannot load the frozen graph"), tf.Graph().as_default() as imported:
        tf.graph_util.import_graph_def(graph.graph_def, name="")
        inputs, outputs = graph_file.tensors(imported, formats.describe(model).signature)
    graph.signature_def[MAIN].CopyFrom(signature_def(inputs, outputs))
    return graph


def _fix_defaults(graph: MetaGraph) -> tuple[str, ...]:
    """Makes optional inputs the constants that they default to, so that what hangs on them can be folded."""
    optional = [node for node in graph.graph_def.node if node.op == "PlaceholderWithDefault"]
    for node in optional:
        dtype = node.attr["dtype"].type
        node.op = "Identity"
        for key in tuple(node.attr):
            del node.attr[key]
        node.attr["T"].type = dtype
    fixed = ", ".join(node.name for node in optional)
    return (f"optional inputs are fixed at their defaults: {fixed}",) if optional else ()


def _compiled(graph: MetaGraph) -> Iterator[str]:
    names = ", ".join(sorted(node.name for node in compiled_calls(graph.graph_def)))
    if names:
        yield f"XLA still compiles what {names} calls, at the first request of each shape, as the model has it"


def _refuse_alike(graph: MetaGraph) -> None:
    """A graph without Python's functions is loaded under names made of the inputs' letters and digits alone."""
    for signature in graph.signature_def.values():
        plain = Counter(_NO_LETTER.sub("_", key) for key in signature.inputs)
        alike = sorted(key for key in signature.inputs if plain[_NO_LETTER.sub("_", key)] > 1)
        if alike:
            raise UnsupportedOp(
                f"TensorFlow loads no frozen SavedModel whose inputs are alike but for signs: {', '.join(alike)}; "
                f"rename them"
            )


def _servable(graph: MetaGraph) -> Any:
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    model.meta_graphs.append(graph)
    model.meta_graphs[0].meta_info_def.tags.append(TAG)
    return model
