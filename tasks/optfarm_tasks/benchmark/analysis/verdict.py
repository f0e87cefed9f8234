"""Decides whether a measurement is clean, degraded or invalid, and flags what disturbed it."""

import statistics
from dataclasses import dataclass

from optfarm_tasks.schema.measurement import Flag, GpuConditions, Noise, Verdict

RUN_DELAY = 0.05
SPREAD = 1.10
"""p50 over p05 of raw latency."""
ENOUGH_CLEAN = 200
EXTERNAL_CPU = 0.10
STEAL = 0.005
MEM_CONTENTION = 1.25
"""Memory canary over what is usual on the device."""
DRIFT = 0.03

_SEVERITY = (Verdict.CLEAN, Verdict.DEGRADED, Verdict.INVALID)


@dataclass(frozen=True)
class Evidence:
    """What the verdict on one variant is decided by."""

    noise: Noise
    spread: float
    """p50 over p05."""
    n_clean: int
    """Clean requests; with several threads, where that filter misleads, all requests."""
    threads: int
    trends: tuple[float, ...]
    """How far the last groups of each process are above its first ones, as a fraction."""
    is_leaking: bool
    """Every process kept taking memory."""
    is_bimodal: bool
    is_deterministic: bool
    is_shielded: bool
    is_steady: bool
    has_few_clean: bool
    is_wide: bool
    """The ratio's interval is wider than the method asks for, or there is none."""
    is_null_held: bool = True
    """Whether the device's latest A/A twin allowed for a ratio of 1."""
    gpu: GpuConditions | None = None


def judge(evidence: Evidence) -> Verdict:
    """The verdict on one variant."""
    if evidence.gpu is not None and (evidence.gpu.is_slowed or evidence.gpu.strangers):
        return Verdict.INVALID
    if evidence.threads > 1 and not _is_idle(evidence.noise):
        return Verdict.INVALID
    if is_clean(evidence.noise.run_delay_frac, evidence.spread):
        return Verdict.CLEAN
    return Verdict.DEGRADED if evidence.n_clean >= ENOUGH_CLEAN else Verdict.INVALID


def is_clean(run_delay_frac: float | None, spread: float) -> bool:
    """Whether a variant on one thread ran undisturbed, as far as can be seen: what cannot be seen is not assumed."""
    return run_delay_frac is not None and run_delay_frac <= RUN_DELAY and spread <= SPREAD


def worst(*verdicts: Verdict) -> Verdict:
    """The worst of some verdicts: a ratio is no better than either of its sides."""
    return max(verdicts, key=_SEVERITY.index)


def flags(evidence: Evidence) -> tuple[Flag, ...]:
    """All disturbances that were seen, in a fixed order."""
    noise = evidence.noise
    seen = {
        Flag.PREEMPTED: _exceeds(noise.run_delay_frac, RUN_DELAY),
        Flag.TAIL_SPREAD: evidence.spread > SPREAD,
        Flag.EXT_LOAD: _exceeds(noise.ext_cpu, EXTERNAL_CPU),
        Flag.MEM_CONTENTION: _exceeds(noise.canary_ratio, MEM_CONTENTION),
        Flag.STEAL: _exceeds(noise.steal_frac, STEAL),
        Flag.DRIFT: statistics.median(map(abs, evidence.trends)) > DRIFT,
        Flag.UNSHIELDED: not evidence.is_shielded,
        Flag.NO_STEADY_STATE: not evidence.is_steady,
        Flag.WIDE_INTERVAL: evidence.is_wide,
        Flag.FEW_CLEAN: evidence.has_few_clean,
        Flag.BIMODAL: evidence.is_bimodal,
        Flag.GROWING: evidence.is_leaking or min(evidence.trends) > DRIFT,
        Flag.NONDETERMINISTIC: not evidence.is_deterministic,
        Flag.NULL_FAILED: not evidence.is_null_held,
        **_gpu_flags(evidence.gpu),
    }
    return tuple(flag for flag, is_seen in seen.items() if is_seen)


def _gpu_flags(gpu: GpuConditions | None) -> dict[Flag, bool]:
    if gpu is None:
        return {}
    return {
        Flag.THROTTLED: gpu.is_slowed or gpu.is_capped,
        # That nobody else is there is not assumed where it cannot be told.
        Flag.FOREIGN_PID: gpu.strangers != 0,
        Flag.CLOCKS_UNLOCKED: gpu.sm_mhz[0] != gpu.sm_mhz[1] or gpu.memory_mhz[0] != gpu.memory_mhz[1],
    }


def _is_idle(noise: Noise) -> bool:
    # Idleness that cannot be seen is not assumed.
    return noise.ext_cpu is not None and noise.ext_cpu <= EXTERNAL_CPU and not _exceeds(noise.steal_frac, STEAL)


def _exceeds(value: float | None, limit: float) -> bool:
    return value is not None and value > limit
