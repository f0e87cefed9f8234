"""OpenVINO: the performance counters of its layers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.errors import BadModel
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.openvino import snippets
from optfarm_tasks.profiler import Event, Inference, PlainSession, wall_ns
from optfarm_tasks.runtimes import openvino as runtime
from optfarm_tasks.schema.device import CPU, DeviceSpec

_NS_PER_US = 1000
_NOTES = (
    "OpenVINO reports a layer's mean over all inferences, in whole microseconds: the trace shows it without the first",
    "OpenVINO reports no starts: layers are laid end to end, in the order in which they run",
)


@dataclass(frozen=True)
class Layer:
    """A layer that ran, and its counter."""

    name: str
    op: str
    kernel: str
    mean_us: int
    """Over all inferences since the model was compiled."""


class Session(PlainSession):
    """A model as the runtime loads it, and compiled once more with counters."""

    notes = _NOTES

    def observe(self, feed: Any, runs: int) -> tuple[Inference, ...]:
        """The mean of so many inferences, taken after a first one."""
        with blaming(BadModel, "OpenVINO cannot profile the model"):
            request = self._counting(feed)
            request.infer(feed, share_inputs=True)
            first = layers(request.get_profiling_info())
            walls_ns = [wall_ns(lambda: request.infer(feed, share_inputs=True)) for _ in range(runs)]
            every = layers(request.get_profiling_info())
        return (Inference(round(median(walls_ns)), mean(first, every, runs=runs)),)

    def _counting(self, feed: Mapping[int, Any]) -> Any:
        import openvino

        read = openvino.Core().read_model(str(self._file))
        read.reshape({place: list(array.shape) for place, array in feed.items()})
        settings = {**runtime.settings_for(read, self._threads), "PERF_COUNT": True}
        return snippets.compiled(read, settings)[0].create_infer_request()


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Session:
    """Loads the .xml of a folder; see optfarm_tasks.runtimes.openvino.load for what it raises."""
    file = formats.file_of(model)
    return Session(runtime.load(model, threads=threads, device=device), file, threads=threads)


def layers(profiled: Iterable[Any]) -> tuple[Layer, ...]:
    """The layers that ran, among all that OpenVINO lists; in the order in which they run."""
    return tuple(
        Layer(
            name=each.node_name,
            op=each.node_type,
            kernel=each.exec_type,
            mean_us=round(each.real_time.total_seconds() * 1e6),
        )
        for each in profiled
        if each.status.name == "EXECUTED"
    )


def mean(first: Iterable[Layer], every: Iterable[Layer], *, runs: int) -> tuple[Event, ...]:
    """Each layer's mean over the inferences after the first, laid end to end.

    Args:
        first: layers after one inference.
        every: the same after `runs` more.
        runs: how many inferences the mean is over.
    """
    began = {layer.name: layer.mean_us for layer in first}
    events, now_ns = [], 0
    for layer in every:
        total_us = max(0, layer.mean_us * (runs + 1) - began.get(layer.name, 0))
        duration_ns = round(total_us * _NS_PER_US / runs)
        events.append(Event(layer.name, layer.op, now_ns, duration_ns, details={"kernel": layer.kernel}))
        now_ns += duration_ns
    return tuple(events)
