"""How much is measured, and in which order."""

import random
from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optfarm_tasks.benchmark.analysis import pairs
from optfarm_tasks.benchmark.analysis.pairs import AMOUNTS, BASELINE, CANDIDATE
from optfarm_tasks.schema.spec import Effort

QUICK, FULL = AMOUNTS[Effort.QUICK], AMOUNTS[Effort.FULL]


@given(st.integers())
def test_a_group_is_mirrored_and_balanced(seed: int) -> None:
    order = pairs.group_order(random.Random(seed))  # noqa: S311 (an order, not a secret)

    assert order == order[::-1]
    assert Counter(order) == {BASELINE: 2, CANDIDATE: 2}
    assert order[0] != order[1]


def test_both_variants_go_first_about_as_often() -> None:
    rng = random.Random(1)  # noqa: S311 (an order, not a secret)

    firsts = Counter(pairs.group_order(rng)[0] for _ in range(1000))

    assert 400 < firsts[BASELINE] < 600


@given(st.integers())
def test_of_two_pairs_each_variant_starts_one_first(seed: int) -> None:
    orders = list(islice(pairs.spawn_orders(random.Random(seed)), 20))  # noqa: S311 (an order, not a secret)

    assert all(second == first[::-1] for first, second in zip(orders[::2], orders[1::2], strict=True))


def test_chance_says_which_variant_starts_first_of_two_pairs() -> None:
    orders = islice(pairs.spawn_orders(random.Random(1)), 0, 2000, 2)  # noqa: S311 (an order, not a secret)

    assert 400 < Counter(orders)[BASELINE, CANDIDATE] < 600


def test_a_block_is_ten_requests_or_a_tenth_of_a_second_after_three_dropped() -> None:
    plan = pairs.block_plan((1e6, 2e6), FULL)

    assert (plan.min_ns, plan.kept, plan.dropped) == (100_000_000, 10, (3, 3))
    assert not plan.is_cut


def test_each_variant_drops_what_it_takes_to_settle() -> None:
    plan = pairs.block_plan((3e6, 30e6), FULL, settle_ns=40_000_000)

    assert plan.dropped == (14, 3)
    assert plan.kept == 10


def test_blocks_of_slow_models_are_cut_to_what_a_group_may_take() -> None:
    plan = pairs.block_plan((2e9, 2e9), QUICK)

    assert plan.is_cut
    assert 4 * (plan.kept + plan.dropped[0]) * 2 <= QUICK.group_s
    assert min(plan.kept, *plan.dropped) >= 1


@given(st.floats(1, 1e13), st.floats(1, 1e13))
def test_every_block_keeps_a_request_and_drops_one(baseline_ns: float, candidate_ns: float) -> None:
    plan = pairs.block_plan((baseline_ns, candidate_ns), QUICK, settle_ns=40_000_000)

    assert min(plan.kept, *plan.dropped) >= 1


def test_quick_takes_three_pairs_whatever_they_show() -> None:
    assert pairs.wants_another_pair([0.1, 0.9], QUICK, half_width=0.01)
    assert not pairs.wants_another_pair([0.1, 0.9, 0.5], QUICK, half_width=0.01)


def test_full_goes_on_until_the_interval_is_narrow() -> None:
    narrow, wide = [0.5, 0.5001, 0.5002, 0.5, 0.5], [0.5, 0.6, 0.4, 0.5, 0.5]

    assert pairs.wants_another_pair(narrow[:4], FULL, half_width=0.01)
    assert not pairs.wants_another_pair(narrow, FULL, half_width=0.01)
    assert pairs.wants_another_pair(wide, FULL, half_width=0.01)
    assert not pairs.wants_another_pair(wide * 4, FULL, half_width=0.01)


@pytest.mark.parametrize("amount", [QUICK, FULL])
def test_progress_never_falls_and_ends_at_one(amount: pairs.Amount) -> None:
    fractions = [
        pairs.fraction_done(pair, within, amount) for pair in range(1, amount.max_pairs + 1) for within in (0, 0.5, 1)
    ]

    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == pytest.approx(1)
