"""Which verdict and which flags a measurement gets."""

from dataclasses import replace
from typing import Any

import pytest

from optfarm_tasks.benchmark.analysis import verdict
from optfarm_tasks.benchmark.analysis.verdict import Evidence
from optfarm_tasks.schema.measurement import Flag, Noise, Verdict
from tests.unit.reports import measurement

QUIET = Noise(run_delay_frac=0.01, preempted_frac=0.0, ext_cpu=0.02, steal_frac=0.0, psi_cpu_frac=0.0)
GOOD = Evidence(
    noise=QUIET,
    spread=1.02,
    n_clean=1000,
    threads=1,
    trends=(0.0, 0.0),
    is_leaking=False,
    is_bimodal=False,
    is_deterministic=True,
    is_shielded=True,
    is_steady=True,
    has_few_clean=False,
    is_wide=False,
)


def noisy(**changes: Any) -> Noise:
    return QUIET.model_copy(update=changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Verdict.CLEAN),
        ({"n_clean": 30}, Verdict.CLEAN),
        ({"spread": 1.10}, Verdict.CLEAN),
        ({"noise": noisy(run_delay_frac=0.05)}, Verdict.CLEAN),
        ({"noise": noisy(ext_cpu=2.0, steal_frac=0.5)}, Verdict.CLEAN),
        ({"spread": 1.11}, Verdict.DEGRADED),
        ({"spread": 1.11, "n_clean": 200}, Verdict.DEGRADED),
        ({"spread": 1.11, "n_clean": 199}, Verdict.INVALID),
        ({"noise": noisy(run_delay_frac=0.051)}, Verdict.DEGRADED),
        ({"noise": noisy(run_delay_frac=0.051), "n_clean": 199}, Verdict.INVALID),
        ({"noise": noisy(run_delay_frac=None)}, Verdict.DEGRADED),
        ({"threads": 2}, Verdict.CLEAN),
        ({"threads": 2, "spread": 1.2}, Verdict.DEGRADED),
        ({"threads": 2, "noise": noisy(ext_cpu=0.11)}, Verdict.INVALID),
        ({"threads": 2, "noise": noisy(ext_cpu=None)}, Verdict.INVALID),
        ({"threads": 2, "noise": noisy(steal_frac=0.006)}, Verdict.INVALID),
    ],
)
def test_the_verdict_follows_the_evidence(changes: dict[str, Any], expected: Verdict) -> None:
    assert verdict.judge(replace(GOOD, **changes)) is expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"noise": noisy(run_delay_frac=0.06)}, Flag.PREEMPTED),
        ({"spread": 1.2}, Flag.TAIL_SPREAD),
        ({"noise": noisy(ext_cpu=0.11)}, Flag.EXT_LOAD),
        ({"noise": noisy(steal_frac=0.006)}, Flag.STEAL),
        ({"trends": (-0.04, 0.04)}, Flag.DRIFT),
        ({"is_leaking": True}, Flag.GROWING),
        ({"is_bimodal": True}, Flag.BIMODAL),
        ({"is_deterministic": False}, Flag.NONDETERMINISTIC),
        ({"is_shielded": False}, Flag.UNSHIELDED),
        ({"is_steady": False}, Flag.NO_STEADY_STATE),
        ({"is_wide": True}, Flag.WIDE_INTERVAL),
        ({"has_few_clean": True}, Flag.FEW_CLEAN),
        ({"noise": noisy(canary_ratio=1.26)}, Flag.MEM_CONTENTION),
        ({"is_null_held": False}, Flag.NULL_FAILED),
    ],
)
def test_each_disturbance_has_its_flag(changes: dict[str, Any], expected: Flag) -> None:
    assert verdict.flags(replace(GOOD, **changes)) == (expected,)


def test_a_quiet_measurement_has_no_flag() -> None:
    assert verdict.flags(GOOD) == ()


def test_what_the_kernel_does_not_tell_raises_no_flag() -> None:
    unknown = Noise(run_delay_frac=None, preempted_frac=0.0, ext_cpu=None, steal_frac=None, psi_cpu_frac=None)

    assert verdict.flags(replace(GOOD, noise=unknown)) == ()


def test_a_ratio_is_no_better_than_its_worse_side() -> None:
    assert verdict.worst(Verdict.CLEAN, Verdict.DEGRADED) is Verdict.DEGRADED
    assert verdict.worst(Verdict.INVALID, Verdict.DEGRADED) is Verdict.INVALID
    assert verdict.worst(Verdict.CLEAN, Verdict.CLEAN) is Verdict.CLEAN


def test_a_variant_that_slows_down_in_every_process_is_growing() -> None:
    assert verdict.flags(replace(GOOD, trends=(0.04, 0.05))) == (Flag.DRIFT, Flag.GROWING)
    assert verdict.flags(replace(GOOD, trends=(0.04, 0.0, 0.05))) == (Flag.DRIFT,)


@pytest.mark.parametrize(
    ("ci95", "flags"),
    [((0.99, 1.01), ()), ((1.0, 1.02), ()), (None, ()), ((1.001, 1.02), (Flag.NULL_FAILED,))],
)
def test_a_twin_that_is_not_as_fast_as_itself_is_told_of_what_stands_beside_it(
    ci95: tuple[float, float] | None, flags: tuple[Flag, ...]
) -> None:
    own = measurement(1.0)
    twin = measurement(1.0, ratio=own.ratio.model_copy(update={"ci95": ci95}))

    assert own.beside(twin).flags == flags
