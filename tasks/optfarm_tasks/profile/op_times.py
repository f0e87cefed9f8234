"""Sums the time of ops by their type. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence

from optfarm_tasks.profiler import Event, Inference
from optfarm_tasks.schema.result import OpTime


def op_times(inferences: Sequence[Inference]) -> tuple[OpTime, ...]:
    """The types of ops in one inference, the most expensive first; means over the inferences."""
    counts: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for inference in inferences:
        for event, own_ns in own_times(inference.events):
            counts[event.op] += 1
            sums[event.op] += own_ns
    total_ns, runs = sum(sums.values()), len(inferences)
    return tuple(
        OpTime(
            op=op,
            count=round(counts[op] / runs),
            total_ns=round(sums[op] / runs),
            share=sums[op] / total_ns if total_ns else 0.0,
        )
        for op in sorted(counts, key=lambda op: (-sums[op], op))
    )


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
