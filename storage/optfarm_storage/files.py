"""Files that are moved: one that arrives appears whole or not at all, one that is sent is read in stretches."""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from optfarm_storage.errors import Corrupt
from optfarm_storage.store import OnProgress, unreported

PIECE_BYTES = 1 << 20
WRITE_BYTES = 32 << 10
"""Larger writes have the kernel look for larger free pages, which on a virtual machine are often cold: 3x slower."""
_MODE = 0o666
"""Less what the umask takes."""


@dataclass
class Arrival:
    """A file that is being written, hashed as it comes."""

    path: Path
    descriptor: int
    progress: OnProgress
    size_bytes: int = 0
    """How much has been hashed."""
    hashed: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    is_moved: bool = False

    def take(self, piece: bytes | memoryview) -> None:
        """Writes the next bytes."""
        self._write(piece, self.size_bytes)
        self.hashed.update(piece)
        self.size_bytes += len(piece)

    def taker(self, offset: int) -> Callable[[memoryview], None]:
        """Writes bytes that lie further on, one piece behind the other, in a thread of its own; catch_up() follows."""

        def take(piece: memoryview) -> None:
            nonlocal offset
            self._write(piece, offset)
            offset += len(piece)

        return take

    def catch_up(self, size_bytes: int) -> None:
        """Hashes what takers wrote, up to that size; what is missing makes check() fail."""
        while piece := os.pread(self.descriptor, min(PIECE_BYTES, size_bytes - self.size_bytes), self.size_bytes):
            self.hashed.update(piece)
            self.size_bytes += len(piece)

    def _write(self, piece: bytes | memoryview, offset: int) -> None:
        rest = memoryview(piece)
        while rest:
            written = os.pwrite(self.descriptor, rest[:WRITE_BYTES], offset)
            rest, offset = rest[written:], offset + written
        self.progress(len(piece))

    def move(self, target: Path) -> None:
        """Gives it its name."""
        self.path.replace(target)
        self.is_moved = True

    def check(self, sha256: str, what: str) -> None:
        """Passes when what has come has that digest.

        Raises:
            Corrupt: it has another.
        """
        if self.hashed.hexdigest() != sha256:
            raise Corrupt(f"{what} has the digest {self.hashed.hexdigest()}, not {sha256}")


@contextmanager
def arriving(folder: Path, *, progress: OnProgress) -> Iterator[Arrival]:
    """A file under a name of its own in a folder; it goes when the block ends, unless it was moved."""
    path = folder / f".{secrets.token_hex(8)}.part"
    arrival = Arrival(path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE), progress)
    try:
        yield arrival
    finally:
        os.close(arrival.descriptor)
        if not arrival.is_moved:
            path.unlink()


def copy(source: Path | bytes, arrival: Arrival) -> None:
    """Writes all of a file or of bytes."""
    if isinstance(source, bytes):
        arrival.take(source)
        return
    with source.open("rb", buffering=0) as stream:
        while piece := stream.read(PIECE_BYTES):
            arrival.take(piece)


def make_durable(arrival: Arrival) -> None:
    """Has the bytes on the disk, so that its name never stands for less."""
    os.fsync(arrival.descriptor)


def make_name_durable(folder: Path) -> None:
    """Has the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Window:
    """A stretch of a file as the body of a request, read once from its start to its end."""

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
def opened(path: Path, offset: int, size_bytes: int, *, progress: OnProgress = unreported) -> Iterator[Window]:
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
