"""Who may do what: a bearer token stands for roles, and each endpoint asks for one."""

import hmac
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

from optfarm_scheduler.errors import Denied


class TokenRole(StrEnum):
    """What a token is for."""

    USER = "user"
    WORKER = "worker"


class Tokens:
    """The tokens that are known."""

    def __init__(self, tokens: Mapping[TokenRole, SecretStr]) -> None:
        self._tokens = {role: token.get_secret_value().encode() for role, token in tokens.items()}

    def roles(self, token: str) -> frozenset[TokenRole]:
        """The roles that a token stands for; takes the same time for every wrong one."""
        given = token.encode()
        return frozenset(role for role, known in self._tokens.items() if hmac.compare_digest(known, given))


_BEARER = HTTPBearer(auto_error=False, description="The farm's token; workers have one of their own.")


def stranger(token: str | None) -> str:
    """What is said to whom nobody knows."""
    seen = "there is no token" if token is None else "the token is not known"
    return f"{seen}; send the header Authorization: Bearer <token>, with the token of optfarm.toml"


def require(role: TokenRole) -> Callable[..., None]:
    """A dependency that lets only tokens of a role pass."""

    def check(request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> None:
        roles = request.app.state.parts.tokens.roles(credentials.credentials) if credentials else frozenset()
        if not roles:
            detail = stranger(credentials.credentials if credentials else None)
            raise HTTPException(401, detail=detail, headers={"WWW-Authenticate": "Bearer"})
        if role not in roles:
            raise Denied(f"this needs the {role}'s token; the one given is for the {', '.join(sorted(roles))}")

    return check
