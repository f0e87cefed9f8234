"""The scheduler's database with one sweep of two tasks in it, for tests of what is kept there."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from optfarm_scheduler.decisions.actions import Action, Dispatch
from optfarm_scheduler.decisions.snapshot import RULES, OpenTask
from optfarm_scheduler.planning.plan import Plan
from optfarm_scheduler.planning.sources import Origin, Source
from optfarm_scheduler.planning.task_plan import TaskPlan
from optfarm_scheduler.planning.toolchains import Needs
from optfarm_scheduler.store.catalog import Catalog
from optfarm_scheduler.store.database import Database
from optfarm_scheduler.store.devices import Devices
from optfarm_scheduler.store.heartbeats import Heartbeats
from optfarm_scheduler.store.leases import Leases, Terms
from optfarm_scheduler.store.ledger import Ledger, Resolution
from optfarm_scheduler.store.sweeps import Sweeps
from optfarm_scheduler.store.tables import MODELS
from optfarm_scheduler.store.tasks import Tasks
from optfarm_tasks.schema.catalog import Model
from optfarm_tasks.schema.lease import Claim, Finish, Lease
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.spec import Convert, Evaluate, Kind, Role
from optfarm_tasks.schema.sweep import SweepSpec
from tests.fakeworker import an_inventory
from tests.pushes import new_model
from tests.results import a_result

DEVICE = "alpha.cpu"


@dataclass
class Store:
    """A database with its parts, which can be closed and opened again."""

    url: str

    def __post_init__(self) -> None:
        self.database, heartbeats = Database(self.url), Heartbeats()
        self.ledger = Ledger(self.database, heartbeats)
        self.leases = Leases(self.database, heartbeats, terms=Terms(), rules=RULES)
        self.sweeps = Sweeps(self.database, heartbeats)
        self.tasks = Tasks(self.database, heartbeats)
        self.devices = Devices(self.database)
        self.models = Catalog(self.database, MODELS, Model)

    def task(self, task_id: str) -> OpenTask:
        """A task that has not ended, as the scheduler decides about it."""
        return next(task for task in self.ledger.open_tasks() if task.id == task_id)

    def apply(self, *actions: Action, now: float = 100.0) -> tuple[tuple[str, int, str], ...]:
        """Acts on decisions; gives the messages to send: task, token, device."""
        messages = self.ledger.apply(actions, now=now).messages
        return tuple((each.task_id, each.token, each.device) for each in messages)

    def ready(self, *task_ids: str, now: float = 100.0) -> list[Resolution]:
        """Resolves tasks whose inputs are made."""
        found = self.ledger.resolutions(task_ids)
        self.ledger.settle(found, now=now)
        return found

    def leased(self, task_id: str, *, now: float = 100.0) -> tuple[Lease, int]:
        """Brings a task to its first lease; gives the lease and its token."""
        self.ready(task_id)
        ((_, token, _),) = self.apply(Dispatch(task_id, DEVICE), now=now)
        return self.leases.claim(task_id, Claim(token=token, device=DEVICE), now=now), token


def a_plan(sweep_id: str) -> Plan:
    """A conversion SWEEP-1, and SWEEP-2 that evaluates what it makes."""
    recipe, needs = Recipe.parse("baseline"), Needs(techniques=("baseline",))
    model = Source(Origin.MODEL, new_model().tree.digest)
    first = TaskPlan(
        id=f"{sweep_id}-1",
        kind=Kind.CONVERT,
        label="baseline",
        recipe=recipe,
        action=Convert(recipe=recipe),
        inputs={Role.MODEL: model},
        needs=needs,
    )
    made = Source(Origin.TASK, first.id)
    second = TaskPlan(
        id=f"{sweep_id}-2",
        kind=Kind.EVALUATE,
        label="baseline",
        recipe=recipe,
        action=Evaluate(),
        inputs={Role.BASELINE: made, Role.CANDIDATE: made},
        depends_on=(first.id,),
        needs=Needs(runtimes=("tensorflow",)),
    )
    return Plan(tasks=(first, second), devices=(an_inventory(),), skipped=(), warnings=())


def submit(store: Store, sweep_id: str, *, fresh: bool = False) -> bool:
    """Inserts a sweep of that plan; whether there was none of the id."""
    spec = SweepSpec(model="model", recipes=(Recipe.parse("baseline"),), fresh=fresh)
    return store.sweeps.insert(sweep_id, spec, a_plan(sweep_id), model=spec.model, data=spec.data, now=50.0)


def finish(lease: Lease, token: int) -> Finish:
    """The good end of a conversion."""
    return Finish(token=token, result=a_result(Kind.CONVERT, key=lease.key), finished_at=datetime.now(UTC))


@contextmanager
def a_store(database_url: str) -> Iterator[Store]:
    """A database that knows a model, a device and the sweep `a`."""
    made = Store(database_url)
    with closing(made.database):
        made.models.register(new_model(), now=1.0)
        made.devices.register(an_inventory(), now=50.0)
        submit(made, "a")
        yield made
