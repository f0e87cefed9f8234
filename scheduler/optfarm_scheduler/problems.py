"""Answers every error with a JSON problem (RFC 9457)."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic_core import PydanticSerializationError
from starlette.exceptions import HTTPException

from optfarm_scheduler.errors import Conflict, DatabaseFailed, Denied, NotFound, Refused, Unavailable
from optfarm_tasks.errors import BadInput
from optfarm_tasks.schema.api import Problem
from optfarm_tasks.schema.faults import Place, dotted, in_words

_STATUS: Mapping[type[Exception], int] = {NotFound: 404, Conflict: 409, Denied: 403, Unavailable: 503, BadInput: 422}
_HALF = "surrogates not allowed"
_RETRY = {"Retry-After": "2"}

log = structlog.get_logger()


def answer_with_problems(app: FastAPI) -> None:
    """Makes an application answer every error with a problem."""
    for error_class in _STATUS:
        app.add_exception_handler(error_class, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(DatabaseFailed, _database)
    for unwritable in (UnicodeEncodeError, PydanticSerializationError):
        app.add_exception_handler(unwritable, _no_text)
    app.add_exception_handler(Exception, _defect)


def problem(
    status: int, detail: str, *, errors: Sequence[dict[str, Any]] = (), headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """An answer that carries a problem."""
    made = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=tuple(errors))
    body = made.model_dump(mode="json")
    return JSONResponse(body, status, headers=headers, media_type="application/problem+json")


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    status = next(status for error_class, status in _STATUS.items() if isinstance(error, error_class))
    errors = error.errors if isinstance(error, Refused) else ()
    return problem(
        status, str(error), errors=errors, headers=_RETRY if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    )


async def _http(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    return problem(error.status_code, str(error.detail), headers=error.headers)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    faults = error.errors()
    errors = [{"loc": list(each["loc"]), "msg": in_words([each], name=_name)[0]} for each in faults]
    return problem(422, "; ".join(in_words(faults, name=_name)), errors=jsonable_encoder(errors))


async def _no_text(request: Request, error: Exception) -> JSONResponse:
    """JSON may stand for half a character, which can be written down nowhere."""
    if _HALF not in str(error):
        return await _defect(request, error)
    return problem(422, f"the request has text that is none: half a character ({error})")


def _name(place: Place) -> str:
    """Without the part of the request, body or path, that begins each place."""
    return dotted(place[1:])


async def _database(_request: Request, error: Exception) -> JSONResponse:
    log.error("database_failed", error=str(error))
    return problem(503, "the database does not answer; try again", headers=_RETRY)


async def _defect(request: Request, error: Exception) -> JSONResponse:
    log.error("defect", path=request.url.path, exc_info=error)
    return problem(500, "this is a defect of the scheduler; its log says more")
