"""What an object store can do. Stores do not inherit: whatever has these methods is one."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

OnProgress = Callable[[int], None]
"""Called with the number of bytes that have moved since the last call; the numbers of one transfer add up to its size.

It is called from whichever thread moves the bytes.
"""


def unreported(size_bytes: int, /) -> None:
    """Reports no progress."""


class ObjectStore(Protocol):
    """Objects by key. Every method blocks, may be called from many threads, and raises:

    Unavailable: the store does not answer.
    Denied: it refuses.
    BadName: the key is malformed.
    """

    def put(self, key: str, source: Path | bytes, *, sha256: str, progress: OnProgress = unreported) -> None:
        """Stores a file or bytes; an object that is there already is replaced at once or not at all.

        Raises:
            Corrupt: the source has another digest; nothing is stored.
            OSError: the source cannot be read.
        """
        ...

    def put_new(self, key: str, content: bytes) -> bool:
        """Stores bytes unless the key is taken; whether it did. Of many at once, exactly one did."""
        ...

    def get(self, key: str, target: Path, *, sha256: str, progress: OnProgress = unreported) -> None:
        """Writes an object to a file, which appears whole or not at all, and replaces one that is there.

        Raises:
            NotFound: there is no such object.
            Corrupt: its bytes have another digest; the target is untouched.
            OSError: the target cannot be written.
        """
        ...

    def read(self, key: str) -> bytes:
        """A small object.

        Raises:
            NotFound: there is no such object.
        """
        ...

    def sizes(self, keys: Iterable[str]) -> dict[str, int]:
        """Key → size in bytes, for the keys under which something is stored."""
        ...


class Listing(Protocol):
    """Says what a bucket holds, as a catalog needs that is made anew. It raises what ObjectStore raises."""

    def stored(self, prefix: str) -> dict[str, float]:
        """Key → when it was stored, in seconds since the epoch, for every key that begins so."""
        ...


@dataclass(frozen=True)
class Ticket:
    """An upload that the holder may make."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)
    """They are signed and have to be sent."""


class Presigner(Protocol):
    """URLs by which people without keys of the store read and write objects for some hours.

    Only the methods for parts ask the store; what they raise is what the methods of ObjectStore raise.
    """

    def get_url(self, key: str) -> str:
        """Where the object can be read."""
        ...

    def put_ticket(self, key: str, *, sha256: str) -> Ticket:
        """Where bytes with that digest, and no others, can be put."""
        ...

    def start_parts(self, key: str, count: int) -> tuple[str, tuple[str, ...]]:
        """Begins an upload in parts: its id, and where each part is put."""
        ...

    def complete_parts(self, key: str, *, upload_id: str, etags: Sequence[str]) -> None:
        """Makes the object of its parts; doing so again is no error.

        Raises:
            NotFound: the store does not know this upload, and the object is not there.
        """
        ...
