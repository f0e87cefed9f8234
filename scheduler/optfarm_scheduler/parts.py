"""The parts of a running scheduler, put together once and handed to every endpoint."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from optfarm_scheduler.auth import TokenRole, Tokens
from optfarm_scheduler.changes import Changes
from optfarm_scheduler.decisions.canaries import CanaryRules
from optfarm_scheduler.decisions.snapshot import Rules
from optfarm_scheduler.decisions.waits import waits
from optfarm_scheduler.dispatch import Dispatcher
from optfarm_scheduler.loop import Loop, Ports
from optfarm_scheduler.objects import Objects, objects_of
from optfarm_scheduler.rebuild import Rebuild
from optfarm_scheduler.settings import SchedulerSettings
from optfarm_scheduler.store.catalog import Catalog
from optfarm_scheduler.store.database import Database
from optfarm_scheduler.store.devices import Devices
from optfarm_scheduler.store.heartbeats import Heartbeats
from optfarm_scheduler.store.leases import Leases, Terms
from optfarm_scheduler.store.ledger import Ledger
from optfarm_scheduler.store.sweeps import Sweeps
from optfarm_scheduler.store.tables import DATA, MODELS
from optfarm_scheduler.store.tasks import Tasks
from optfarm_tasks.schema.catalog import Data, Model
from optfarm_tasks.schema.waiting import Waiting


@dataclass(frozen=True)
class Parts:
    """What endpoints act through."""

    database: Database
    models: Catalog[Model]
    data: Catalog[Data]
    devices: Devices
    ledger: Ledger
    sweeps: Sweeps
    tasks: Tasks
    leases: Leases
    objects: Objects
    dispatcher: Dispatcher
    rebuild: Rebuild
    loop: Loop
    changes: Changes
    tokens: Tokens
    clock: Callable[[], float]
    rules: Rules

    def start(self) -> None:
        """Starts the threads."""
        self.rebuild.start()
        self.dispatcher.start()
        self.loop.start()

    def waits(self) -> Mapping[str, Waiting]:
        """Task → what it waits for, of every task that has not ended and does not run."""
        return waits(self.ledger.open_tasks(), self.devices.known(), self.clock(), rules=self.rules)

    def stop(self) -> None:
        """Stops the threads and closes the database."""
        self.changes.close()
        self.rebuild.stop()
        self.loop.stop()
        self.dispatcher.stop()
        self.database.close()


def assemble(settings: SchedulerSettings, *, on_death: Callable[[], None]) -> Parts:
    """Puts the parts together; needs neither the broker nor the store to be up.

    Args:
        settings: where everything is.
        on_death: called when the loop ends by a defect.

    Raises:
        DatabaseFailed: the database cannot be opened.
    """
    rules = Rules(presence_s=settings.presence_s, claim_s=settings.claim_s)
    canary_rules = CanaryRules(
        every_s=settings.canary_every_s, again_s=settings.canary_again_s, idle_s=settings.canary_idle_s
    )
    database, heartbeats, changes = Database(settings.database_url), Heartbeats(), Changes()
    devices, objects = Devices(database, rules=rules), objects_of(settings)
    dispatcher = Dispatcher(settings.broker_url.get_secret_value())
    ledger = Ledger(database, heartbeats, rules=rules)
    ports = Ports(
        ledger=ledger,
        devices=devices,
        find=objects.result,
        send=dispatcher.send,
        note=changes.note,
        clock=time.time,
    )
    models, data = Catalog(database, MODELS, Model), Catalog(database, DATA, Data)
    sweeps = Sweeps(database, heartbeats)
    return Parts(
        database=database,
        models=models,
        data=data,
        devices=devices,
        ledger=ledger,
        sweeps=sweeps,
        tasks=Tasks(database, heartbeats),
        leases=Leases(database, heartbeats, terms=Terms(ttl_s=rules.presence_s), rules=rules),
        objects=objects,
        dispatcher=dispatcher,
        rebuild=Rebuild(models, data, sweeps, objects),
        loop=Loop(ports, on_death=on_death, rules=rules, canary_rules=canary_rules),
        changes=changes,
        tokens=Tokens({TokenRole.USER: settings.token, TokenRole.WORKER: settings.worker_token}),
        clock=time.time,
        rules=rules,
    )


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


Farm = Annotated[Parts, Depends(_parts)]
"""The parts, as an endpoint's argument."""
