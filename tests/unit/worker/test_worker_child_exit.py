"""What each exit of a child means for its task."""

import signal

import pytest

from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.result import Failure, Outcome, Quality
from optfarm_tasks.schema.spec import Evaluate, Inspect, Limits, Task
from optfarm_worker.child_exit import LINE_CHARACTERS, LOG_TAIL_LINES, ChildExit, facts_or_failure, tail_of

TASK = Task(action=Evaluate(), inputs={}, limits=Limits(timeout_s=10, memory_bytes=2_000_000_000))
FACTS = Quality(samples=1, mse=0.0, nmse=0.0, max_abs_difference=0.0, cosine=1.0, collapsed=False)
GOOD = Outcome(facts=FACTS)
BAD = Outcome(failure=Failure(reason=Reason.UNSUPPORTED_OP, message="no such op"))
TAIL = ("the last line",)


def failure(child_exit: ChildExit, outcome: Outcome | None = None) -> Failure:
    found = facts_or_failure(child_exit, outcome, task=TASK, log_tail=TAIL)
    assert isinstance(found, Failure)
    return found


def test_facts_of_a_child_that_went_well_are_taken() -> None:
    assert facts_or_failure(ChildExit("exit"), GOOD, task=TASK, log_tail=TAIL) == FACTS


def test_a_typed_failure_is_taken_with_the_end_of_the_log() -> None:
    found = failure(ChildExit("exit", code=1), BAD)

    assert (found.reason, found.message, found.log_tail) == (Reason.UNSUPPORTED_OP, "no such op", TAIL)


@pytest.mark.parametrize(
    ("child_exit", "reason", "word"),
    [
        (ChildExit("timeout"), Reason.TIMEOUT, "10 s"),
        (ChildExit("memory"), Reason.OUT_OF_MEMORY, "2.00 GB"),
        (ChildExit("processes"), Reason.BAD_MODEL, "processes"),
        (ChildExit("cancelled"), Reason.WORKER_LOST, "worker"),
        (ChildExit("lost"), Reason.WORKER_LOST, "supervisor"),
        (ChildExit("unstartable", message="/x: no such file"), Reason.MISSING_TOOLCHAIN, "/x"),
        (ChildExit("unconfined", message="memory 9 bytes"), Reason.INTERNAL, "memory 9 bytes"),
        (ChildExit("busy", message="Cannot allocate memory"), Reason.WORKER_LOST, "cannot start a process now"),
        (ChildExit("exit", code=-signal.SIGKILL), Reason.WORKER_LOST, "SIGKILL"),
        (ChildExit("exit", code=-signal.SIGKILL, oom_kills=1), Reason.OUT_OF_MEMORY, "kernel"),
        (ChildExit("exit", code=-signal.SIGSEGV), Reason.BAD_MODEL, "SIGSEGV"),
        (ChildExit("exit", code=-signal.SIGABRT), Reason.BAD_MODEL, "SIGABRT"),
        (ChildExit("exit", code=-signal.SIGBUS), Reason.BAD_MODEL, "SIGBUS"),
        (ChildExit("exit", code=-200), Reason.BAD_MODEL, "signal 200"),
        (ChildExit("exit", code=7), Reason.BAD_MODEL, "exit code 7"),
        (ChildExit("exit", code=0), Reason.BAD_MODEL, "exit code 0"),
        (ChildExit("exit", code=1), Reason.BAD_MODEL, "exit code 1"),
    ],
)
def test_an_exit_without_a_result_has_its_reason(child_exit: ChildExit, reason: Reason, word: str) -> None:
    found = failure(child_exit)

    assert found.reason is reason
    assert word in found.message
    assert found.log_tail == TAIL


@pytest.mark.parametrize(
    ("child_exit", "reason"),
    [
        (ChildExit("timeout"), Reason.TIMEOUT),
        (ChildExit("memory"), Reason.OUT_OF_MEMORY),
        (ChildExit("exit", code=7), Reason.BAD_MODEL),
    ],
)
def test_a_result_does_not_save_a_child_that_ended_badly(child_exit: ChildExit, reason: Reason) -> None:
    assert failure(child_exit, GOOD).reason is reason


@pytest.mark.parametrize(
    ("code", "outcome", "word"),
    [(1, GOOD, "exit code 1"), (0, Outcome(), "nothing")],
)
def test_a_result_that_does_not_fit_is_a_defect(code: int, outcome: Outcome, word: str) -> None:
    found = failure(ChildExit("exit", code=code), outcome)

    assert found.reason is Reason.INTERNAL
    assert word in found.message


def test_facts_of_another_kind_are_a_defect() -> None:
    task = Task(action=Inspect(), inputs={})

    found = facts_or_failure(ChildExit("exit"), GOOD, task=task, log_tail=())

    assert isinstance(found, Failure)
    assert found.reason is Reason.INTERNAL


def test_the_end_of_a_log_is_short() -> None:
    lines = [f"line {n} {'x' * 10 * LINE_CHARACTERS}" for n in range(100)]

    tail = tail_of("\n".join(lines) + "\n\n")

    assert len(tail) == LOG_TAIL_LINES
    assert tail[-1].startswith("line 99")
    assert all(len(line) <= LINE_CHARACTERS for line in tail)
