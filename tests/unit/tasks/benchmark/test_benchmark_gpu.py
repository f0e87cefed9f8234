"""What is said of a GPU by what was seen of it while a variant was timed there."""

from dataclasses import replace

import numpy as np
import pytest

from optfarm_tasks.benchmark.analysis import gpu_use, verdict
from optfarm_tasks.benchmark.analysis.gpu_use import GpuUse
from optfarm_tasks.schema.measurement import Flag, GpuConditions, Noise, Verdict

QUIET = GpuUse(
    reasons=0x02, hot_ns=0, capped_ns=0, sm_low_mhz=2040, sm_high_mhz=2040, memory_low_mhz=6251, memory_high_mhz=6251,
    power_w=60.0, temperature_c=45, strangers=0, held_bytes=1 << 20,
)  # fmt: skip
UNTOLD = replace(QUIET, hot_ns=None, capped_ns=None, power_w=None, strangers=None, held_bytes=None)


def conditions(*uses: GpuUse) -> GpuConditions:
    rows = [gpu_use.columns_of(use) for use in uses]
    found = gpu_use.conditions(
        {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}, np.ones(len(uses), bool)
    )
    assert found is not None
    return found


def evidence(gpu: GpuConditions | None) -> verdict.Evidence:
    return verdict.Evidence(
        noise=Noise(run_delay_frac=0.0, preempted_frac=0.0, ext_cpu=0.0, steal_frac=0.0, psi_cpu_frac=0.0),
        spread=1.0, n_clean=1000, threads=1, trends=(0.0,), is_leaking=False, is_bimodal=False, is_deterministic=True,
        is_shielded=True, is_steady=True, has_few_clean=False, is_wide=False, gpu=gpu,
    )  # fmt: skip


def test_what_was_seen_in_several_stretches_is_taken_together() -> None:
    found = conditions(QUIET, replace(QUIET, reasons=0x01, sm_low_mhz=1500, power_w=80.0, temperature_c=60))

    assert found == GpuConditions(
        sm_mhz=(1500, 2040), memory_mhz=(6251, 6251), power_w=70.0, temperature_c=60,
        reasons=("idle", "clocks set by an application"), is_slowed=False, is_capped=False, strangers=0,
        held_bytes=1 << 20,
    )  # fmt: skip


def test_nothing_is_said_of_a_gpu_where_none_was_used() -> None:
    assert gpu_use.conditions({}, np.ones(3, bool)) is None
    assert verdict.judge(evidence(None)) is Verdict.CLEAN
    assert verdict.flags(evidence(None)) == ()


@pytest.mark.parametrize(
    ("seen", "judged", "flags"),
    [
        ({}, Verdict.CLEAN, ()),
        ({"reasons": 0x08}, Verdict.INVALID, (Flag.THROTTLED,)),
        ({"reasons": 0x20}, Verdict.INVALID, (Flag.THROTTLED,)),
        ({"reasons": 0x40}, Verdict.INVALID, (Flag.THROTTLED,)),
        ({"reasons": 0x80}, Verdict.INVALID, (Flag.THROTTLED,)),
        ({"reasons": 0x04}, Verdict.CLEAN, (Flag.THROTTLED,)),
        ({"hot_ns": 1}, Verdict.INVALID, (Flag.THROTTLED,)),
        ({"capped_ns": 1}, Verdict.CLEAN, (Flag.THROTTLED,)),
        ({"strangers": 1}, Verdict.INVALID, (Flag.FOREIGN_PID,)),
        ({"strangers": None}, Verdict.CLEAN, (Flag.FOREIGN_PID,)),
        ({"sm_high_mhz": 2055}, Verdict.CLEAN, (Flag.CLOCKS_UNLOCKED,)),
        ({"memory_low_mhz": 405}, Verdict.CLEAN, (Flag.CLOCKS_UNLOCKED,)),
    ],
)
def test_what_is_seen_once_decides(seen: dict[str, int | None], judged: Verdict, flags: tuple[Flag, ...]) -> None:
    found = evidence(conditions(QUIET, replace(QUIET, **seen), QUIET))  # type: ignore[arg-type]  # names of fields

    assert verdict.judge(found) is judged
    assert verdict.flags(found) == flags


def test_what_the_driver_does_not_tell_is_null() -> None:
    found = conditions(UNTOLD)

    assert (found.power_w, found.strangers, found.held_bytes) == (None, None, None)
    assert (found.is_slowed, found.is_capped) == (False, False)
