"""Which tensors of a .tflite are the inputs and outputs that its signature names: converters know the tensors alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.errors import BadModel
from optfarm_tasks.frameworks.imports import blaming


@dataclass(frozen=True)
class Ends:
    """Input or output → the name of its tensor, in the order of the graph."""

    file: Path
    inputs: dict[str, str]
    outputs: dict[str, str]


def ends_of(model: Path) -> Ends:
    """The ends of the signature that is run.

    Raises:
        BadModel: LiteRT cannot load it.
    """
    from ai_edge_litert.interpreter import Interpreter

    file = formats.file_of(model)
    name = formats.describe(model).signature.name
    with blaming(BadModel, "LiteRT cannot load the model"):
        interpreter = Interpreter(str(file))
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if name not in interpreter.get_signature_list():
        return Ends(file, _as_they_are(inputs), _as_they_are(outputs))
    runner = interpreter.get_signature_runner(name)
    return Ends(file, _named(runner.get_input_details(), inputs), _named(runner.get_output_details(), outputs))


def _as_they_are(details: list[dict[str, Any]]) -> dict[str, str]:
    return {each["name"]: each["name"] for each in details}


def _named(by_key: dict[str, Any], details: list[dict[str, Any]]) -> dict[str, str]:
    keys = {each["index"]: key for key, each in by_key.items()}
    return {keys[each["index"]]: each["name"] for each in details if each["index"] in keys}
