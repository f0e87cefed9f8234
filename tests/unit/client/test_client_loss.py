"""A gate decides by an interval, and says what it would take when it cannot."""

from hypothesis import given
from hypothesis import strategies as st

from optfarm.loss import Gate, gate, samples_to_decide


def test_without_an_interval_nothing_is_decided() -> None:
    assert gate(None, 1.0) is Gate.UNDECIDED


@given(low=st.floats(-1, 1), width=st.floats(0, 1), limit=st.floats(-1, 1))
def test_a_gate_never_decides_while_the_limit_lies_within(low: float, width: float, limit: float) -> None:
    decided = gate((low, low + width), limit)

    if low + width <= limit:
        assert decided is Gate.PASS
    elif low > limit:
        assert decided is Gate.FAIL
    else:
        assert decided is Gate.UNDECIDED


def test_twice_as_near_takes_four_times_the_samples() -> None:
    assert samples_to_decide((0.0, 1.0), 1.0, samples=100) == 100
    assert samples_to_decide((0.0, 1.0), 0.75, samples=100) == 400
    assert samples_to_decide((0.0, 1.0), 0.5, samples=100) is None
