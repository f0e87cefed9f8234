"""When a device gets a canary, what a quarantine keeps from it, and where its benchmarks go."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optfarm_scheduler.decisions.actions import Action, Dispatch, EndSweep, Reassign, Recall, SendCanary
from optfarm_scheduler.decisions.canaries import CanaryRules, due_at
from optfarm_scheduler.decisions.schedule import schedule
from optfarm_scheduler.decisions.snapshot import KnownDevice, OpenTask
from optfarm_tasks.schema.health import DeviceHealth, HealthState
from optfarm_tasks.schema.measurement import Verdict
from optfarm_tasks.schema.result import CanaryResult
from optfarm_tasks.schema.sweep import TaskState
from tests.unit.occupied import GOOD, NOW, QUARANTINED, benchmark, canary, convert, device

RULES = CanaryRules()
DAY = 86_400.0
LEARNING = DeviceHealth(state=HealthState.LEARNING, good=3)


def twin(low: float, high: float) -> DeviceHealth:
    found = CanaryResult(compute_ns=1, memory_ns=1, null_value=1.0, null_ci95=(low, high), verdict=Verdict.CLEAN)
    return GOOD.model_copy(update={"canary": found})


def decide(
    tasks: list[OpenTask], devices: list[KnownDevice], *, now: float = NOW, rules: CanaryRules = RULES
) -> list[Action]:
    actions = schedule(tasks, devices, now, canary_rules=rules)
    return [action for action in actions if not isinstance(action, EndSweep)]


def aged(name: str, seconds: float, **changes: object) -> KnownDevice:
    """A device that is alive, whose canary ran so many seconds ago."""
    return replace(device(name), canary_at=NOW - seconds, started_at=NOW - 2 * DAY, **changes)


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (aged("x.cpu", 0), NOW + DAY),
        (aged("x.cpu", 0, health=DeviceHealth()), NOW + 600),
        (aged("x.cpu", 0, health=LEARNING), NOW + 600),
        (aged("x.cpu", 0, health=QUARANTINED), NOW + 600),
        (aged("x.cpu", 0, health=twin(0.99, 1.01)), NOW + DAY),
        (aged("x.cpu", 0, health=twin(1.01, 1.02)), NOW + 600),
        (replace(aged("x.cpu", 5), started_at=NOW - 2), NOW - 2),
    ],
)
def test_a_canary_is_due_after_a_start_once_a_day_and_soon_when_in_doubt(there: KnownDevice, expected: float) -> None:
    assert due_at(there) == expected
    assert due_at(there, replace(RULES, every_s=0)) is None


def test_a_gpu_gets_a_canary_where_a_toolchain_reaches_it_and_no_other_kind_of_device_does() -> None:
    gpu = aged("x.gpu-0", DAY)
    (toolchain,) = gpu.inventory.toolchains
    computing = toolchain.model_copy(update={"runtimes": (*toolchain.runtimes, "torch")})
    reached = gpu.inventory.model_copy(update={"toolchains": (computing,)})

    assert due_at(gpu) is None
    assert due_at(replace(gpu, inventory=reached)) == NOW
    assert due_at(aged("x.npu-0", DAY)) is None


def test_a_due_canary_runs_while_its_device_has_nothing_else_to_do() -> None:
    there = aged("x.cpu", DAY)

    assert decide([], [there]) == [SendCanary("x.cpu", there.canary_at)]
    assert decide([], [replace(there, freed_at=NOW - 59)]) == []
    assert SendCanary("x.cpu", there.canary_at) not in decide([convert("a", TaskState.PENDING)], [there])
    assert SendCanary("x.cpu", there.canary_at) not in decide([benchmark("a", "x.cpu")], [there])
    assert SendCanary("x.cpu", there.canary_at) in decide([benchmark("a", "y.cpu")], [there, device("y.cpu")])
    assert decide([], [there], rules=replace(RULES, every_s=0)) == []


def test_a_canary_that_is_long_due_runs_before_all_that_waits() -> None:
    there, work = aged("x.cpu", DAY + 3600), [benchmark(name, "x.cpu") for name in "ab"]
    sent = canary("x.cpu", ready_at=NOW)

    assert SendCanary("x.cpu", there.canary_at) in decide(work, [there])
    assert decide([*work, sent], [there]) == [Dispatch(sent.id, "x.cpu")]


def test_a_canary_waits_for_what_runs_and_nothing_waits_behind_it() -> None:
    running = benchmark("a", "x.cpu", TaskState.RUNNING, device="x.cpu", lease_until=NOW + 9)
    sent = canary("x.cpu")
    away = canary("x.cpu", TaskState.DISPATCHED, device="x.cpu", dispatched_at=NOW)

    assert decide([running, sent], [device("x.cpu")]) == [Dispatch(sent.id, "x.cpu")]
    assert decide([away, benchmark("b", "x.cpu"), convert("c")], [device("x.cpu")]) == []


def test_a_quarantined_device_converts_and_measures_nothing() -> None:
    there = replace(device("x.cpu"), health=QUARANTINED)
    waiting = benchmark("b", "x.cpu", TaskState.DISPATCHED, device="x.cpu", dispatched_at=NOW)

    assert decide([convert("a"), benchmark("b", "x.cpu")], [there]) == [Dispatch("a", "x.cpu")]
    assert decide([waiting], [there]) == [Recall("b")]
    assert decide([benchmark("b", "x.cpu")], [replace(there, health=GOOD)]) == [Dispatch("b", "x.cpu")]


def test_benchmarks_of_a_quarantined_device_go_to_another_host_of_its_class() -> None:
    there = replace(device("x.cpu"), health=QUARANTINED)
    other = device("z.cpu")
    faster = replace(other, inventory=other.inventory.model_copy(update={"attributes": {"cores": 64}}))

    assert decide([benchmark("b", "x.cpu")], [there, other]) == [Reassign("b", "z.cpu")]
    assert decide([benchmark("b", "x.cpu")], [there, faster]) == []
    assert decide([benchmark("b", "x.cpu")], [there, replace(other, health=QUARANTINED)]) == []
    assert decide([benchmark("b", "x.cpu")], [there, replace(other, last_seen_at=NOW - 16)]) == []
    assert decide([benchmark("b", "x.cpu", tried=("z.cpu",))], [there, other]) == []
    assert decide([convert("a", TaskState.DONE), benchmark("b", "x.cpu")], [there, device("x.gpu-0")]) == []


def test_what_a_sweep_measures_on_the_other_host_anyhow_stays() -> None:
    there = replace(device("x.cpu"), health=QUARANTINED)
    mine, theirs = benchmark("b", "x.cpu"), benchmark("c", "z.cpu", TaskState.DONE)

    assert decide([mine, theirs], [there, device("z.cpu")]) == []
    assert decide([mine, replace(theirs, sweep_id="another")], [there, device("z.cpu")]) == [Reassign("b", "z.cpu")]
    assert decide([mine, replace(theirs, tried=("y.cpu",))], [there, device("z.cpu")]) == [Reassign("b", "z.cpu")]


@given(
    bound=st.sampled_from(["u.cpu", "v.cpu"]),
    sick=st.sets(st.sampled_from(["u.cpu", "v.cpu", "w.cpu"])),
    tried=st.sets(st.sampled_from(["u.cpu", "v.cpu", "w.cpu"])),
)
def test_a_benchmark_is_measured_by_a_trusted_device_or_waits(bound: str, sick: set[str], tried: set[str]) -> None:
    there = [
        replace(device(name), health=QUARANTINED if name in sick else GOOD) for name in ("u.cpu", "v.cpu", "w.cpu")
    ]

    actions = decide([benchmark("b", bound, tried=tuple(sorted(tried - {bound})))], there)

    able = sorted({"u.cpu", "v.cpu", "w.cpu"} - sick - tried - {bound})
    if bound not in sick:
        assert actions == [Dispatch("b", bound)]
    else:
        assert actions == ([Reassign("b", able[0])] if able else [])
