"""PyTorch: torch.profiler, which records each op that the program calls, and the kernels that Inductor made."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.errors import BadModel
from optfarm_tasks.frameworks.imports import blaming, require
from optfarm_tasks.profiler import Event, Inference, PlainSession, wall_ns
from optfarm_tasks.runtimes import torch as runtime
from optfarm_tasks.schema.device import CPU, DeviceSpec

_NS_PER_US = 1000
_NAMED = "::"
_NUMBERS = re.compile(r"^graph_\d+_|(?<=\D)_\d+$")
"""What Inductor numbers its kernels with."""


class Session(PlainSession):
    """A model as its runtime loads it, which is observed as it is."""

    notes = (
        "PyTorch's profiler takes about a microsecond for each op",
        "an op counts with those that it calls itself: aten::linear with aten::addmm",
    )

    def observe(self, feed: Any, runs: int) -> tuple[Inference, ...]:
        """Inferences under the profiler; the first, which sets it up, is left out."""
        with blaming(BadModel, "PyTorch cannot profile the model"):
            return tuple(self._observed(feed) for _ in range(runs + 1))[1:]

    def _observed(self, feed: Any) -> Inference:
        from torch.profiler import profile

        with profile(record_shapes=True, acc_events=True) as recorded:
            taken_ns = wall_ns(lambda: self._plain.run(feed))
        outermost = (each for each in recorded.events() if each.cpu_parent is None)
        return Inference(taken_ns, tuple(_event(each) for each in ops(outermost)))


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Session:
    """Loads the .pt2 of a folder; see optfarm_tasks.runtimes.torch.load for what it raises."""
    require(runtime.MODULES, user="the profiler of PyTorch")
    import torch._inductor.config

    # Kernels that are compiled say when they run.
    torch._inductor.config.cpp.enable_kernel_profile = True  # noqa: SLF001 (the documented switch has no other place)
    return Session(runtime.load(model, threads=threads, device=device), formats.file_of(model), threads=threads)


def ops(recorded: Iterable[Any]) -> Iterator[Any]:
    """The ops among the profiler's events, with what they call; a region that only holds others is left out.

    Args:
        recorded: torch.autograd's FunctionEvents that no other called.
    """
    for each in recorded:
        if _NAMED in each.name or not each.cpu_children:
            yield each
        else:
            yield from ops(each.cpu_children)


def _event(recorded: Any) -> Event:
    return Event(
        name=recorded.name,
        op=_NUMBERS.sub("", recorded.name),
        start_ns=round(recorded.time_range.start * _NS_PER_US),
        duration_ns=round(recorded.time_range.elapsed_us() * _NS_PER_US),
        thread=recorded.thread,
        details={"inputs": str(recorded.input_shapes)},
    )
