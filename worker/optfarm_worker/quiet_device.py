"""Waits until a task has its machine, and its device to itself."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from optfarm_tasks.schema.waiting import Holder
from optfarm_worker.context import WorkerContext
from optfarm_worker.devices import kind_of
from optfarm_worker.errors import Busy
from optfarm_worker.machine_wait import MachineWait, in_words

LOOK_S = 0.5


@contextmanager
def held(context: WorkerContext, wait: MachineWait, *, alone: bool, cancelled: threading.Event) -> Iterator[None]:
    """Holds the machine's lock inside the block, which begins while nobody else computes on the device.

    The lock is not held while a stranger is waited for, so tasks of other devices go on.

    Raises:
        Busy: that was not to be had in time.
        NoDevice: the device is not there any more.
    """
    settings = context.settings
    while True:
        _await_quiet(settings.device, wait, wait_s=settings.idle_wait_s, cancelled=cancelled)
        with context.idle.held(alone=alone, wait_s=settings.idle_wait_s, cancelled=cancelled, on_wait=wait.goes_on):
            # Somebody may have come while the lock was waited for.
            if _strangers(settings.device) and not cancelled.is_set():
                continue
            yield
            return


def _await_quiet(device: str, wait: MachineWait, *, wait_s: float, cancelled: threading.Event) -> None:
    deadline = time.monotonic() + wait_s
    while (there := _strangers(device)) and not cancelled.is_set():
        wait.goes_on(there, held=device)
        if time.monotonic() > deadline:
            raise Busy(f"for {wait_s:.0f} s {in_words(there, device)}")
        cancelled.wait(LOOK_S)


def _strangers(device: str) -> tuple[Holder, ...]:
    return kind_of(device).strangers(device)
