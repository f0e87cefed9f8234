"""The scheduler's HTTP API in Python: a method for each path that people use, with typed arguments and answers."""

from optfarm.connection import Connection, segment
from optfarm_tasks.schema import sweep
from optfarm_tasks.schema.api import Health, SweepSummary
from optfarm_tasks.schema.catalog import Data, Model
from optfarm_tasks.schema.health import Device, Release
from optfarm_tasks.schema.technique_card import TechniqueCard


class Api:
    """The requests to one farm. Threads may share it.

    Raises, from every method:
        NotFound: there is nothing of that name.
        FarmError: the farm refused or stayed away.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def health(self) -> Health:
        """How the parts that the scheduler stands on are doing."""
        return self.connection.get("/v1/health", Health)

    def models(self) -> tuple[Model, ...]:
        """Every pushed model, the last named first."""
        return self.connection.get("/v1/models", tuple[Model, ...])

    def model(self, name: str) -> Model:
        """A pushed model, by its name or its digest."""
        return self.connection.get(f"/v1/models/{segment('model', name)}", Model)

    def data_sets(self) -> tuple[Data, ...]:
        """Every pushed data set, the last named first."""
        return self.connection.get("/v1/data", tuple[Data, ...])

    def data_set(self, name: str) -> Data:
        """A pushed data set, by its name or its digest."""
        return self.connection.get(f"/v1/data/{segment('data set', name)}", Data)

    def techniques(self) -> tuple[TechniqueCard, ...]:
        """Every technique, with what it takes and yields and its parameters."""
        return self.connection.get("/v1/techniques", tuple[TechniqueCard, ...])

    def technique(self, name: str) -> TechniqueCard:
        """One technique."""
        return self.connection.get(f"/v1/techniques/{segment('technique', name)}", TechniqueCard)

    def devices(self) -> tuple[Device, ...]:
        """Every device that the farm knows."""
        return self.connection.get("/v1/devices", tuple[Device, ...])

    def release_device(self, name: str, *, anew: bool = False) -> Device:
        """Ends the quarantine of a device; `anew` forgets what its canaries usually took.

        Raises:
            BadRequest: it is in no quarantine, and nothing is to be forgotten.
        """
        return self.connection.post(f"/v1/devices/{segment('device', name)}/release", Device, Release(anew=anew))

    def preview(self, spec: sweep.SweepSpec) -> sweep.SweepPlan:
        """What a sweep would do, and what it would skip and why; starts nothing."""
        return self.connection.post("/v1/sweeps/plan", sweep.SweepPlan, spec)

    def start_sweep(self, sweep_id: str, spec: sweep.SweepSpec) -> sweep.SweepReceipt:
        """Starts a sweep under an id of 12 hex digits; the same again starts no second one."""
        return self.connection.put(f"/v1/sweeps/{segment('sweep', sweep_id)}", sweep.SweepReceipt, spec)

    def sweeps(self) -> tuple[SweepSummary, ...]:
        """Every sweep in a line, the newest first."""
        return self.connection.get("/v1/sweeps", tuple[SweepSummary, ...])

    def sweep_status(self, sweep_id: str) -> sweep.SweepStatus:
        """Where a sweep and its tasks stand now."""
        return self.connection.get(f"/v1/sweeps/{segment('sweep', sweep_id)}", sweep.SweepStatus)

    def sweep_report(self, sweep_id: str) -> sweep.SweepReport:
        """The table of a sweep as it stands."""
        return self.connection.get(f"/v1/sweeps/{segment('sweep', sweep_id)}/report", sweep.SweepReport)

    def cancel_sweep(self, sweep_id: str) -> sweep.SweepStatus:
        """Ends what runs of a sweep and drops what waits; results that are stored stay."""
        return self.connection.post(f"/v1/sweeps/{segment('sweep', sweep_id)}/cancel", sweep.SweepStatus)

    def task(self, task_id: str) -> sweep.TaskStatus:
        """A task as it stands, with its result once there is one."""
        return self.connection.get(f"/v1/tasks/{segment('task', task_id)}", sweep.TaskStatus)

    def task_folder(self, task_id: str) -> sweep.TaskFolder:
        """Everything that runs a task again elsewhere."""
        return self.connection.get(f"/v1/tasks/{segment('task', task_id)}/folder", sweep.TaskFolder)
