"""TensorRT: its own profiler, by CUDA's events around each layer of an engine, and what its inspector says of them."""

import json
from pathlib import Path
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.errors import BadModel
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.tensorrt.session import Session as Engine
from optfarm_tasks.profiler import Event, Inference, PlainSession, wall_ns
from optfarm_tasks.runtimes import tensorrt as runtime
from optfarm_tasks.schema.device import CPU, DeviceSpec

_NS_PER_MS = 1_000_000
_TYPE, _NAME = "LayerType", "Name"


class Session(PlainSession):
    """An engine as its runtime loads it, whose layers are timed."""

    notes = (
        "a layer is what TensorRT made of one op or of several that it fused; its name lists them",
        "layers are timed one after the other, and are not launched as one CUDA graph",
    )

    def __init__(self, engine: Engine, file: Path, *, threads: int) -> None:
        """Takes an engine; asks its inspector for all layers."""
        super().__init__(engine, file, threads=threads)
        self._context = engine.context
        self._times = _times(engine.library.trt)
        self._layers = _layers(engine)

    def observe(self, feed: Any, runs: int) -> tuple[Inference, ...]:
        """Inferences under the profiler; the first, which makes it ready, is left out."""
        with blaming(BadModel, "TensorRT cannot profile the model"):
            self._context.profiler = self._times
            return tuple(self._observed(feed) for _ in range(runs + 1))[1:]

    def _observed(self, feed: Any) -> Inference:
        self._times.taken.clear()
        taken_ns = wall_ns(lambda: self._plain.run(feed))
        events, start_ns = [], 0
        for name, duration_ns in self._times.taken:
            layer = self._layers.get(name, {})
            details = {key: str(value) for key, value in layer.items() if key not in (_NAME, _TYPE)}
            events.append(Event(name, str(layer.get(_TYPE, name)), start_ns, duration_ns, details=details))
            start_ns += duration_ns
        return Inference(taken_ns, tuple(events))


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Session:
    """Loads the engine of a folder; see optfarm_tasks.runtimes.tensorrt.load for what it raises."""
    loaded = runtime.load(model, threads=threads, device=device, as_graph=False)
    return Session(loaded, formats.file_of(model), threads=threads)


def _times(trt: Any) -> Any:
    class Times(trt.IProfiler):  # type: ignore[misc] # the base is known at run time only
        def __init__(self) -> None:
            super().__init__()
            self.taken: list[tuple[str, int]] = []

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            self.taken.append((layer_name, round(ms * _NS_PER_MS)))

    return Times()


def _layers(engine: Engine) -> dict[str, dict[str, Any]]:
    """Layer → what the engine's inspector says of it: its type, the types of what it takes and gives, its kernel."""
    trt, built = engine.library.trt, engine.context.engine
    inspector = built.create_engine_inspector()
    inspector.execution_context = engine.context
    told = (
        json.loads(inspector.get_layer_information(index, trt.LayerInformationFormat.JSON))
        for index in range(built.num_layers)
    )
    return {each[_NAME]: each for each in told if isinstance(each, dict) and _NAME in each}
