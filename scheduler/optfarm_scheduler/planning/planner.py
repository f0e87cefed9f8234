"""Plans one recipe after another, so that later ones can build on the baseline."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from optfarm_scheduler.planning.conversion import conversion_of
from optfarm_scheduler.planning.processors import classes, kind_of, made_for, safe_recipe, tied
from optfarm_scheduler.planning.sources import Origin, Source
from optfarm_scheduler.planning.task_plan import TaskPlan, identity, processor, task_id
from optfarm_scheduler.planning.toolchains import Needs, runtime_needs
from optfarm_tasks import instruction_sets, registry
from optfarm_tasks.description import Format
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.resolved import ResolvedRecipe, resolve
from optfarm_tasks.schema.catalog import Data, Model
from optfarm_tasks.schema.device import DeviceKind, Inventory
from optfarm_tasks.schema.recipe import BASELINE, Recipe
from optfarm_tasks.schema.spec import Benchmark, Evaluate, Role
from optfarm_tasks.schema.sweep import Skipped, SweepSpec

T = TypeVar("T")


@dataclass
class Planner:
    """Collects tasks and skipped combinations."""

    spec: SweepSpec
    sweep_id: str
    model: Model
    data: Data | None
    selected: tuple[Inventory, ...]
    """Devices that measure."""
    alive: tuple[Inventory, ...]
    """Devices that may convert and evaluate."""
    settings: tuple[Benchmark, ...]
    tasks: list[TaskPlan] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    planned: dict[str, str] = field(default_factory=dict)
    """Recipe as text → its conversion; the first is the baseline's."""
    baseline_format: Format | None = None

    def add(self, recipe: Recipe) -> None:
        """Plans a recipe, or skips it with the reason."""
        try:
            self._check_baseline(recipe)
            resolved = resolve(recipe, self.model.description.format, model_bytes=self.model.description.size_bytes)
        except BadParameter as error:
            self._skip(recipe, None, str(error))
            return
        groups = made_for(resolved, self.selected)
        for device in self.selected:
            if not any(device in devices for devices in groups.values()):
                self._skip(recipe, device.name, f"what it makes runs on GPUs, and the device is a {device.kind}")
        for devices in groups.values():
            self._add_for(devices, resolved)

    def _add_for(self, devices: tuple[Inventory, ...], resolved: ResolvedRecipe) -> None:
        """Plans a recipe for devices that one artifact does for, or skips it with the reason."""
        recipe, kind = resolved.recipe, kind_of(devices, self.spec.runtime)
        try:
            wanted = self._wanted(resolved, kind)
            runtimes = self._runtimes(resolved.output_format, wanted, kind=kind)
            conversion = conversion_of(
                resolved,
                self.spec,
                task=self._id(),
                model=self.model,
                data=self.data,
                alive=self.alive,
                timed_on=devices,
            )
        except BadParameter as error:
            self._skip(recipe, None, str(error))
            return
        processors = classes(devices, self._reduced(resolved, runtimes, wanted, kind=kind))
        benchmarks = [
            (device, tied(needs, conversion, resolved.bound), setting)
            for device, needs, setting in self._benchmarks(resolved, wanted, processors, devices=devices)
        ]
        if not benchmarks:
            return
        self._say_what_is_safe(resolved, devices)
        self.baseline_format = self.baseline_format or resolved.output_format
        self.planned[str(recipe)] = conversion.id
        self.tasks.append(conversion)
        for sets in _distinct(processors[device.name] for device, _, _ in benchmarks):
            there = self.alive if kind is DeviceKind.CPU else devices
            scoring = runtime_needs(runtimes, there, instruction_sets=sets, gpu=kind is DeviceKind.GPU)
            self._evaluate(conversion, wanted=wanted, needs=tied(scoring, conversion, resolved.bound))
        for device, needs, setting in benchmarks:
            self._compare(
                conversion,
                setting.model_copy(update={"runtime": wanted, "batch_axes": self._axes}),
                needs=needs,
                device=device,
            )

    def _check_baseline(self, recipe: Recipe) -> None:
        if recipe != BASELINE and not self.planned:
            raise BadParameter("there is no baseline to compare it with")

    def _say_what_is_safe(self, resolved: ResolvedRecipe, devices: tuple[Inventory, ...]) -> None:
        safe = safe_recipe(resolved, devices)
        if safe != resolved.recipe:
            self._warn(
                f"{resolved.recipe} is made as {safe}, because integer kernels overflow on "
                f"{', '.join(each.name for each in devices if instruction_sets.overflow(each.instruction_sets))}"
            )

    def _evaluate(self, conversion: TaskPlan, *, wanted: str | None, needs: Needs) -> None:
        if self.data is None:
            return
        if "test" not in self.data.description.splits:
            self._warn(f"{self.data.name} has no test split, so quality is not scored")
            return
        self._compare(
            conversion,
            Evaluate(runtime=wanted, batch_axes=self._axes),
            needs=needs,
        )

    def _benchmarks(
        self,
        resolved: ResolvedRecipe,
        wanted: str | None,
        processors: Mapping[str, dict[str, bool]],
        *,
        devices: tuple[Inventory, ...],
    ) -> Iterable[tuple[Inventory, Needs, Benchmark]]:
        for device in devices:
            try:
                runtimes = self._runtimes(resolved.output_format, wanted, kind=device.kind)
                needs = runtime_needs(runtimes, (device,), instruction_sets=processors[device.name])
            except BadParameter as error:
                self._skip(resolved.recipe, device.name, str(error))
                continue
            yield from ((device, needs, setting) for setting in self._possible(resolved, device))

    def _possible(self, resolved: ResolvedRecipe, device: Inventory) -> Iterable[Benchmark]:
        recipe, cores = resolved.recipe, device.attributes.get("cores")
        batch = self.model.description.signature.fixed_batch
        for setting in self._suited(recipe, resolved.fixed_batch):
            if isinstance(cores, int) and setting.threads != "auto" and setting.threads > cores:
                self._skip(recipe, device.name, f"threads={setting.threads}, but the device has {cores} cores")
            elif setting.batch_size != "auto" and batch not in (None, setting.batch_size):
                self._skip(
                    recipe, device.name, f"batch={setting.batch_size}, but the model has a fixed batch of {batch}"
                )
            else:
                yield setting

    def _suited(self, recipe: Recipe, batch: int | None) -> Iterable[Benchmark]:
        """The settings, at the batch that the recipe fixes if it fixes one; a ladder finds that out by itself."""
        if batch is None:
            return self.settings
        if any(setting.batch_size not in {batch, "auto"} for setting in self.settings):
            self._warn(f"{recipe} is timed at its batch of {batch}, and the baseline beside it too")
        return _distinct(
            setting if setting.batch_size == "auto" else setting.model_copy(update={"batch_size": batch})
            for setting in self.settings
        )

    def _compare(
        self, conversion: TaskPlan, action: Evaluate | Benchmark, *, needs: Needs, device: Inventory | None = None
    ) -> None:
        makers = next(iter(self.planned.values())), conversion.id
        baseline, candidate = (Source(Origin.TASK, maker) for maker in makers)
        inputs = {Role.BASELINE: baseline, Role.CANDIDATE: candidate}
        if self.data is not None and "test" in self.data.description.splits:
            inputs[Role.DATA] = Source(Origin.DATA, self.data.digest)
        self.tasks.append(
            TaskPlan(
                id=self._id(),
                kind=action.kind,
                label=f"{conversion.label}{self._varying(action) if isinstance(action, Benchmark) else ''}",
                recipe=conversion.recipe,
                action=action,
                inputs=inputs,
                depends_on=tuple(dict.fromkeys(makers)),
                needs=needs,
                pinned_to=None if device is None else device.name,
                identity=processor(needs) if device is None else identity(device, needs),
            )
        )

    def _varying(self, setting: Benchmark) -> str:
        shown = [f"threads={setting.threads}"] if len({each.threads for each in self.settings}) > 1 else []
        batches = {setting.batch_size, *(each.batch_size for each in self.settings)}
        shown += [f"batch={setting.batch_size}"] if len(batches) > 1 else []
        return f" [{', '.join(shown)}]" if shown else ""

    @property
    def _axes(self) -> Mapping[str, int | None]:
        return self.model.description.feeding.batch_axes

    def _reduced(
        self, resolved: ResolvedRecipe, runtimes: tuple[str, ...], wanted: str | None, *, kind: DeviceKind
    ) -> tuple[str, ...]:
        """The runtimes that compute in integers or in reduced precision, of those that run baseline and variant."""
        if self.model.description.is_quantised:
            return runtimes
        if not resolved.is_reduced:
            return ()
        return (registry.runtime_for(resolved.output_format, device=kind, wanted=wanted),)

    def _wanted(self, resolved: ResolvedRecipe, kind: DeviceKind) -> str | None:
        """The runtime that was asked for, but for a baseline that it does not run."""
        wanted, given = self.spec.runtime, resolved.output_format
        if wanted is None or resolved.recipe != BASELINE or wanted in registry.runtimes_of(given, kind):
            return wanted
        instead = registry.runtime_for(given, device=kind)
        self._warn(f"the baseline is {given}, which {wanted} does not run; it runs on {instead}")
        return None

    def _runtimes(self, artifact_format: Format, wanted: str | None, *, kind: str = DeviceKind.CPU) -> tuple[str, ...]:
        baseline_format = self.baseline_format or artifact_format
        baseline = registry.runtime_for(baseline_format, device=kind, wanted=wanted, role=Role.BASELINE)
        return tuple(sorted({baseline, registry.runtime_for(artifact_format, device=kind, wanted=wanted)}))

    def _skip(self, recipe: Recipe, device: str | None, reason: str) -> None:
        self.skipped.append(Skipped(recipe=recipe, device=device, reason=reason))

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)

    def _id(self) -> str:
        return task_id(self.sweep_id, len(self.tasks) + 1)


def _distinct(values: Iterable[T]) -> list[T]:
    """Each once, in order; they need not be hashable."""
    found: list[T] = []
    for each in values:
        if each not in found:
            found.append(each)
    return found
