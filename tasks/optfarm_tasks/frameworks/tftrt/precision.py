"""Reads back from a SavedModel in which precision TensorRT computes its engines, and which of them are built. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from optfarm_tasks.formats.graph_def import Node, function_bodies, nodes
from optfarm_tasks.formats.raw import text, view
from optfarm_tasks.formats.tftrt import ENGINE
from optfarm_tasks.formats.wire import first, integer

FLOAT32, FLOAT16, INT8 = "float32", "float16", "int8"
MODES = {FLOAT32: "FP32", FLOAT16: "FP16", INT8: "INT8"}
"""Precision → TF-TRT's name of it."""

_META_GRAPH, _GRAPH = 2, 2
_STRING, _BOOLEAN = 2, 5
_ENGINE_FILE = "assets/trt-serialized-engine."


@dataclass(frozen=True)
class EngineState:
    """One engine of an artifact."""

    name: str
    precision: str
    is_built: bool
    """Whether its plan for a GPU is among the files."""


def engines_of(folder: Path) -> tuple[EngineState, ...]:
    """The engines of a SavedModel, sorted by name.

    Raises:
        Malformed: its graph cannot be read.
        OSError: a file cannot be read.
    """
    graph = first(first(view(folder / "saved_model.pb"), _META_GRAPH), _GRAPH)
    bodies = function_bodies(graph)
    found = {each.name.rpartition("/")[2]: each for each in (*nodes(graph), *_within(bodies)) if each.op == ENGINE}
    return tuple(
        EngineState(name, _precision(node, bodies), is_built=_has_bytes(folder / f"{_ENGINE_FILE}{name}"))
        for name, node in sorted(found.items())
    )


def read_back(folder: Path) -> str:
    """The precision of a SavedModel's engines: float32; float16; int8; or several where they differ.

    Raises:
        Malformed, OSError: as `engines_of`.
    """
    counts = Counter(each.precision for each in engines_of(folder))
    return " and ".join(precision for precision, _ in counts.most_common()) or "no engine"


def _precision(node: Node, bodies: Mapping[str, tuple[Node, ...]]) -> str:
    """INT8 without ranges is no INT8: TensorRT then takes float16, and says so in its log alone."""
    mode = _word(node, "precision_mode")
    named = {name: precision for precision, name in MODES.items()}.get(mode, mode)
    return FLOAT16 if named == INT8 and not _has_ranges(node, bodies) else named


def _has_ranges(node: Node, bodies: Mapping[str, tuple[Node, ...]]) -> bool:
    """Whether ranges of activations were watched, or stand in the graph as ops."""
    if node.attributes.get("calibration_data") and first(node.attributes["calibration_data"], _STRING).nbytes:
        return True
    if integer(node.attributes.get("use_calibration", memoryview(b"")), _BOOLEAN):
        return False
    inner = (each.op for name in node.functions() for each in bodies.get(name, ()))
    return any(op.startswith(("FakeQuant", "QuantizeAndDequantize")) for op in inner)


def _word(node: Node, attribute: str) -> str:
    return text(first(node.attributes.get(attribute, memoryview(b"")), _STRING))


def _within(bodies: Mapping[str, tuple[Node, ...]]) -> Iterator[Node]:
    for body in bodies.values():
        yield from body


def _has_bytes(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0
