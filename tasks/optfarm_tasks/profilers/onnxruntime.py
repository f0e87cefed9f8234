"""ONNX Runtime: its session's own profiler, which records each kernel that ran."""

import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.errors import BadModel
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.onnx import precision
from optfarm_tasks.profiler import Event, Inference, PlainSession, wall_ns
from optfarm_tasks.runtimes import onnxruntime as runtime
from optfarm_tasks.schema.device import CPU, DeviceSpec

_KERNEL = "_kernel_time"
_NS_PER_US = 1000


class Session(PlainSession):
    """A model that is loaded twice: as it runs, and with the profiler, which is on for a session's whole life."""

    notes = ("ONNX Runtime reports times in whole microseconds",)

    def __init__(self, plain: runtime.Model, file: Path, *, threads: int) -> None:
        """Takes the model as the runtime loads it, whose providers are asked for again."""
        super().__init__(plain, file, threads=threads)
        self._providers = plain.providers

    def observe(self, feed: Any, runs: int) -> tuple[Inference, ...]:
        """Inferences of a session with the profiler; the first, which allocates its memory, is left out."""
        with tempfile.TemporaryDirectory() as folder, blaming(BadModel, "ONNX Runtime cannot profile the model"):
            session = self._profiled(folder)
            walls_ns = [wall_ns(lambda: session.run(None, feed)) for _ in range(runs + 1)]
            recorded = json.loads(Path(session.end_profiling()).read_text())
        observed = zip(walls_ns, inferences(recorded), strict=True)
        return tuple(Inference(wall_ns, events) for wall_ns, events in observed)[1:]

    def _profiled(self, folder: str) -> Any:
        import onnxruntime

        options = precision.options_for(self._threads)
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder, "profile"))
        return onnxruntime.InferenceSession(str(self._file), options, providers=self._providers)


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Session:
    """Loads the .onnx of a folder; see optfarm_tasks.runtimes.onnxruntime.load for what it raises."""
    return Session(runtime.load(model, threads=threads, device=device), formats.file_of(model), threads=threads)


def inferences(recorded: Iterable[dict[str, Any]]) -> Iterator[tuple[Event, ...]]:
    """The kernels of each run, from the profiler's events; a run is recorded after its kernels."""
    kernels: list[Event] = []
    for event in recorded:
        if event["name"] == "model_run":
            yield tuple(kernels)
            kernels = []
        elif event["cat"] == "Node" and event["name"].endswith(_KERNEL):
            kernels.append(_event(event))


def _event(recorded: dict[str, Any]) -> Event:
    about = recorded["args"]
    return Event(
        name=recorded["name"].removesuffix(_KERNEL),
        op=about["op_name"],
        start_ns=recorded["ts"] * _NS_PER_US,
        duration_ns=recorded["dur"] * _NS_PER_US,
        thread=recorded["tid"],
        details={"provider": about["provider"], "inputs": json.dumps(about.get("input_type_shape", []))},
    )
