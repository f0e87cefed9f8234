"""A store that waits for the store it wraps."""

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import structlog

from optfarm_storage.errors import Corrupt, Unavailable
from optfarm_storage.store import ObjectStore, OnProgress, unreported

PATIENCE_S = 120.0
DAMAGED_AFTER_S = 10.0
"""A store that lists an object and cannot give it for longer, though it answers, has lost it: no patience helps. One
that has just come back does so for a moment."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0

log = structlog.get_logger()
Answer = TypeVar("Answer")


class Retry:
    """See ObjectStore. What ends in Unavailable is tried again, and logged, until the patience ends.

    Args:
        store: what is wrapped.
        patience_s: how long a call may take before its last error is raised.
        cancelled: set it from outside to end every wait at once.
    """

    def __init__(
        self, store: ObjectStore, *, patience_s: float = PATIENCE_S, cancelled: threading.Event | None = None
    ) -> None:
        self._store = store
        self._patience_s = patience_s
        self._cancelled = cancelled or threading.Event()

    def put(self, key: str, source: Path | bytes, *, sha256: str, progress: OnProgress = unreported) -> None:
        """Stores a file or bytes."""
        once = _Once(progress)
        self._patiently(f"put {key}", lambda: self._store.put(key, source, sha256=sha256, progress=once.anew()))

    def put_new(self, key: str, content: bytes) -> bool:
        """Stores bytes unless the key is taken; whether it did.

        When an answer was lost, the next try may find the key taken by the first one: the same bytes are taken for it.
        """
        is_first_try = True

        def put_new() -> bool:
            nonlocal is_first_try
            may_be_ours, is_first_try = not is_first_try, False
            return self._store.put_new(key, content) or (may_be_ours and self._store.read(key) == content)

        return self._patiently(f"put new {key}", put_new)

    def get(self, key: str, target: Path, *, sha256: str, progress: OnProgress = unreported) -> None:
        """Writes an object to a file.

        Raises:
            Corrupt: also when the store answers, knows the object, and fails to give it for longer than 10 s.
        """
        once, began = _Once(progress), time.monotonic()

        def get() -> None:
            try:
                self._store.get(key, target, sha256=sha256, progress=once.anew())
            except Unavailable as error:
                is_late = time.monotonic() - began > DAMAGED_AFTER_S
                if is_late and self._store.sizes([key]):
                    raise Corrupt(f"the store lists {key} and cannot read it: {error}") from error
                raise

        self._patiently(f"get {key}", get)

    def read(self, key: str) -> bytes:
        """A small object."""
        return self._patiently(f"read {key}", lambda: self._store.read(key))

    def sizes(self, keys: Iterable[str]) -> dict[str, int]:
        """Key → size in bytes, for the keys under which something is stored."""
        asked = list(keys)
        return self._patiently(f"sizes of {len(asked)} objects", lambda: self._store.sizes(asked))

    def _patiently(self, what: str, call: Callable[[], Answer]) -> Answer:
        gives_up_at = time.monotonic() + self._patience_s
        pauses = _pauses(random.random)
        while True:
            try:
                return call()
            except Unavailable as error:
                pause_s = next(pauses)
                if time.monotonic() + pause_s > gives_up_at or self._cancelled.is_set():
                    raise
                log.warning("store_unavailable", call=what, next_try_in_s=round(pause_s, 2), error=str(error))
            self._cancelled.wait(pause_s)


class _Once:
    """Reports bytes that move again only once they are more than before."""

    def __init__(self, progress: OnProgress) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._reported = self._moved = 0

    def anew(self) -> OnProgress:
        """Counts from the start."""
        self._moved = 0
        return self._count

    def _count(self, size_bytes: int, /) -> None:
        with self._lock:
            self._moved += size_bytes
            news = max(0, self._moved - self._reported)
            self._reported += news
        if news:
            self._progress(news)


def _pauses(chance: Callable[[], float]) -> Iterator[float]:
    """Seconds between tries: doubling, each cut by up to a half, lest all who lost a server return at once."""
    for tries in itertools.count():
        yield min(_FIRST_PAUSE_S * 2**tries, _LONGEST_PAUSE_S) * (1 - chance() / 2)
