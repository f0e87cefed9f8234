"""Registers this device with the scheduler every few seconds, which shows that it is there."""

import threading
from collections.abc import Callable

import structlog

from optfarm_tasks.schema.device import Inventory
from optfarm_worker.errors import LeaseLost, Unreachable, WorkerError
from optfarm_worker.scheduler import Scheduler

BEAT_S = 5.0
AGAIN_S = 1.0
"""While the scheduler is away, so that it finds its devices soon after it is back."""

log = structlog.get_logger()


class Presence:
    """Registers a device again and again, from a thread of its own; says once that the scheduler is away."""

    def __init__(self, scheduler: Scheduler, inventory: Inventory, fault: Callable[[], str]) -> None:
        """Takes what tells why nothing can run on the device now."""
        self._scheduler = scheduler
        self._inventory = inventory
        self._fault = fault
        self._stopped = threading.Event()
        self._is_known = True
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(self) -> None:
        """Begins, with one beat at once.

        Raises:
            Denied: the scheduler does not take the token; later it is only logged.
        """
        try:
            self._register()
        except (Unreachable, LeaseLost) as error:
            self._note(is_known=False, why=str(error))
        self._thread.start()

    def stop(self) -> None:
        """Ends the registrations."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(BEAT_S if self._is_known else AGAIN_S):
            self._beat()

    def _beat(self) -> None:
        try:
            self._register()
        except WorkerError as error:
            self._note(is_known=False, why=str(error))
        else:
            self._note(is_known=True)

    def _register(self) -> None:
        self._scheduler.register(self._inventory.model_copy(update={"fault": self._fault()}))

    def _note(self, *, is_known: bool, why: str = "") -> None:
        if is_known != self._is_known:
            device_log = log.bind(device=self._inventory.name)
            if is_known:
                device_log.info("registered")
            else:
                device_log.warning("not registered, trying again", why=why)
        self._is_known = is_known
