"""The base of every type that crosses a seam: frozen, strict about unknown fields, canonical as JSON."""

import hashlib
import json
from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION: Literal[1] = 1
"""The version that messages carry; a reader refuses any other."""


class Value(BaseModel):
    """An immutable value with a JSON form."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WireMessage(Value):
    """A value that travels or is stored on its own, so it says which schema it follows."""

    schema_version: Literal[1] = SCHEMA_VERSION


def reads_former(**former: str) -> Callable[[Any], Any]:
    """For a `model_validator(mode="before")`: takes fields by the names that earlier versions wrote, former=present.

    Stored results never change, so what they say is read for ever; new ones are written with the present names.
    """

    def renamed(given: Any) -> Any:
        if not isinstance(given, dict) or not former.keys() & given.keys():
            return given
        return {former.get(name, name): value for name, value in given.items()}

    return renamed


def digest_of(value: Any) -> str:
    """SHA-256, in hex, of the canonical JSON of a JSON-able value: sorted keys, no spaces, no NaN.

    Raises:
        ValueError: the value holds a NaN or an infinity.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
