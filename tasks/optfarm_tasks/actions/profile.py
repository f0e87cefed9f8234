"""Finds out where the time of one inference goes: op by op, by the runtime's own profiler."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from optfarm_tasks import formats, registry
from optfarm_tasks.benchmark.process import feeds
from optfarm_tasks.data_sets import data
from optfarm_tasks.errors import BadParameter, Internal
from optfarm_tasks.profile.chrome_trace import chrome_trace
from optfarm_tasks.profile.op_times import op_times
from optfarm_tasks.profiler import Inference, Probe, wall_ns
from optfarm_tasks.profilers import profiler
from optfarm_tasks.schema.result import OpProfile
from optfarm_tasks.schema.spec import Role, Task, Trace
from optfarm_tasks.technique import OnProgress

FILE = "trace.json"
"""The trace among the task's outputs."""
_WARM_RUNS = 5


def run(folder: Path, task: Task, on_progress: OnProgress) -> OpProfile:
    """Observes inputs/model of a task's folder and leaves outputs/trace.json: the inference of median wall time.

    Raises:
        BadModel: the model cannot be loaded or run.
        BadData: the data set cannot be read or does not fit the model.
        BadParameter: its runtime cannot be observed, or more threads are asked for than there are cores.
        MissingToolchain: its runtime does not import here.
        UnsupportedOp: it runs, but cannot be observed.
    """
    action = task.action
    if not isinstance(action, Trace):
        raise Internal(f"a {action.kind} task reached the profiler")
    _check_cores(action.threads)
    model = folder / "inputs" / Role.MODEL
    runtime = registry.runtime_for(formats.detect(model), device=task.device.kind, wanted=action.runtime)
    on_progress("loading", 0.1)
    probe = profiler(runtime).load(model, threads=action.threads, device=task.device)
    probe.signature = probe.signature.with_batch_axes(action.batch_axes)
    inputs = folder / "inputs" / Role.DATA if Role.DATA in task.inputs else None
    feed = probe.feed(_inputs(probe, action, inputs))
    on_progress("timing", 0.4)
    for _ in range(_WARM_RUNS):
        probe.run(feed)
    plain_ns = round(median(wall_ns(lambda: probe.run(feed)) for _ in range(action.runs)))
    on_progress("profiling", 0.7)
    inferences = probe.observe(feed, action.runs)
    shown = sorted(inferences, key=lambda each: each.wall_ns)[len(inferences) // 2]
    _write(folder / "outputs" / FILE, shown, runtime=runtime, action=action, notes=probe.notes)
    return OpProfile(
        runtime=runtime,
        ops=op_times(inferences),
        runs=action.runs,
        plain_ns=plain_ns,
        profiled_ns=round(median(each.wall_ns for each in inferences)),
        input_source="random" if inputs is None else "data",
        notes=probe.notes,
    )


def _check_cores(threads: int) -> None:
    cores = len(os.sched_getaffinity(0))
    if threads > cores:
        raise BadParameter(f"{threads} threads are asked for, and there are {cores} cores")


def _inputs(probe: Probe, action: Trace, folder: Path | None) -> feeds.Arrays:
    if folder is None:
        return next(feeds.at_random(probe.signature, action.batch_size, seed=action.seed))
    arrays, _ = data.load_split(folder, data.TEST)
    names = data.fit(probe.signature, data.describe_data(folder / data.FILE).splits[data.TEST])
    samples = {name: arrays[array] for name, array in names.items()}
    return next(feeds.from_data(samples, action.batch_size, seed=action.seed))


def _write(file: Path, shown: Inference, *, runtime: str, action: Trace, notes: Sequence[str]) -> None:
    settings = action.model_dump(mode="json", exclude={"kind"})
    about = {"runtime": runtime, "wall_ns": shown.wall_ns, "notes": list(notes), **settings}
    file.write_text(json.dumps(chrome_trace(shown.events, process=f"one inference, {runtime}", about=about)))
