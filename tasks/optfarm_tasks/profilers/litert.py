"""LiteRT: the profiler of its C API, which records the ops of XNNPACK as well as LiteRT's own kernels."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.data_sets import model_inputs
from optfarm_tasks.errors import UnsupportedOp
from optfarm_tasks.frameworks.tflite.profiler_api import Engine, ProfiledEvent
from optfarm_tasks.profiler import Event, Inference, PlainSession, wall_ns
from optfarm_tasks.runtime import Arrays
from optfarm_tasks.runtimes import litert as runtime
from optfarm_tasks.schema.device import CPU, DeviceSpec

_OWN, _DELEGATED = 1 << 1, frozenset({1 << 2, 1 << 3})
"""Kinds of events: OPERATOR_INVOKE_EVENT; an op of a delegate, whose start is not recorded."""
_INVOKE = b"Invoke"
"""What LiteRT records as a graph begins to run."""
_NS_PER_US = 1000
_NOTES = (
    "LiteRT reports durations in whole microseconds, rounded down: what takes less shows as 0",
    "XNNPACK reports no starts: its ops are laid end to end, from where their graph began",
)


class Session(PlainSession):
    """A model as the runtime loads it, and once more with the profiler, which slows it down even when it is off."""

    notes = _NOTES

    def feed(self, inputs: Arrays) -> Any:
        """Arrays of the model's types, by input, and as the runtime takes them."""
        return model_inputs.fitted(inputs, self.signature), self._plain.feed(inputs)

    def run(self, feed: Any) -> Any:
        """One inference without the profiler."""
        return self._plain.run(feed[1])

    def observe(self, feed: Any, runs: int) -> tuple[Inference, ...]:
        """Inferences with the profiler; the first, in which XNNPACK sets itself up, is left out."""
        engine = Engine(self._file, signature=self.signature.name, threads=self._threads)
        engine.feed(feed[0])
        return tuple(_observed(engine) for _ in range(runs + 1))[1:]


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Session:
    """Loads the .tflite of a folder; see optfarm_tasks.runtimes.litert.load for what it raises.

    Raises:
        UnsupportedOp: it takes strings, which cannot be handed over, or runs without XNNPACK; the profiler does not.
    """
    file = formats.file_of(model)
    plain = runtime.load(model, threads=threads, device=device)
    strings = [each.name for each in plain.signature.inputs if each.dtype == "string"]
    if strings:
        raise UnsupportedOp(f"LiteRT's profiler takes no strings, and the input {strings[0]} is one")
    if plain.remark:
        raise UnsupportedOp(f"LiteRT's profiler computes with XNNPACK alone, and this model runs {plain.remark}")
    return Session(plain, file, threads=threads)


def events(recorded: Iterable[ProfiledEvent]) -> Iterator[Event]:
    """The ops among what LiteRT recorded, in the order in which they began."""
    now_us = 0
    for each in recorded:
        if each.kind not in {_OWN, *_DELEGATED}:
            now_us = each.start_us if each.tag == _INVOKE and each.kind == 1 else now_us
            continue
        start_us = each.start_us if each.kind == _OWN else now_us
        now_us = start_us + each.elapsed_us
        yield _event(each, start_us)


def _event(recorded: ProfiledEvent, start_us: int) -> Event:
    op = recorded.tag.decode(errors="replace")
    by = "LiteRT" if recorded.kind == _OWN else "XNNPACK"
    return Event(
        name=f"{op} {recorded.index}",
        op=op,
        start_ns=start_us * _NS_PER_US,
        duration_ns=recorded.elapsed_us * _NS_PER_US,
        details={"kernels": by, "node": str(recorded.index)},
    )


def _observed(engine: Engine) -> Inference:
    engine.start()
    taken_ns = wall_ns(engine.run)
    return Inference(taken_ns, tuple(events(engine.stop())))
