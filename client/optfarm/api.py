"""The scheduler's HTTP API in Python: a method for each path that people use, with typed arguments and answers."""

from pydantic import ValidationError

from optfarm.connection import Connection, segment
from optfarm.errors import BadRequest
from optfarm_tasks.schema import sweep
from optfarm_tasks.schema.api import Health, SweepSummary, TaskFolder
from optfarm_tasks.schema.catalog import Data, Model, NewData, NewModel, Rename
from optfarm_tasks.schema.faults import text_of
from optfarm_tasks.schema.health import Device, Release
from optfarm_tasks.schema.technique_card import TechniqueCard


def renamed(name: str) -> Rename:
    """The body that gives something a name.

    Raises:
        BadRequest: nothing can be called so.
    """
    try:
        return Rename(name=name)
    except ValidationError as error:
        raise BadRequest(text_of(error)) from error


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

    def rename_model(self, name: str, new: str) -> Model:
        """Gives a model another name, which sweeps that asked for it by name go on to mean.

        Raises:
            BadRequest: the other name means another model already, or is none.
        """
        return self.connection.post(f"/v1/models/{segment('model', name)}/rename", Model, renamed(new))

    def rename_data(self, name: str, new: str) -> Data:
        """Gives a data set another name; see `rename_model`."""
        return self.connection.post(f"/v1/data/{segment('data set', name)}/rename", Data, renamed(new))

    def rename_sweep(self, sweep_id: str, label: str) -> sweep.SweepStatus:
        """Gives a sweep a label, which lists and tables show; its id stays."""
        path = f"/v1/sweeps/{segment('sweep', sweep_id)}/rename"
        return self.connection.post(path, sweep.SweepStatus, renamed(label))

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

    def check(self, spec: sweep.SweepSpec, *, model: NewModel | None, data: NewData | None) -> sweep.SweepPlan:
        """As `preview`, before model and data set are pushed; starts nothing.

        Args:
            spec: the sweep.
            model: the model, unless the spec names one that was pushed.
            data: the data set, likewise.

        Raises:
            BadRequest: the sweep would be refused.
        """
        return self.connection.post(
            "/v1/sweeps/check", sweep.SweepPlan, sweep.SweepDraft(spec=spec, model=model, data=data)
        )

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

    def task_folder(self, task_id: str) -> TaskFolder:
        """Everything that runs a task again elsewhere."""
        return self.connection.get(f"/v1/tasks/{segment('task', task_id)}/folder", TaskFolder)
