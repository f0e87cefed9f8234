"""Each answer of the scheduler becomes the error, and the exit code, that says what to do next."""

import pytest

from optfarm.connection import error_of
from optfarm.errors import BadRequest, Broken, FarmError, NotAllowed, NotFound
from optfarm_tasks.schema.api import Problem


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, BadRequest, 2),
        (401, NotAllowed, 5),
        (403, NotAllowed, 5),
        (404, NotFound, 3),
        (409, BadRequest, 2),
        (422, BadRequest, 2),
        (500, Broken, 4),
    ],
)
def test_status_decides(status: int, kind: type[FarmError], code: int) -> None:
    problem = Problem(title="t", status=status, detail="what was seen")

    error = error_of(status, problem.model_dump_json().encode(), "PUT /v1/sweeps/1")

    assert type(error) is kind
    assert error.exit_code == code
    assert "what was seen" in str(error)


def test_every_fault_of_a_bad_request_is_told() -> None:
    faults = ({"loc": ["recipes", 0], "msg": "no such technique"}, {"detail": "no such device"})
    problem = Problem(title="t", status=422, detail="refused", errors=faults)

    error = error_of(422, problem.model_dump_json().encode(), "PUT")

    assert str(error) == "refused\n  no such technique\n  no such device"


def test_a_fault_that_the_reason_tells_already_is_not_told_twice() -> None:
    detail = "there is no technique 'a'; there is no technique 'b'"
    faults = tuple({"recipe": name, "msg": f"there is no technique {name!r}"} for name in "ab")
    problem = Problem(title="t", status=422, detail=detail, errors=faults)

    assert str(error_of(422, problem.model_dump_json().encode(), "PUT")) == detail


def test_an_answer_that_is_no_problem_is_told_as_it_is() -> None:
    assert "<html>gateway" in str(error_of(500, b"<html>gateway", "GET /"))
