"""A stretch of a file as the body of a request."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from optfarm_storage.store import OnProgress, untold

PIECE_BYTES = 1 << 20


class Window:
    """Read once from its start to its end."""

    def __init__(self, stream: BinaryIO, size_bytes: int, progress: OnProgress) -> None:
        self._stream = stream
        self._left_bytes = size_bytes
        self._progress = progress

    def read(self, length: int = PIECE_BYTES, /) -> bytes:
        """At most `length` bytes; none at the end.

        Raises:
            OSError: the file ends before the window does.
        """
        piece = self._stream.read(min(length, self._left_bytes))
        if not piece and self._left_bytes:
            raise OSError(f"{self._stream.name} became shorter while it was read")
        self._left_bytes -= len(piece)
        self._progress(len(piece))
        return piece


@contextmanager
def opened(path: Path, offset: int, size_bytes: int, *, progress: OnProgress = untold) -> Iterator[Window]:
    """A window on a file."""
    with path.open("rb", buffering=0) as stream:
        stream.seek(offset)
        yield Window(stream, size_bytes, progress)


def digest_of(path: Path, offset: int, size_bytes: int) -> str:
    """SHA-256 of a stretch of a file, in hex."""
    hashed = hashlib.sha256()
    with opened(path, offset, size_bytes) as window:
        while piece := window.read():
            hashed.update(piece)
    return hashed.hexdigest()
