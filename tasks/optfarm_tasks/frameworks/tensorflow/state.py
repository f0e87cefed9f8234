"""Refuses SavedModels that keep state between calls, for what would drop it or crash on it."""

from pathlib import Path
from typing import Any

from optfarm_tasks.errors import UnsupportedOp
from optfarm_tasks.frameworks.tensorflow import graph_edit
from optfarm_tasks.frameworks.tensorflow.freeze import writing
from optfarm_tasks.frameworks.tensorflow.functions import reached

_INITIALISER = "__saved_model_init_op"
"""What TensorFlow runs once when it loads a SavedModel; it is written down as a signature."""
_LOOPS = ("While", "StatelessWhile")


def refuse_state(folder: Path, *, user: str) -> None:
    """Passes when the main signature of a SavedModel changes no variable, so that each call gives the same.

    Args:
        folder: that of the SavedModel; nothing of it is run.
        user: what would drop the state.

    Raises:
        UnsupportedOp: it changes one.
    """
    found = writing(_served(folder))
    if found is not None:
        raise UnsupportedOp(
            f"the model keeps state between calls: {found.op} ({found.name}) changes a variable, which {user} would "
            f"drop; export it without that state"
        )


def refuse_state_in_loops(folder: Path, *, user: str) -> None:
    """Passes unless the main signature of a SavedModel has both a variable that it changes and a loop.

    Args:
        folder: that of the SavedModel; nothing of it is run.
        user: what ends the process on both together.

    Raises:
        UnsupportedOp: it has.
    """
    definition = _served(folder)
    state = writing(definition)
    loop = next((node for node in reached(definition)[0] if node.op in _LOOPS), None)
    if state is not None and loop is not None:
        raise UnsupportedOp(
            f"the model keeps state between calls by {state.op} and has a loop ({loop.op}, {loop.name}), on which "
            f"{user} crashes; tflite-float32 and tflite-dynamic-range take it"
        )


def refuse_tables(folder: Path, *, user: str) -> None:
    """Passes when the main signature of a SavedModel looks up no table.

    Args:
        folder: that of the SavedModel; nothing of it is run.
        user: what finds tables empty.

    Raises:
        UnsupportedOp: it looks one up.
    """
    for node in reached(_served(folder))[0]:
        if node.op.startswith("LookupTable"):
            raise UnsupportedOp(
                f"{user} finds the table empty that {node.op} ({node.name}) looks up, and would take the ranges of "
                f"other values; tflite-dynamic-range takes it"
            )


def _served(folder: Path) -> Any:
    """The GraphDef of a SavedModel's main signature, with variables."""
    from tensorflow.core.protobuf import saved_model_pb2

    stored = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    graph = next(each for each in stored.meta_graphs if graph_edit.TAG in each.meta_info_def.tags)
    graph.signature_def.pop(_INITIALISER, None)
    graph_edit.keep_main(graph)
    return graph.graph_def
