"""Wakes those who watch a sweep when something in it changed."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Changes:
    """Wakes watchers, which live on one event loop, from any thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self.is_closed = False

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Names the event loop of the watchers."""
        self._loop = loop

    def note(self, sweep_ids: Iterable[str | None]) -> None:
        """Wakes everyone who watches one of these sweeps; None stands for all: a device's health concerns each."""
        changed = frozenset(sweep_ids)
        if changed and self._loop is not None and not self.is_closed:
            self._loop.call_soon_threadsafe(self._wake, changed)

    def close(self) -> None:
        """Wakes everyone for the last time."""
        self.note([None])
        self.is_closed = True

    @contextmanager
    def watch(self, sweep_id: str) -> Iterator[asyncio.Event]:
        """An event that is set at each change, until the end of the block."""
        event = asyncio.Event()
        watchers = self._watchers.setdefault(sweep_id, set())
        watchers.add(event)
        try:
            yield event
        finally:
            watchers.discard(event)
            if not watchers and self._watchers.get(sweep_id) is watchers:
                del self._watchers[sweep_id]

    def _wake(self, changed: frozenset[str | None]) -> None:
        for sweep_id, events in self._watchers.items():
            if not changed.isdisjoint((sweep_id, None)):
                for event in events:
                    event.set()
