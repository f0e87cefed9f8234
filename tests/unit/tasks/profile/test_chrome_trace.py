"""The trace has what chrome://tracing and Perfetto want of every event, and begins at 0."""

import json
from typing import Any

from optfarm_tasks.profile.chrome_trace import chrome_trace
from optfarm_tasks.profiler import Event

EVENTS = (
    Event("second", "MatMul", start_ns=7_000_500, duration_ns=1_250, thread=42),
    Event("first", "Conv2D", start_ns=7_000_000, duration_ns=500, thread=17, details={"device": "CPU:0"}),
)


def traced(*events: Event) -> dict[str, Any]:
    made = chrome_trace(events, process="one inference", about={"runtime": "litert"})
    copy: dict[str, Any] = json.loads(json.dumps(made))
    return copy


def slices(trace: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in trace["traceEvents"] if each["ph"] == "X"]


def test_every_event_says_what_when_how_long_and_where() -> None:
    trace = traced(*EVENTS)

    assert {"ph", "ts", "dur", "name", "pid", "tid"} <= set.intersection(*map(set, trace["traceEvents"]))
    assert all(each["ts"] >= 0 and each["dur"] >= 0 for each in trace["traceEvents"])


def test_times_are_microseconds_since_the_first_op() -> None:
    assert [(each["ts"], each["dur"]) for each in slices(traced(*EVENTS))] == [(0, 0.5), (0.5, 1.25)]


def test_a_slice_is_named_by_its_type_and_tells_its_node() -> None:
    first, second = slices(traced(*EVENTS))

    assert (first["name"], first["args"]) == ("Conv2D", {"name": "first", "op": "Conv2D", "device": "CPU:0"})
    assert (second["name"], second["args"]["name"]) == ("MatMul", "second")


def test_each_thread_has_a_track_with_a_name() -> None:
    trace = traced(*EVENTS)

    named = [(each["name"], each["tid"], each["args"]["name"]) for each in trace["traceEvents"] if each["ph"] == "M"]
    assert named == [("process_name", 0, "one inference"), ("thread_name", 1, "ops 1"), ("thread_name", 2, "ops 2")]
    assert [each["tid"] for each in slices(trace)] == [1, 2]


def test_a_model_without_ops_has_a_trace_all_the_same() -> None:
    assert slices(traced()) == []
    assert traced()["otherData"] == {"runtime": "litert"}
