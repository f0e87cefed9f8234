"""The keys under which objects are stored, and the checks of keys, digests and paths. Pure."""

import hashlib
import re
from pathlib import PurePosixPath

from optfarm_storage.errors import BadName

_DIGEST = re.compile(r"[0-9a-f]{64}")
_KEY = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*)(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_KEY_CHARACTERS = 1000
_SURROGATE = re.compile(r"[\ud800-\udfff]")
"""Stands for a byte of a file's name that is no text, and can be written down nowhere."""


def blob(sha256: str) -> str:
    """Where the bytes with that digest lie."""
    return f"blobs/{digest(sha256)}"


def result(key: str) -> str:
    """Where the result of a task's key lies."""
    return f"results/{digest(key)}.json"


def record(kind: str, name: str, tree: str) -> str:
    """Where the record of a model (kind "models") or data set ("data") lies: its name and its tree's digest say it.

    A name that is no part of a key, as one in Greek, is stood for by its digest; the record holds it whole.
    """
    part = name if _PART.fullmatch(name) else f"_{hashlib.sha256(name.encode()).hexdigest()}"
    return checked(f"{kind}/{part}/{digest(tree)}.json")


def digest(sha256: str) -> str:
    """The digest itself.

    Raises:
        BadName: it is no SHA-256 in lower-case hex.
    """
    if not _DIGEST.fullmatch(sha256):
        raise BadName(f"{sha256!r} is no SHA-256 in lower-case hex")
    return sha256


def checked(key: str) -> str:
    """The key itself; it means the same as a URL path and as a relative file path, and never leaves its root.

    Raises:
        BadName: it has other characters than letters, digits, `.`, `_`, `-` and `/`, or a part that begins with a dot.
    """
    if len(key) > _KEY_CHARACTERS or not _KEY.fullmatch(key):
        raise BadName(f"{key!r} is no key: parts of letters, digits, '.', '_' and '-', joined by '/'")
    return key


def inside(path: str) -> str:
    """The path of a file in a tree, itself.

    Raises:
        BadName: it is not a plain relative path, so it could lead out of the tree; or no text.
    """
    parts = PurePosixPath(path)
    is_plain = str(parts) == path != "." and not parts.is_absolute() and ".." not in parts.parts
    if not is_plain or {"\\", "\0"} & set(path) or _SURROGATE.search(path):
        raise BadName(f"{path!r} is not a plain relative path")
    return path
