"""Turns requests away before their body is read: those of nobody who is known, and those that are too large."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from optfarm_scheduler.auth import Tokens, stranger
from optfarm_scheduler.problems import problem

MOST_BYTES = 32 << 20
"""Of a request's body; the largest are results, of 16 MiB at most."""
_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Bounded:
    """An ASGI application before another: what has a body needs a known token, and may be so large."""

    def __init__(self, app: ASGIApp, *, tokens: Tokens) -> None:
        """Takes the application behind it, and the tokens that are known."""
        self._app, self._tokens = app, tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers it."""
        if scope["type"] != "http" or scope["method"] not in _WITH_BODY:
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(headers)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._app(scope, _counted(receive), send)

    def _refusal(self, headers: dict[bytes, str]) -> Response | None:
        scheme, _, token = headers.get(b"authorization", "").partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else None
        if given is None or not self._tokens.roles(given):
            return problem(401, stranger(given), headers={"WWW-Authenticate": "Bearer"})
        announced = headers.get(b"content-length", "0")
        if announced.isdecimal() and int(announced) > MOST_BYTES:
            return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _too_large(announced))
        return None


def _counted(receive: Receive) -> Receive:
    """The body of a request, until it is too large: one that comes in chunks does not announce its size."""
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MOST_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _too_large(f"more than {MOST_BYTES}"))
        return message

    return counted


def _too_large(size: str) -> str:
    return f"the request has {size} bytes, and {MOST_BYTES} are taken; ask for less at a time"
