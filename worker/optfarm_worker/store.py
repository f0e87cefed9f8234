"""What a worker needs of the object store."""

import threading
from pathlib import Path
from typing import Protocol

from optfarm_tasks.schema.tree import Digest


class Store(Protocol):
    """Blobs by digest, and results by key."""

    def cancel_with(self, event: threading.Event) -> "Store":
        """The same store, whose waits for it while it is away end when the event is set."""
        ...

    def fetch(self, digest: Digest, target: Path) -> None:
        """Writes a blob into a new file; its digest is checked."""
        ...

    def push(self, digest: Digest, source: Path) -> None:
        """Stores a file's bytes; the same bytes again do no harm."""
        ...

    def put_result(self, key: Digest, body: bytes) -> bool:
        """Stores a result if there is none under its key; whether it did."""
        ...

    def result(self, key: Digest) -> bytes:
        """The stored result."""
        ...
