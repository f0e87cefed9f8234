"""Reports made by hand for tests of what reads them."""

from typing import Any

from optfarm_tasks.schema.measurement import Latency, Measurement, Noise, Ratio, Verdict
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.result import Failure, Quality
from optfarm_tasks.schema.spec import Effort
from optfarm_tasks.schema.sweep import Row, Skipped, SweepReport, SweepState, TaskState


def measurement(p50_ms: float, *, speed_up: float = 1.0, verdict: Verdict = Verdict.CLEAN, **other: Any) -> Measurement:
    """A measurement of a given time."""
    p50 = round(p50_ms * 1e6)
    values: dict[str, Any] = {
        "verdict": verdict,
        "flags": (),
        "effort": Effort.QUICK,
        "attempt": 1,
        "estimator": "p50",
        "runtime": "litert",
        "engine_precision": "float32",
        "threads": 1,
        "batch_size": 1,
        "n_requests": 100,
        "n_clean": 90,
        "duration_s": 1.0,
        "warmup_s": 0.1,
        "load_ms": 3.0,
        "first_ms": 2.0,
        "latency_ns": Latency(min=p50, p05=p50, p50=p50, p90=None, p99=None, mean=p50),
        "clean_p50_ns": None,
        "cpu_p50_ns": p50,
        "p50_ci95_ns": None,
        "throughput_per_s": 1e3 / p50_ms,
        "peak_rss_bytes": 50_000_000,
        "ratio": Ratio(value=speed_up, ci95=(speed_up - 0.05, speed_up + 0.05), pairs=3),
        "noise": Noise(run_delay_frac=0.0, preempted_frac=0.0, ext_cpu=0.0, steal_frac=0.0, psi_cpu_frac=0.0),
        "shielded": True,
    }
    return Measurement(**(values | other))


def quality(nmse: float | None = 0.0, **other: Any) -> Quality:
    """How the outputs compare with the baseline's."""
    sure = None if nmse is None else (nmse, nmse)
    values = {
        "samples": 8,
        "mse": nmse,
        "nmse": nmse,
        "nmse_ci95": sure,
        "max_abs_difference": 0.1,
        "cosine": 1.0,
        "collapsed": False,
    }
    return Quality(**(values | other))


def row(recipe: str, *, device: str = "alpha.cpu", **other: Any) -> Row:
    """A variant that went well unless told otherwise."""
    values: dict[str, Any] = {
        "threads": 1,
        "batch_size": 1,
        "state": TaskState.DONE,
        "cached": False,
        "artifact": "a" * 64,
        "convert_task": "t1",
        "size_bytes": 16_200_000,
        "gzip_bytes": 15_000_000,
        "format": "tflite",
        "quality": quality(),
        "measurement": measurement(4.9),
    }
    return Row(recipe=Recipe.parse(recipe), device=device, **(values | other))


def failed(recipe: str, failure: Failure) -> Row:
    """A variant whose conversion failed."""
    gone = {"artifact": None, "size_bytes": None, "gzip_bytes": None, "quality": None, "measurement": None}
    return row(recipe, state=TaskState.FAILED, failure=failure, **gone)


def report(*rows: Row, skipped: tuple[Skipped, ...] = (), **other: Any) -> SweepReport:
    """The table of a sweep that has ended."""
    return SweepReport(
        sweep_id="0123456789ab",
        state=SweepState.DONE,
        model="pilotnet",
        data="frames",
        effort=Effort.QUICK,
        rows=rows,
        skipped=skipped,
        devices={each.device: {"cpu_model": "Xeon", "cores": 2, "memory_bytes": 8 << 30} for each in rows},
        **other,
    )
