"""How a ladder is climbed: doubling, why it stops, which rung is the best."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optfarm_tasks.benchmark.analysis import ladder
from optfarm_tasks.benchmark.analysis.ladder import AMOUNTS, Steps, TriedRung, batch_steps, next_step, thread_steps
from optfarm_tasks.schema.ladder import Axis, Ladder, Stop
from optfarm_tasks.schema.spec import LARGEST_BATCH, Effort

AMOUNT = AMOUNTS[Effort.QUICK]
ROOM = 1 << 40


def climbed(
    steps: Steps, latencies_ns: list[int], peaks: list[int] | None = None, *, ceiling_bytes: int = ROOM
) -> tuple[list[TriedRung], Stop | None]:
    """What climbing sees of a variant of such latencies; no stop when they do not suffice."""
    tried: list[TriedRung] = []
    for index, latency_ns in enumerate(latencies_ns):
        step = next_step(tried, steps, ceiling_bytes, amount=AMOUNT)
        if isinstance(step, Stop):
            return tried, step
        threads, batch_size = (1, step) if steps.axis is Axis.BATCH_SIZE else (step, 1)
        before = tried[-1].rung if tried else None
        rung = ladder.rung(threads, batch_size, latency_ns, before=before)
        tried.append(TriedRung(rung, peaks[index] if peaks else 0))
    step = next_step(tried, steps, ceiling_bytes, amount=AMOUNT)
    return tried, step if isinstance(step, Stop) else None


def ladder_of(latencies_ns: list[int], *, stop: Stop, fixed: int | None = None) -> Ladder:
    tried, _ = climbed(batch_steps(fixed), latencies_ns)
    return Ladder(axis=Axis.BATCH_SIZE, rungs=tuple(each.rung for each in tried), stop=stop)


def test_the_batch_doubles_until_a_rung_gains_less_than_a_twentieth() -> None:
    # 1000, 1600, 2000 and 2080 samples a second
    tried, stop = climbed(batch_steps(None), [1_000_000, 1_250_000, 2_000_000, 3_846_154, 1])

    assert [each.rung.batch_size for each in tried] == [1, 2, 4, 8]
    assert stop is Stop.GAIN
    assert tried[0].rung.gain is None
    assert tried[1].rung.gain == pytest.approx(0.6)
    assert tried[3].rung.gain == pytest.approx(0.04, abs=1e-6)
    assert ladder.best([each.rung for each in tried]).batch_size == 8


def test_a_fixed_batch_is_a_single_rung() -> None:
    tried, stop = climbed(batch_steps(7), [1000, 1000])

    assert [each.rung.batch_size for each in tried] == [7]
    assert stop is Stop.FIXED_BATCH


def test_a_rung_that_would_pass_the_memory_is_not_tried() -> None:
    tried, stop = climbed(batch_steps(None), [1000] * 9, [100, 110, 130, 170, 250], ceiling_bytes=249)

    assert [each.rung.batch_size for each in tried] == [1, 2, 4, 8]
    assert stop is Stop.MEMORY


def test_a_rung_that_would_take_too_long_is_not_tried() -> None:
    tried, stop = climbed(batch_steps(None), [round(AMOUNT.max_s * 1e9 / AMOUNT.min_requests / 2) + 1, 1])

    assert len(tried) == 1
    assert stop is Stop.TIME


@given(st.integers(1, 1024))
def test_threads_double_up_to_the_cores(cores: int) -> None:
    values = thread_steps(cores).values

    assert values[0] == 1
    assert values[-1] == cores
    assert list(values) == sorted(set(values))
    assert values[:-1] == tuple(1 << power for power in range(len(values) - 1))
    assert values[-1] <= 2 * max(values[:-1], default=1)


@given(st.lists(st.integers(1, 10**8), min_size=1, max_size=20))
def test_every_ladder_ends_on_its_first_small_gain(latencies_ns: list[int]) -> None:
    tried, stop = climbed(batch_steps(None), latencies_ns)

    gains = [each.rung.gain for each in tried[1:]]
    assert all(gain is not None and gain >= ladder.GAIN for gain in gains[:-1])
    assert stop is not Stop.GAIN or (gains[-1] is not None and gains[-1] < ladder.GAIN)
    assert max(each.rung.batch_size for each in tried) <= LARGEST_BATCH
    found = ladder.best([each.rung for each in tried])
    assert all(each.rung.throughput_per_s <= found.throughput_per_s for each in tried)


def test_a_ladder_whose_every_rung_gains_ends_at_the_largest_batch() -> None:
    tried, stop = climbed(batch_steps(None), [1000] * 30)

    assert tried[-1].rung.batch_size == LARGEST_BATCH
    assert stop is Stop.LARGEST


@pytest.mark.parametrize(
    ("baseline", "candidate", "batch_size"),
    [
        (ladder_of([10, 18], stop=Stop.GAIN), ladder_of([10, 10, 10], stop=Stop.GAIN), 4),
        (ladder_of([10, 10], stop=Stop.MEMORY), ladder_of([10, 10, 10], stop=Stop.GAIN), 2),
        (ladder_of([10], stop=Stop.FIXED_BATCH, fixed=1), ladder_of([10, 10, 10], stop=Stop.GAIN), 1),
        (ladder_of([10, 18], stop=Stop.MEMORY), ladder_of([10], stop=Stop.FIXED_BATCH, fixed=8), 8),
    ],
)
def test_a_shared_batch_is_the_candidates_best_that_the_baseline_takes(
    baseline: Ladder, candidate: Ladder, batch_size: int
) -> None:
    assert ladder.common_batch(baseline, candidate) == batch_size


def test_a_task_of_little_time_climbs_only_short_rungs() -> None:
    assert ladder.within(AMOUNT, 40) == replace(AMOUNT, max_s=2)
