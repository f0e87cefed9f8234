"""Makes the catalog of an empty database anew, from the records that lie in the bucket."""

import threading
from dataclasses import dataclass, field

import structlog

from optfarm_scheduler.errors import Unavailable
from optfarm_scheduler.objects import Objects
from optfarm_scheduler.store.catalog import Catalog
from optfarm_scheduler.store.sweeps import Sweeps
from optfarm_tasks.schema.catalog import Data, Model, NewData, NewModel

_PAUSE_S = 1.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Rebuild:
    """Models and data sets come back under their names; results are looked up in the bucket by key anyway."""

    models: Catalog[Model]
    data: Catalog[Data]
    sweeps: Sweeps
    objects: Objects
    stopping: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Rebuilds in a thread of its own, once the store and the database answer."""
        threading.Thread(target=self._run, name="rebuild", daemon=True).start()

    def stop(self) -> None:
        """Gives up."""
        self.stopping.set()

    def once(self) -> None:
        """Fills the catalog if the database knows nothing.

        Raises:
            Unavailable: the store or the database does not answer; what came back so far stays.
        """
        if self.models.everything() or self.data.everything() or self.sweeps.summaries():
            return
        models = self.objects.records("models", NewModel)
        data = self.objects.records("data", NewData)
        for at, model in models:
            self.models.register(model, now=at)
        for at, data_set in data:
            self.data.register(data_set, now=at)
        if models or data:
            log.warning("catalog_rebuilt", why="the database was empty", models=len(models), data=len(data))

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                return self.once()
            except Unavailable as error:
                log.warning("rebuild_waits", error=str(error))
            self.stopping.wait(_PAUSE_S)
        return None
