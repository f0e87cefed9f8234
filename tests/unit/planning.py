"""Models, data sets and devices as the scheduler knows them, and the plan of a sweep over them."""

from datetime import UTC, datetime

from optfarm_scheduler.planning.plan import Plan, plan
from optfarm_scheduler.planning.task_plan import TaskPlan
from optfarm_tasks import registry
from optfarm_tasks.description import DataDescription, Format, ModelDescription, Signature, Split, Tensor
from optfarm_tasks.schema.catalog import Data, Model
from optfarm_tasks.schema.device import Inventory, Toolchain
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.sweep import SweepSpec
from optfarm_tasks.schema.tree import File, Tree

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
VERSIONS = {"tensorflow-cpu": "2.21.0", "ai-edge-litert": "2.3.0", "optfarm": "0.1.0", "pillow": "12"}


def tree(name: str) -> Tree:
    return Tree(files=(File(path=name, sha256="0" * 64, size_bytes=1),))


def model(model_format: Format = Format.SAVED_MODEL, *, dtype: str = "float32") -> Model:
    signature = Signature(inputs=(Tensor(name="x", dtype=dtype, shape=(None, 4)),))
    described = ModelDescription(format=model_format, signatures=(signature,), size_bytes=1)
    made = tree("saved_model.pb")
    return Model(name="m", tree=made, description=described, digest=made.digest, created_at=WHEN)


def data(*splits: str, size: int = 4) -> Data:
    split = Split(count=8, inputs=(Tensor(name="x", dtype="float32", shape=(size,)),))
    described = DataDescription(splits=dict.fromkeys(splits, split), size_bytes=1)
    made = tree("data.npz")
    return Data(name="d", tree=made, description=described, digest=made.digest, created_at=WHEN)


def device(
    name: str,
    *,
    cores: int = 4,
    versions: dict[str, str] | None = None,
    sets: tuple[str, ...] = (),
    gpu: tuple[str, float] | None = None,
    **without: str,
) -> Inventory:
    host, _, slot = name.partition(".")
    toolchain = Toolchain(
        python="python",
        versions=versions or VERSIONS,
        techniques=tuple(each for each in registry.technique_names() if each != without.get("technique")),
        runtimes=tuple(each for each in registry.runtime_names() if each != without.get("runtime")),
    )
    attributes: dict[str, str | int | float] = {"cores": cores, "cpu_model": "Xeon"}
    if gpu is not None:
        attributes |= {"gpu_name": gpu[0], "compute_capability": gpu[1]}
    return Inventory(host=host, slot=slot, attributes=attributes, instruction_sets=sets, toolchains=(toolchain,))


def planned(
    *recipes: str,
    alive: tuple[Inventory, ...] = (),
    on: Model | None = None,
    given: Data | None = None,
    **more: object,
) -> Plan:
    parsed = tuple(Recipe.parse(text) for text in recipes)
    spec = SweepSpec.model_validate({"model": "m", "recipes": parsed} | more)
    there = alive or (device("alpha.cpu"),)
    return plan(spec, sweep_id="abc", model=on or model(), data=given, alive=there)


def shown(tasks: tuple[TaskPlan, ...]) -> list[str]:
    return [f"{task.kind} {task.label} @{task.pinned_to or '-'}" for task in tasks]
