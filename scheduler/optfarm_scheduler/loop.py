"""Carries out what schedule() decides, whenever something happened and at least once a second."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import structlog

from optfarm_scheduler.decisions.actions import Resolve
from optfarm_scheduler.decisions.canaries import CANARY_RULES, CanaryRules
from optfarm_scheduler.decisions.schedule import schedule
from optfarm_scheduler.decisions.snapshot import RULES, Rules
from optfarm_scheduler.errors import DatabaseFailed, Unavailable
from optfarm_scheduler.store.devices import Devices
from optfarm_scheduler.store.ledger import Ledger, Resolution
from optfarm_tasks.schema.queue import Message
from optfarm_tasks.schema.result import Result

_TICK_S = 1.0
_JUMP_S = 1.0
"""A clock that has moved so much more or less than time has passed was set."""
_LOOKUPS = 16
_PATIENCE_S = 0.25
"""A pass waits so long for lookups; those that take longer wake a later pass."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Ports:
    """What the loop acts through."""

    ledger: Ledger
    devices: Devices
    find: Callable[[str], Result | None]
    """Key → stored result; blocks, raises Unavailable."""
    send: Callable[[Message], None]
    """Never blocks."""
    note: Callable[[Iterable[str | None]], None]
    """Takes the sweeps that changed; None for what belongs to no sweep."""
    clock: Callable[[], float]
    """Seconds since the epoch; somebody may set it at any moment."""
    steady: Callable[[], float] = time.monotonic
    """Seconds that only go forward, by which it is noticed."""


class Loop:
    """One thread that decides, and a few that look results up."""

    def __init__(
        self,
        ports: Ports,
        *,
        on_death: Callable[[], None],
        rules: Rules = RULES,
        canary_rules: CanaryRules = CANARY_RULES,
    ) -> None:
        self._ports = ports
        self._rules = rules
        self._canary_rules = canary_rules
        self._on_death = on_death
        self._since = ports.clock()
        self._offset = self._since - ports.steady()
        self._retry_at = 0.0
        self._lookups: dict[str, Future[Resolution]] = {}
        self._pool = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="lookup")
        self._happened = threading.Condition()
        self._asked = 0
        self._answered = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="loop", daemon=True)

    def start(self) -> None:
        """Begins to decide."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the pass that is under way."""
        self._stopping = True
        self.wake()
        self._thread.join(timeout=2)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def wake(self) -> None:
        """Says that something happened; never blocks."""
        with self._happened:
            self._asked += 1
            self._happened.notify_all()

    def settle(self, timeout_s: float) -> bool:
        """Waits until all that follows from what happened so far is decided; returns whether it was in time."""
        with self._happened:
            self.wake()
            mine = self._asked
            return self._happened.wait_for(lambda: self._answered >= mine, timeout=timeout_s)

    def _run(self) -> None:
        try:
            while not self._stopping:
                asked = self._asked
                self._pass()
                with self._happened:
                    self._answered = asked
                    self._happened.notify_all()
                    if self._asked == asked:
                        self._happened.wait(_TICK_S)
        finally:
            if not self._stopping:
                self._on_death()

    def _pass(self) -> None:
        try:
            while not self._stopping and self.step():
                pass
        except DatabaseFailed:
            log.exception("database_failed")

    def step(self) -> bool:
        """Decides once and acts; returns whether anything changed, so that more may follow."""
        now = self._now()
        actions = schedule(
            self._ports.ledger.open_tasks(),
            self._ports.devices.known(),
            now,
            since=self._since,
            rules=self._rules,
            canary_rules=self._canary_rules,
        )
        others = [action for action in actions if not isinstance(action, Resolve)]
        applied = self._ports.ledger.apply(others, now=now) if others else None
        for message in applied.messages if applied else ():
            self._ports.send(message)
        settled = self._resolve([action.task_id for action in actions if isinstance(action, Resolve)], now)
        changed = settled | (applied.sweeps if applied else frozenset())
        self._ports.note(changed)
        return bool(changed)

    def _now(self) -> float:
        """The time. When the clock was set, leases and messages get their time afresh, as after a restart."""
        now = self._ports.clock()
        jump_s = now - self._ports.steady() - self._offset
        if abs(jump_s) > _JUMP_S:
            self._since, self._retry_at = now, 0.0
            self._offset += jump_s
            log.warning("clock_was_set", by_s=round(jump_s, 1))
        return now

    def _resolve(self, task_ids: Sequence[str], now: float) -> frozenset[str | None]:
        if now >= self._retry_at:
            new = [task_id for task_id in task_ids if task_id not in self._lookups]
            for resolution in self._ports.ledger.resolutions(new) if new else ():
                self._lookups[resolution.task_id] = self._pool.submit(self._look, resolution)
        if not self._lookups:
            return frozenset()
        done, late = wait(self._lookups.values(), timeout=_PATIENCE_S)
        for future in late:
            future.add_done_callback(lambda _: self.wake())
        found = self._taken(done)
        return self._ports.ledger.settle(found, now=now) if found else frozenset()

    def _look(self, resolution: Resolution) -> Resolution:
        return Resolution(resolution.task_id, resolution.key, self._ports.find(resolution.key))

    def _taken(self, done: set[Future[Resolution]]) -> list[Resolution]:
        found = []
        for task_id, future in list(self._lookups.items()):
            if future not in done:
                continue
            del self._lookups[task_id]
            try:
                found.append(future.result())
            except Unavailable as error:
                self._retry_at = self._ports.clock() + _TICK_S
                log.warning("lookup_failed", task_id=task_id, error=str(error))
        return found
