"""What TF-TRT made of a graph: its engines, the nodes in each, and the ops that it left with the reason. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from optfarm_tasks.formats.graph_def import Node, function_bodies, nodes
from optfarm_tasks.formats.tftrt import ENGINE

UNTOLD = "TF-TRT did not say why"

_CARRYING = frozenset({"Const", "Identity", "NoOp", "Placeholder"})
"""Ops that hold values or pass them on: they cost nothing, wherever they stay."""
_HEAD = "unsupported/non-converted OP Report"
_REPORT = re.compile(rf"{_HEAD}:\n(.*?)(?:\n-{{20,}}|\Z)", re.DOTALL)
_OP = re.compile(r"^\t- (?P<op>\S+) -> \d+x$(?P<reasons>.*?)(?=^\t- |\Z)", re.DOTALL | re.MULTILINE)
_REASON = re.compile(r"^\t\t- \[Count: (\d+)x\] (.*?)(?=^\t\t- \[Count|\Z)", re.DOTALL | re.MULTILINE)
_LIMITED = re.compile(r"A total of (\d+) segments .* only convert the (\d+) largest segments")
_PLACE = re.compile(r", at \S+$")
"""The node that some reasons end in; ops that stay for one reason are counted together."""
_NAMED, _WHYS = 5, 2
_LONG = 120

Reasons = dict[str, Counter[str]]
"""Op → reason → nodes."""


@dataclass(frozen=True)
class Engine:
    """A segment that TensorRT computes."""

    name: str
    ops: Mapping[str, int]

    @property
    def nodes(self) -> int:
        """How many nodes of TensorFlow it stands for."""
        return sum(self.ops.values())


@dataclass(frozen=True)
class Segmentation:
    """What became of a graph's nodes."""

    engines: tuple[Engine, ...]
    left: Mapping[str, Mapping[str, int]]
    """Op that TensorFlow still computes → reason → nodes, the most frequent op first."""

    @property
    def converted(self) -> int:
        """Nodes that compute something, in engines."""
        return sum(count for each in self.engines for op, count in each.ops.items() if op not in _CARRYING)

    @property
    def not_converted(self) -> int:
        """Nodes that TensorFlow still computes itself."""
        return sum(sum(reasons.values()) for reasons in self.left.values())

    def notes(self) -> dict[str, Any]:
        """All of it, as results keep it."""
        return {
            "engine_count": len(self.engines),
            "engines": [{"name": each.name, "nodes": each.nodes, "ops": dict(each.ops)} for each in self.engines],
            "nodes_converted": self.converted,
            "nodes_not_converted": self.not_converted,
            "ops_not_converted": {op: dict(reasons) for op, reasons in self.left.items()},
        }

    def __str__(self) -> str:
        """The types of ops that are left, the most frequent first: GatherV2 (2: …), Where (1: …) and 7 other types."""
        named = ", ".join(_told(op, reasons) for op, reasons in list(self.left.items())[:_NAMED])
        more = f" and {len(self.left) - _NAMED} other types" if len(self.left) > _NAMED else ""
        return f"{named}{more}"


def segmentation_of(graph: memoryview, log: str, *, minimum_segment_size: int) -> Segmentation:
    """What TF-TRT made of a graph.

    Args:
        graph: the bytes of the GraphDef that it gave.
        log: what it wrote meanwhile, with its detailed report.
        minimum_segment_size: as it was told.

    Raises:
        Malformed: the bytes are no GraphDef.
    """
    bodies = function_bodies(graph)
    outer = tuple(nodes(graph))
    everywhere = [*outer, *(node for body in bodies.values() for node in body)]
    segments = {name: engine.name for engine in everywhere if engine.op == ENGINE for name in engine.functions()}
    engines = tuple(Engine(segments[name], _counted(bodies[name])) for name in sorted(segments.keys() & bodies.keys()))
    outside = [*outer, *(node for name, body in bodies.items() if name not in segments for node in body)]
    left = _counted(node for node in outside if node.op != ENGINE and node.op not in _CARRYING)
    rest = _rest(log, minimum_segment_size)
    reasons = reasons_of(log)
    return Segmentation(
        engines, {op: _explained(count, reasons.get(op, Counter()), rest) for op, count in left.items()}
    )


def _rest(log: str, minimum_segment_size: int) -> str:
    """Why an op stays of which the report says nothing."""
    if _HEAD not in log:
        return UNTOLD
    limited = _LIMITED.search(log)
    beyond = f", or in none of the {limited[2]} largest of {limited[1]}" if limited else ""
    return f"TensorRT takes it, but not in a segment of {minimum_segment_size} nodes or more{beyond}"


def reasons_of(log: str) -> Reasons:
    """What the reports in a log say, added up: there is one for each function that was looked at."""
    found: Reasons = {}
    entries = (entry for report in _REPORT.findall(log) for entry in _OP.finditer(report))
    for entry in entries:
        for count, reason in _REASON.findall(entry["reasons"]):
            found.setdefault(entry["op"], Counter())[_PLACE.sub("", " ".join(reason.split()))] += int(count)
    return found


def _explained(count: int, reasons: Mapping[str, int], rest: str) -> dict[str, int]:
    """The reasons of as many nodes as there are; the report also counts some that are folded away after it."""
    found: dict[str, int] = {}
    for reason, told in sorted(reasons.items(), key=lambda each: -each[1]):
        if known := min(told, count - sum(found.values())):
            found[reason] = known
    if unexplained := count - sum(found.values()):
        found[rest] = unexplained
    return found


def _counted(among: Iterable[Node]) -> dict[str, int]:
    return dict(Counter(node.op for node in among).most_common())


def _told(op: str, reasons: Mapping[str, int]) -> str:
    shown = list(reasons)[:_WHYS]
    whys = "; ".join(f"{reason[:_LONG]}…" if len(reason) > _LONG else reason for reason in shown)
    return f"{op} ({sum(reasons.values())}: {whys}{' …' if len(reasons) > len(shown) else ''})"
