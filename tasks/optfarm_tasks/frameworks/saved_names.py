"""Gives the inputs of a SavedModel the names that its model has: TensorFlow's functions take plain names alone.

A function's arguments are Python's; signatures, which are what callers see, are maps whose keys are any text. So a
model is exported under names that Python takes, in the order of the true ones, by which TensorFlow sorts; then the true
ones are written into the file wherever a caller's names stand.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_PLAIN = re.compile(r"[A-Za-z]\w*", re.ASCII)


def argument_names(names: Iterable[str]) -> dict[str, str]:
    """Input → the name of its argument: its own, or all are numbered where one is none or two differ in case alone."""
    in_order = sorted(names)
    are_plain = all(map(_PLAIN.fullmatch, in_order)) and len({name.lower() for name in in_order}) == len(in_order)
    return {name: name if are_plain else f"input_{index:06d}" for index, name in enumerate(in_order)}


def arguments_of(function: Any) -> dict[str, str]:
    """Input → the argument of a loaded function that takes it, which is another where names were restored."""
    specs = function.structured_input_signature[1]
    return dict(zip(function._arg_keywords, sorted(specs), strict=True))  # noqa: SLF001 (the one list of names)


def restore(folder: Path, arguments: Mapping[str, str]) -> None:
    """Writes the names of inputs over those of their arguments in the SavedModel of a folder."""
    from tensorflow.core.protobuf import saved_model_pb2

    names = {argument: name for name, argument in arguments.items() if name != argument}
    if not names:
        return
    file = folder / "saved_model.pb"
    stored = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for graph in stored.meta_graphs:
        for signature in graph.signature_def.values():
            _rename_keys(signature.inputs, names)
        for node in graph.object_graph_def.nodes:
            if node.WhichOneof("kind") == "bare_concrete_function":
                function = node.bare_concrete_function
                function.argument_keywords[:] = [names.get(name, name) for name in function.argument_keywords]
                # It says which arguments of Python there are; without it TensorFlow goes by the keywords.
                function.ClearField("function_spec")
    file.write_bytes(stored.SerializeToString(deterministic=True))


def _rename_keys(entries: Any, names: Mapping[str, str]) -> None:
    """Moves the messages of a map to other keys, in place."""
    for old in [key for key in entries if key in names]:
        entries[names[old]].CopyFrom(entries[old])
        del entries[old]
