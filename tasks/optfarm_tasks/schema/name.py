"""What a model, a data set or a sweep may be called: as people write, in any script."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator

LONGEST = 100


def name_fault(name: str) -> str | None:
    """Why something cannot be called so; None where it can."""
    unprintable = [character for character in name if not character.isprintable()]
    if not name:
        return "it is empty"
    if len(name) > LONGEST:
        return f"it has {len(name)} characters, and a name has up to {LONGEST}"
    if unprintable:
        return f"it has the character U+{ord(unprintable[0]):04X}, which cannot be seen"
    if "/" in name:
        return "it has a '/', which would make it a path"
    if name[0] in ".-":
        return f"it begins with {name[0]!r}"
    return "it begins or ends with a space" if name != name.strip() else None


def normal(name: str) -> str:
    """The one form of a name that may be written in several, as é may be one character or two."""
    return unicodedata.normalize("NFC", name)


def _checked(name: str) -> str:
    fault = name_fault(normal(name))
    if fault is not None:
        raise ValueError(f"{name!r} is no name: {fault}")
    return normal(name)


Name = Annotated[str, AfterValidator(_checked)]
