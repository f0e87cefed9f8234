"""The table of a sweep: one row for each variant, device and setting."""

from collections.abc import Sequence

from optfarm_scheduler.decisions.states import worst
from optfarm_scheduler.planning.sources import Origin, Source
from optfarm_scheduler.store.records import SweepRecord, TaskDetails
from optfarm_tasks.schema.measurement import Measurement
from optfarm_tasks.schema.result import BenchmarkResult, Conversion, Quality
from optfarm_tasks.schema.spec import Auto, Benchmark, Kind, Role
from optfarm_tasks.schema.sweep import Row, SweepReport


def sweep_report(sweep: SweepRecord, tasks: Sequence[TaskDetails]) -> SweepReport:
    """The table of a sweep, from tasks with their results."""
    return SweepReport(
        sweep_id=sweep.id,
        state=sweep.state,
        model=sweep.model,
        data=sweep.data,
        effort=sweep.spec.effort,
        scenario=sweep.spec.scenario,
        latency_limit_ms=sweep.spec.latency_limit_ms,
        rows=rows(tasks),
        skipped=sweep.skipped,
        devices=sweep.devices,
    )


def rows(tasks: Sequence[TaskDetails]) -> tuple[Row, ...]:
    """One row a benchmark, in the order of the plan; a row that has no result yet says in which state it is."""
    conversions = {Source(Origin.TASK, task.id): task for task in tasks if task.kind is Kind.CONVERT}
    evaluations = {_scored_as(task): task for task in tasks if task.kind is Kind.EVALUATE}
    benchmarks = [task for task in tasks if task.kind is Kind.BENCHMARK]
    twins = {_place(task): _measured(task) for task in benchmarks if task.inputs[Role.BASELINE] == _candidate(task)}
    return tuple(
        _row(task, conversions[_candidate(task)], evaluations.get(_scored_as(task)), twin=twins.get(_place(task)))
        for task in benchmarks
    )


def _row(
    benchmark: TaskDetails, conversion: TaskDetails, evaluation: TaskDetails | None, *, twin: Measurement | None
) -> Row:
    parts = [part for part in (conversion, evaluation, benchmark) if part is not None]
    setting = benchmark.setting or Benchmark()
    artifact, made = conversion.result, _facts(conversion)
    facts = made if isinstance(made, Conversion) else None
    quality = _facts(evaluation) if evaluation else None
    measured = _measured(benchmark)
    return Row(
        recipe=benchmark.recipe,
        device=benchmark.pinned_to or "",
        threads=setting.threads,
        batch_size=setting.batch_size,
        state=worst(part.state for part in parts),
        cached=all(part.cached for part in parts),
        artifact=artifact.outputs.digest if artifact else None,
        convert_task=conversion.id,
        size_bytes=facts.description.size_bytes if facts else None,
        gzip_bytes=facts.gzip_bytes if facts else None,
        zstd_bytes=facts.zstd_bytes if facts else None,
        format=facts.description.format if facts else None,
        quality=quality if isinstance(quality, Quality) else None,
        measurement=measured.beside(twin) if measured and twin else measured,
        failure=next((part.failure for part in parts if part.failure is not None), None),
        warnings=(*_warnings(parts), *(f"not measured on {each.device}: {each.why}" for each in benchmark.tried)),
    )


def _measured(task: TaskDetails) -> Measurement | None:
    facts = _facts(task)
    return facts.candidate if isinstance(facts, BenchmarkResult) else None


def _facts(task: TaskDetails) -> object:
    return task.result.facts if task.result else None


def _scored_as(task: TaskDetails) -> tuple[Source, tuple[tuple[str, bool], ...]]:
    """What is scored, and the class of processors whose results it takes: those of the one that is timed."""
    return _candidate(task), tuple(task.needs.instruction_sets.items())


def _candidate(task: TaskDetails) -> Source:
    return task.inputs[Role.CANDIDATE]


def _place(task: TaskDetails) -> tuple[str | None, int | Auto, int | Auto]:
    setting = task.setting or Benchmark()
    return task.pinned_to, setting.threads, setting.batch_size


def _warnings(parts: Sequence[TaskDetails]) -> tuple[str, ...]:
    found = (getattr(_facts(part), "warnings", ()) for part in parts)
    return tuple(dict.fromkeys(warning for warnings in found for warning in warnings))
