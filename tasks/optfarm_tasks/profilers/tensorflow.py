"""TensorFlow: traces a session over the frozen graph, in which every op stands for itself.

In a SavedModel's own function most ops lie in functions that are called, and a trace shows one event for all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.data_sets import model_inputs
from optfarm_tasks.description import Format, Signature
from optfarm_tasks.errors import BadModel
from optfarm_tasks.frameworks.imports import blaming, require
from optfarm_tasks.frameworks.tensorflow import freeze, graph_file
from optfarm_tasks.profiler import Event, Inference
from optfarm_tasks.runtime import Arrays, check_device
from optfarm_tasks.runtimes import tensorflow as runtime
from optfarm_tasks.schema.device import CPU, DeviceSpec

_FROZEN = ("observed as a frozen graph, whose variables are constants: a little less is done than in the SavedModel",)
_START = "_SOURCE"
"""TensorFlow's own node, by which a graph begins."""


@dataclass(frozen=True)
class Ends:
    """The tensors of a signature."""

    inputs: dict[str, str]
    """Input → its tensor."""
    outputs: list[str]


class Session:
    """A TensorFlow session over a frozen graph."""

    def __init__(self, session: Any, ends: Ends, *, signature: Signature, notes: tuple[str, ...] = ()) -> None:
        """Takes an open session and the tensors that are fed and fetched."""
        self.signature = signature
        self.notes = notes
        self._session, self._ends = session, ends

    def feed(self, inputs: Arrays) -> Any:
        """Arrays of the signature's types by tensor."""
        arrays = model_inputs.fitted(inputs, self.signature)
        return {self._ends.inputs[name]: array for name, array in arrays.items()}

    def run(self, feed: Any) -> Any:
        """One inference by the session."""
        with blaming(BadModel, "TensorFlow cannot run the model"):
            return self._session.run(self._ends.outputs, feed)

    def observe(self, feed: Any, runs: int) -> tuple[Inference, ...]:
        """Inferences with a full trace; the first, which sets the tracer up, is left out."""
        return tuple(self._observed(feed) for _ in range(runs + 1))[1:]

    def _observed(self, feed: Any) -> Inference:
        from tensorflow.compat.v1 import RunMetadata, RunOptions

        options, metadata = RunOptions(trace_level=RunOptions.FULL_TRACE), RunMetadata()
        with blaming(BadModel, "TensorFlow cannot run the model"):
            start = perf_counter_ns()
            self._session.run(self._ends.outputs, feed, options=options, run_metadata=metadata)
            wall_ns = perf_counter_ns() - start
        devices = metadata.step_stats.dev_stats
        events = (_event(stats, device.device) for device in devices for stats in device.node_stats)
        return Inference(wall_ns, tuple(event for event in events if event.name != _START))


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Session:
    """Freezes a SavedModel, or takes a frozen graph as it is, and opens a session with so many threads.

    Raises:
        BadModel: TensorFlow cannot load it.
        MissingToolchain: TensorFlow does not import here.
        UnsupportedOp: it has state or tables outside the graph, so it cannot be frozen; the op is named.
    """
    check_device(device, runtime.DEVICES, user="the tensorflow profiler")
    require(runtime.MODULES, user="the tensorflow profiler")
    described = formats.describe(model)
    if described.format is Format.FROZEN_GRAPH:
        graph = _imported(graph_file.definition(model))
        ends = _ends(*graph_file.tensors(graph, described.signature))
        return Session(_session(graph, threads), ends, signature=described.signature)
    frozen = freeze.freeze(model)
    found = frozen.signature_def[described.signature.name]
    ends = _ends(found.inputs, found.outputs)
    session = _session(_imported(frozen.graph_def), threads)
    return Session(session, ends, signature=described.signature, notes=_FROZEN)


def _ends(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> Ends:
    """Of tensors, or of what a signature says of them, by name."""
    return Ends({name: each.name for name, each in inputs.items()}, [each.name for each in outputs.values()])


def _imported(definition: Any) -> Any:
    import tensorflow as tf

    with tf.Graph().as_default() as graph, blaming(BadModel, "TensorFlow cannot load the frozen graph"):
        tf.graph_util.import_graph_def(definition, name="")
    return graph


def _session(graph: Any, threads: int) -> Any:
    import tensorflow as tf

    config = tf.compat.v1.ConfigProto(inter_op_parallelism_threads=threads, intra_op_parallelism_threads=threads)
    return tf.compat.v1.Session(graph=graph, config=config)


def _event(stats: Any, device: str) -> Event:
    """An op as TensorFlow records it; its label reads node = Op(inputs)."""
    op = str(stats.timeline_label).partition(" = ")[2].partition("(")[0]
    return Event(
        name=str(stats.node_name),
        op=op or str(stats.node_name),
        start_ns=stats.all_start_nanos + stats.op_start_rel_nanos,
        duration_ns=stats.op_end_rel_nanos - stats.op_start_rel_nanos,
        thread=stats.thread_id,
        details={"device": device.rpartition("device:")[2]},
    )
