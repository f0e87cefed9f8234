"""Writes ops as a Chrome trace, which chrome://tracing and ui.perfetto.dev open. Pure.

The format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from optfarm_tasks.profiler import Event

_PROCESS = 1
_NS_PER_US = 1000


def chrome_trace(events: Sequence[Event], *, process: str, about: Mapping[str, Any]) -> dict[str, Any]:
    """A trace that begins at 0 with the first op, as a JSON-able value.

    Slices are named by the op's type, so that viewers add them up by it; the node's name is among their arguments.

    Args:
        events: the ops of one inference.
        process: how viewers head the tracks.
        about: what else is known, kept in the file.
    """
    origin_ns = min((event.start_ns for event in events), default=0)
    threads = {number: track for track, number in enumerate(sorted({event.thread for event in events}), start=1)}
    tracks = [_named("process_name", process, thread=0)]
    tracks += [_named("thread_name", f"ops {track}", thread=track) for track in threads.values()]
    slices = (_slice(event, origin_ns=origin_ns, thread=threads[event.thread]) for event in _in_order(events))
    return {"displayTimeUnit": "ns", "otherData": dict(about), "traceEvents": [*tracks, *slices]}


def _in_order(events: Iterable[Event]) -> list[Event]:
    return sorted(events, key=lambda event: (event.start_ns, -event.duration_ns))


def _slice(event: Event, *, origin_ns: int, thread: int) -> dict[str, Any]:
    return {
        "ph": "X",
        "cat": "op",
        "name": event.op,
        "ts": (event.start_ns - origin_ns) / _NS_PER_US,
        "dur": event.duration_ns / _NS_PER_US,
        "pid": _PROCESS,
        "tid": thread,
        "args": {"name": event.name, "op": event.op, **event.details},
    }


def _named(what: str, name: str, *, thread: int) -> dict[str, Any]:
    # A name takes no time, yet readers of a trace may count on every event having the same keys.
    return {"ph": "M", "name": what, "ts": 0, "dur": 0, "pid": _PROCESS, "tid": thread, "args": {"name": name}}
