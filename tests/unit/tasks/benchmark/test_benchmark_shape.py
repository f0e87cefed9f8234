"""Two speeds, growth and answers that change are seen; noise alone is not taken for them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optfarm_tasks.benchmark.analysis import rules
from optfarm_tasks.benchmark.analysis.shape import is_bimodal, is_leaking
from optfarm_tasks.benchmark.analysis.stats import Estimator
from optfarm_tasks.benchmark.host.memory import of_status
from optfarm_tasks.benchmark.process.repeat import is_same

MB = 1 << 20


@given(seed=st.integers(0, 10_000), rare=st.floats(0.15, 0.85), ratio=st.floats(1.3, 5))
def test_two_speeds_are_seen_whatever_their_order(seed: int, rare: float, ratio: float) -> None:
    random = np.random.default_rng(seed)
    walls = 1e6 * random.normal(1, 0.01, 400) * np.where(np.arange(400) < 400 * rare, 1, ratio)

    assert is_bimodal(random.permutation(walls))


@given(seed=st.integers(0, 10_000), kind=st.sampled_from(("normal", "uniform", "exponential", "lognormal")))
def test_one_speed_with_any_usual_spread_is_one(seed: int, kind: str) -> None:
    random = np.random.default_rng(seed)
    spreads = {
        "normal": random.normal(1, 0.05, 400),
        "uniform": random.uniform(1, 2, 400),
        "exponential": 1 + random.exponential(0.2, 400),
        "lognormal": random.lognormal(0, 0.3, 400),
    }

    assert not is_bimodal(1e6 * spreads[kind])


def test_a_few_outliers_or_a_few_requests_are_no_second_speed() -> None:
    assert not is_bimodal(np.array([1e6] * 95 + [5e6] * 5))
    assert not is_bimodal(np.array([1e6] * 5 + [5e6] * 5))
    assert not is_bimodal(np.array([1e6] * 400))


@pytest.mark.parametrize(
    ("held_mb", "expected"),
    [
        ([100, 110, 120, 130], True),
        ([100, 100, 100, 100], False),
        ([100, 130, 130, 130], False),
        ([100, 101, 102, 103], False),
        ([100, 90, 80], False),
        ([100, 200], False),
        ([], False),
    ],
)
def test_memory_that_goes_on_growing_is_a_leak(held_mb: list[int], expected: bool) -> None:
    assert is_leaking([each * MB for each in held_mb]) is expected


def test_answers_may_differ_by_rounding_alone() -> None:
    answer = {"y": np.array([1.0, np.nan, -2.0])}

    assert is_same(answer, {"y": answer["y"] + 1e-6})
    assert not is_same(answer, {"y": answer["y"] + 1e-2})
    assert not is_same(answer, {"y": np.array([1.0, 1.0, -2.0])})
    assert not is_same({"y": np.array([1, 2])}, {"y": np.array([1, 3])})
    assert not is_same(answer, {"z": answer["y"]})


def test_a_size_is_found_in_the_kernels_account() -> None:
    status = "Name:\tpython\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n"

    assert (of_status(status, "VmHWM"), of_status(status, "VmRSS"), of_status(status, "VmSwap")) == (
        2 * MB,
        MB,
        None,
    )


def test_special_rules_are_told_with_their_reason() -> None:
    assert (
        rules.precision_target_of(64 * MB, 32 * MB).half_width
        == 2 * rules.precision_target_of(64 * MB, None).half_width
        == 0.02
    )
    assert rules.of_size(10 * MB, 32 * MB) == ()
    assert "memory-bound: ±2%" in rules.of_size(64 * MB, 32 * MB)[0]
    assert "no size of a cache" in rules.of_size(64 * MB, None)[0]
    assert list(rules.of_work(threads=1, estimator=Estimator.CLEAN_P50)) == []
    assert "idle" in next(rules.of_work(threads=2, estimator=Estimator.P50))
    assert "cpu_p50" in next(rules.of_work(threads=1, estimator=Estimator.CPU_P50))
