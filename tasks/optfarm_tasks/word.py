"""The base of every type that crosses a seam: frozen, strict about unknown fields, canonical as JSON."""

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION: Literal[1] = 1
"""The version that messages carry; a reader refuses any other."""


class Word(BaseModel):
    """An immutable value with a JSON form."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Message(Word):
    """A word that travels or is stored on its own, so it says which schema it follows."""

    schema_version: Literal[1] = SCHEMA_VERSION


def digest_of(value: Any) -> str:
    """SHA-256, in hex, of the canonical JSON of a JSON-able value: sorted keys, no spaces, no NaN.

    Raises:
        ValueError: the value holds a NaN or an infinity.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
