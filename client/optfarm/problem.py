"""Turns an error of the HTTP API into the client's own tree."""

from typing import Any

from pydantic import ValidationError

from optfarm.errors import BadRequest, Broken, FarmError, NotAllowed, NotFound
from optfarm_tasks.schema.api import Problem

_SERVER_ERROR = 500


def error_of(status: int, content: bytes, request: str) -> FarmError:
    """The typed error of an answer that is no success; its message is what the scheduler said."""
    problem = _problem(status, content)
    if status in {401, 403}:
        return NotAllowed(f"{problem.detail}. Set OPTFARM_TOKEN to a token that may do this")
    if status == 404:  # noqa: PLR2004 (HTTP's own number)
        return NotFound(problem.detail)
    if status >= _SERVER_ERROR:
        return Broken(f"the scheduler failed on {request} with {status}: {problem.detail}")
    return BadRequest(problem.detail, tuple(_shown(error) for error in problem.errors))


def _problem(status: int, content: bytes) -> Problem:
    try:
        return Problem.model_validate_json(content)
    except ValidationError:
        text = content.decode(errors="replace").strip()[:500]
        return Problem(title="error", status=status, detail=text or f"HTTP {status}")


def _shown(error: dict[str, Any]) -> str:
    place = ".".join(str(part) for part in error.get("loc", ()))
    said = str(error.get("msg") or error.get("detail") or error)
    return f"{place}: {said}" if place else said
