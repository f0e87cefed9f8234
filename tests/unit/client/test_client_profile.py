"""What people read of a profile: the most expensive ops, their times, and what the profiler costs."""

import pytest

from optfarm.profiled import notes_of, rows_of, time_text
from optfarm_tasks.schema.result import OpProfile, OpTime


def facts(*ops: OpTime, notes: tuple[str, ...] = ()) -> OpProfile:
    return OpProfile(
        runtime="litert",
        ops=ops,
        runs=20,
        plain_ns=1_000_000,
        profiled_ns=1_250_000,
        input_source="random",
        notes=notes,
    )


def op(name: str, *, total_ns: int = 500_000, share: float = 0.5) -> OpTime:
    return OpTime(op=name, count=2, total_ns=total_ns, share=share)


def test_a_row_tells_type_count_time_and_share() -> None:
    assert list(rows_of(facts(op("Conv2D", share=0.875)))) == [("Conv2D", "2", "500 µs", "87.5%")]


def test_types_that_do_not_fit_are_added_up() -> None:
    rows = list(rows_of(facts(*(op(f"op {index}", share=1 / 22) for index in range(22)))))

    assert len(rows) == 21
    assert rows[-1] == ("2 more", "4", "1 ms", "9.1%")


def test_the_notes_tell_what_the_profiler_costs() -> None:
    first, second, third = notes_of(facts(op("Conv2D"), notes=("times are rounded",)))

    assert first == "one inference takes 1 ms, 1.25 ms with the profiler (+25%); the ops take 500 µs"
    assert second == "means of 20 inferences on random inputs"
    assert third == "times are rounded"


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [(0, "0 ns"), (999, "999 ns"), (1_500, "1.5 µs"), (12_345_678, "12.3 ms"), (2_000_000_000, "2 s")],
)
def test_a_duration_is_told_in_the_unit_that_fits(duration_ns: int, text: str) -> None:
    assert time_text(duration_ns) == text
