"""Sums the time of ops by their type. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from optfarm_tasks.profiler import Event, Inference
from optfarm_tasks.schema.result import OpTime


def op_times(inferences: Sequence[Inference]) -> tuple[OpTime, ...]:
    """The types of ops in one inference, the most expensive first; medians over the inferences.

    A mean would be thrown by one inference in which the machine did something else.
    """
    runs = [_times(inference) for inference in inferences]
    totals = {op: median(sum(run.get(op, ())) for run in runs) for op in {op for run in runs for op in run}}
    total_ns = sum(totals.values())
    return tuple(
        OpTime(
            op=op,
            count=round(median(len(run.get(op, ())) for run in runs)),
            total_ns=round(totals[op]),
            share=totals[op] / total_ns if total_ns else 0.0,
        )
        for op in sorted(totals, key=lambda op: (-totals[op], op))
    )


def _times(inference: Inference) -> dict[str, list[int]]:
    """Type of op → what each op of it took."""
    found: dict[str, list[int]] = {}
    for event, own_ns in own_times(inference.events):
        found.setdefault(event.op, []).append(own_ns)
    return found


def own_times(events: Sequence[Event]) -> Iterator[tuple[Event, int]]:
    """Each event with its duration less that of the events inside it: a loop would count its body's ops again."""
    inside: Counter[int] = Counter()
    open_events: list[tuple[int, Event]] = []
    order = sorted(range(len(events)), key=lambda index: _place(events[index]))
    for index in order:
        event = events[index]
        while open_events and not _holds(open_events[-1][1], event):
            open_events.pop()
        if open_events:
            inside[open_events[-1][0]] += event.duration_ns
        open_events.append((index, event))
    for index, event in enumerate(events):
        yield event, max(0, event.duration_ns - inside[index])


def _place(event: Event) -> tuple[int, int, int]:
    return event.thread, event.start_ns, -event.duration_ns


def _holds(outer: Event, inner: Event) -> bool:
    is_over = outer.start_ns + outer.duration_ns
    return outer.thread == inner.thread and inner.start_ns < is_over and inner.start_ns + inner.duration_ns <= is_over
