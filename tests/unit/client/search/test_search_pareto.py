"""Which points nothing beats, by values and by intervals."""

from collections import Counter
from math import inf
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from optfarm.search.pareto import UNKNOWN, Estimate, Point, beats, clearly_beats, contenders, front

COARSE = st.integers(1, 5).map(float)
"""Few values, so that many are equal."""


@st.composite
def estimates(draw: st.DrawFn) -> Estimate:
    low, value, high = sorted(draw(st.tuples(COARSE, COARSE, COARSE)))
    return draw(st.sampled_from([Estimate(value, low, high), Estimate.exact(value), UNKNOWN]))


POINTS = st.integers(1, 3).flatmap(lambda size: st.lists(st.tuples(*[estimates()] * size), min_size=1, max_size=12))


def known(*values: float, spread: float = 0.0) -> Point:
    return tuple(Estimate(value, value - spread, value + spread) for value in values)


@given(POINTS)
def test_every_set_has_a_front_and_it_is_among_the_contenders(points: list[Point]) -> None:
    assert front(points)
    assert set(front(points)) <= set(contenders(points))


@given(POINTS)
def test_what_is_off_the_front_is_beaten_by_a_point_of_it(points: list[Point]) -> None:
    kept = front(points)

    for place, point in enumerate(points):
        assert (place in kept) != any(beats(points[other], point) for other in kept)


@given(POINTS)
def test_what_is_dropped_is_clearly_beaten_by_what_is_kept(points: list[Point]) -> None:
    kept = contenders(points)

    for place, point in enumerate(points):
        assert (place in kept) != any(clearly_beats(points[other], point) for other in kept)


@given(POINTS)
def test_what_is_clear_holds_for_the_values_too_and_never_both_ways(points: list[Point]) -> None:
    for one in points:
        assert not clearly_beats(one, one)
        for other in points:
            if clearly_beats(one, other):
                assert beats(one, other)
                assert not clearly_beats(other, one)


@given(POINTS, st.randoms(use_true_random=False))
def test_the_order_of_the_points_changes_nothing(points: list[Point], random: Random) -> None:
    shuffled = list(points)
    random.shuffle(shuffled)

    for choose in (front, contenders):
        kept, of_shuffled = Counter(points[place] for place in choose(points)), choose(shuffled)
        assert kept == Counter(shuffled[place] for place in of_shuffled)


def test_times_whose_intervals_overlap_are_not_clearly_apart() -> None:
    faster, slower = known(1.0, spread=0.1), known(1.15, spread=0.1)

    assert beats(faster, slower)
    assert not clearly_beats(faster, slower)
    assert clearly_beats(faster, known(1.3, spread=0.1))


def test_equal_sizes_do_not_save_what_is_clearly_slower() -> None:
    size = Estimate.exact(0.25)

    assert clearly_beats((*known(1.0, spread=0.1), size), (*known(2.0, spread=0.1), size))


def test_a_disturbed_measurement_is_kept_for_another_try() -> None:
    small, disturbed = (*known(0.1), Estimate.exact(0.1)), (UNKNOWN, Estimate.exact(0.9))

    assert contenders([small, disturbed]) == (0, 1)
    assert front([small, disturbed]) == (0,)


def test_a_number_without_an_interval_could_be_anything() -> None:
    assert Estimate.within(2.0, None) == Estimate(2.0, 0.0, inf)


def test_an_interval_beside_its_value_is_widened_to_it() -> None:
    assert Estimate.within(2.0, (2.1, 2.2)) == Estimate(2.0, 2.0, 2.2)
