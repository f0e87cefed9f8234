"""Makes results as workers store them, with plain numbers."""

from datetime import UTC, datetime, timedelta

from optfarm_tasks.description import Format, ModelDescription, Signature, Tensor
from optfarm_tasks.schema.measurement import Latency, Measurement, Noise, Ratio, Verdict
from optfarm_tasks.schema.result import BenchmarkResult, CanaryResult, Conversion, Facts, Quality, Result
from optfarm_tasks.schema.spec import Effort, Kind
from optfarm_tasks.schema.tree import File, Tree

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
SIGNATURE = Signature(inputs=(Tensor(name="x", dtype="float32", shape=(None, 4)),))


def a_measurement(*, ratio: float = 2.0) -> Measurement:
    """A clean measurement whose speed-up is given."""
    return Measurement(
        verdict=Verdict.CLEAN,
        flags=(),
        effort=Effort.QUICK,
        attempt=1,
        estimator="clean_p50",
        runtime="litert",
        engine_precision="float32",
        threads=1,
        batch_size=1,
        n_requests=100,
        n_clean=90,
        duration_s=1.0,
        warmup_s=0.1,
        load_ms=1.0,
        first_ms=1.0,
        latency_ns=Latency(min=900, p05=950, p50=1000, p90=1100, p99=None, mean=1010.0),
        clean_p50_ns=1000,
        cpu_p50_ns=990,
        p50_ci95_ns=(990.0, 1010.0),
        throughput_per_s=1e6,
        peak_rss_bytes=1 << 20,
        ratio=Ratio(value=ratio, ci95=(ratio - 0.1, ratio + 0.1), pairs=3),
        noise=Noise(run_delay_frac=0.0, preempted_frac=0.0, ext_cpu=0.0, steal_frac=0.0, psi_cpu_frac=0.0),
        shielded=False,
    )


def a_canary(*, compute_ms: float = 1.0) -> CanaryResult:
    """A canary of a device whose memory is as ever."""
    return CanaryResult(
        compute_ns=compute_ms * 1e6, memory_ns=3e6, null_value=1.0, null_ci95=(0.99, 1.01), verdict=Verdict.CLEAN
    )


def facts_of(kind: Kind, *, measurement: Measurement | None = None, nmse: float = 0.0) -> Facts:
    """The facts of a task of that kind."""
    if kind is Kind.CONVERT:
        described = ModelDescription(format=Format.TFLITE, signatures=(SIGNATURE,), size_bytes=10)
        return Conversion(description=described, gzip_bytes=8)
    if kind is Kind.EVALUATE:
        return Quality(samples=8, mse=0.0, nmse=nmse, max_abs_difference=0.0, cosine=1.0, collapsed=False)
    if kind is Kind.CANARY:
        return a_canary()
    return BenchmarkResult(
        baseline=a_measurement(),
        candidate=measurement or a_measurement(),
        pair_ratios=(2.0,),
        fingerprint={},
        input_source="random",
    )


def a_result(
    kind: Kind,
    *,
    key: str = "0" * 64,
    measurement: Measurement | None = None,
    nmse: float = 0.0,
    host: str = "alpha",
) -> Result:
    """A result with one output file whose digest is the key's."""
    return Result(
        key=key,
        facts=facts_of(kind, measurement=measurement, nmse=nmse),
        outputs=Tree(files=(File(path="model.tflite", sha256=key, size_bytes=10),)),
        started_at=WHEN,
        finished_at=WHEN + timedelta(seconds=2),
        duration_s=2.0,
        peak_rss_bytes=1 << 20,
        host=host,
        device=f"{host}.cpu",
    )
