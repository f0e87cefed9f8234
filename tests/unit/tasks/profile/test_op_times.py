"""The time of ops by their type: nothing is counted twice, and times are those of one inference."""

from optfarm_tasks.profile.op_times import op_times, own_times
from optfarm_tasks.profiler import Event, Inference


def event(op: str, start_ns: int, duration_ns: int, *, thread: int = 0) -> Event:
    return Event(name=f"{op} at {start_ns}", op=op, start_ns=start_ns, duration_ns=duration_ns, thread=thread)


def summed(*inferences: tuple[Event, ...]) -> list[tuple[str, int, int, float]]:
    times = op_times([Inference(wall_ns=1000, events=events) for events in inferences])
    return [(each.op, each.count, each.total_ns, each.share) for each in times]


def test_ops_of_a_type_add_up_and_the_most_expensive_comes_first() -> None:
    events = (event("Relu", 0, 10), event("Conv2D", 10, 60), event("Conv2D", 80, 30))

    assert summed(events) == [("Conv2D", 2, 90, 0.9), ("Relu", 1, 10, 0.1)]


def test_equal_types_come_in_the_order_of_the_alphabet() -> None:
    assert [op for op, *_ in summed((event("b", 0, 5), event("a", 5, 5)))] == ["a", "b"]


def test_one_slow_inference_changes_nothing() -> None:
    usual, slow = (event("Add", 0, 10), event("Mul", 10, 30)), (event("Add", 0, 90_000), event("Mul", 90_000, 30))

    assert summed(usual, slow, usual) == summed(usual) == [("Mul", 1, 30, 0.75), ("Add", 1, 10, 0.25)]


def test_ops_that_take_no_measurable_time_have_no_share() -> None:
    assert summed((event("Copy", 0, 0), event("Add", 0, 0))) == [("Add", 1, 0, 0.0), ("Copy", 1, 0, 0.0)]


def test_nothing_is_told_of_no_ops() -> None:
    assert summed(()) == []


def test_a_loop_keeps_only_what_its_body_does_not_take() -> None:
    loop, first, second = event("While", 0, 100), event("MatMul", 10, 30), event("MatMul", 50, 40)
    deep = event("Add", 55, 5)

    own = {each.name: own_ns for each, own_ns in own_times([first, loop, deep, second])}

    assert own == {loop.name: 30, first.name: 30, second.name: 35, deep.name: 5}


def test_an_op_that_begins_as_another_ends_is_not_inside_it() -> None:
    assert [own for _, own in own_times([event("a", 0, 10), event("b", 10, 10)])] == [10, 10]


def test_ops_of_different_threads_are_never_inside_one_another() -> None:
    assert [own for _, own in own_times([event("a", 0, 10), event("b", 2, 3, thread=1)])] == [10, 3]
