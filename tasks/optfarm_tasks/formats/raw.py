"""Maps a model file's bytes without copying them, and defines the error of bytes that do not follow their format."""

import mmap
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from optfarm_tasks.description import Signature

_CHOKES = (
    *(EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError),
    *(struct.error, zipfile.BadZipFile, zlib.error),
)

MAIN = "serving_default"
"""The signature that is run when a model has several."""


class Malformed(Exception):
    """The bytes do not follow their format: the file is truncated, damaged or something else.

    `describe` turns it into BadModel with the file's name and what to do.
    """


def view(path: Path) -> memoryview:
    """The bytes of a file, mapped rather than read: a model of gigabytes costs no memory.

    Raises:
        Malformed: the file is empty.
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        if not path.stat().st_size:
            raise Malformed(f"{path.name} is empty")
        return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))


def cut(data: memoryview, start: int, size: int, *, what: str) -> memoryview:
    """A part of some bytes.

    Raises:
        Malformed: the part does not lie within.
    """
    if start < 0 or size < 0 or start + size > len(data):
        raise Malformed(f"it is truncated or damaged: {what} wants bytes {start} to {start + size} of {len(data)}")
    return data[start : start + size]


def text(data: memoryview) -> str:
    """UTF-8 as a string.

    Raises:
        Malformed: it is not UTF-8.
    """
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"it is damaged: a name is not UTF-8 ({error})") from error


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turns every way in which a library chokes on damaged bytes into Malformed."""
    try:
        yield
    except _CHOKES as error:
        raise Malformed(f"{what} is truncated or damaged ({type(error).__name__}: {error})") from error


def main_first(signatures: Sequence[Signature]) -> tuple[Signature, ...]:
    """The same signatures with the one that is run in front; the others keep their order."""
    return tuple(sorted(signatures, key=lambda signature: signature.name != MAIN))
