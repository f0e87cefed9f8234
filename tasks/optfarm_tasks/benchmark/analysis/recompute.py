"""Computes a published measurement again from its raw samples, to verify it."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from optfarm_tasks.benchmark.analysis import pairs, rates, raw
from optfarm_tasks.benchmark.analysis.conclusion import Conclusion, HostNoise, Observed, conclude
from optfarm_tasks.benchmark.analysis.ladder import chosen, ladders_of
from optfarm_tasks.benchmark.analysis.rules import precision_target_of
from optfarm_tasks.benchmark.analysis.variant_stats import ServerSetting, Setting
from optfarm_tasks.errors import BadData
from optfarm_tasks.schema.measurement import Flag, Measurement
from optfarm_tasks.schema.result import BenchmarkResult
from optfarm_tasks.schema.spec import Benchmark, Role, Scenario, Task

_TOLERANCE = 1e-9
"""Another processor or NumPy may round the last digits of a sum or a logarithm otherwise."""


def recompute(result: BenchmarkResult, task: Task, columns: raw.Columns) -> Conclusion:
    """The measurements that the raw samples of a benchmark task give.

    What the samples lack is taken from the result as it stands: counters of the host, durations of loading, memory,
    the number of the attempt, what counts energy, why a ladder ends, and whether the process was shielded, came to a
    steady state and repeats its answers.

    Args:
        result: as it was published.
        task: what was to be measured.
        columns: the raw samples.

    Raises:
        BadData: the task is no benchmark, or was not measured like this.
    """
    action = task.action
    if not isinstance(action, Benchmark):
        raise BadData(f"a {action.kind} task measures nothing")
    if raw.has_queries(columns) != (action.scenario is Scenario.SERVER):
        raise BadData(f"the raw samples are not those of the scenario {action.scenario}")
    published = {pairs.BASELINE: result.baseline, pairs.CANDIDATE: result.candidate}
    ladders = [ladders_of(columns, side, own.ladders) for side, own in published.items()]
    sizes_bytes = [task.inputs[role].size_bytes for role in (Role.BASELINE, Role.CANDIDATE) if role in task.inputs]
    threads, batch_sizes = chosen(action, *ladders)
    target = precision_target_of(max(sizes_bytes, default=0), _cache_bytes(result.fingerprint))
    setting = Setting(
        effort=action.effort,
        attempt=result.candidate.attempt,
        threads=threads,
        batch_sizes=batch_sizes,
        half_width=target.half_width,
        rules=target.rules,
        scenario=action.scenario,
        server=None
        if action.latency_limit_ms is None
        else ServerSetting(action.latency_limit_ms, rates.AMOUNTS[action.effort]),
    )
    found = conclude(columns, (_observed(result.baseline), _observed(result.candidate)), setting)
    baseline, candidate = (
        own.model_copy(update={"ladders": climbed})
        for own, climbed in zip((found.baseline, found.candidate), ladders, strict=True)
    )
    return replace(found, baseline=baseline, candidate=candidate)


def differences(published: Any, found: Any, name: str = "") -> Iterator[str]:
    """Where two JSON-like values differ, in words; floats may differ in their last digits.

    Args:
        published: dicts, sequences, numbers and words.
        found: the same, as it ought to be.
        name: what the values are, for the words.
    """
    if isinstance(published, dict) and isinstance(found, dict):
        for key in published | found:
            yield from differences(published.get(key), found.get(key), f"{name}.{key}" if name else str(key))
    elif _is_sequence(published) and _is_sequence(found) and len(published) == len(found):
        for index, (one, other) in enumerate(zip(published, found, strict=True)):
            yield from differences(one, other, f"{name}[{index}]")
    elif not _is_same(published, found):
        yield f"{name}: {_shown(published)} published, {_shown(found)} found"


def _observed(published: Measurement) -> Observed:
    noise, energy = published.noise, published.energy
    return Observed(
        runtime=published.runtime,
        precision=published.engine_precision,
        load_ms=published.load_ms,
        first_ms=published.first_ms,
        peak_rss_bytes=published.peak_rss_bytes,
        floor_rss_bytes=published.floor_rss_bytes,
        meter=energy.source if energy else None,
        no_meter=energy.reason if energy else None,
        ext_cpu=noise.ext_cpu,
        steal_frac=noise.steal_frac,
        psi_cpu_frac=noise.psi_cpu_frac,
        is_shielded=published.shielded,
        is_steady=Flag.NO_STEADY_STATE not in published.flags,
        host_noise=HostNoise(
            noise.canary_ratio, noise.canary_missing, is_null_held=Flag.NULL_FAILED not in published.flags
        ),
        is_deterministic=Flag.NONDETERMINISTIC not in published.flags,
    )


def _cache_bytes(fingerprint: dict[str, Any]) -> int | None:
    processor = fingerprint.get("cpu")
    size = processor.get("last_level_cache_bytes") if isinstance(processor, dict) else None
    return size if isinstance(size, int) else None


def _is_sequence(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=1e-15)
    return bool(one == other)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a record"
    if _is_sequence(value):
        return f"({', '.join(map(_shown, value))})"
    return f"{value:.10g}" if isinstance(value, float) else str(value)
