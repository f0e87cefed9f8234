"""A scheduler that has measured everything already, by formulas: what a search has to deal with, in milliseconds."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from optfarm_tasks.description import DataDescription, Format, ModelDescription, Signature, Split, Tensor
from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.catalog import Data, Model
from optfarm_tasks.schema.measurement import Verdict
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.result import Failure
from optfarm_tasks.schema.spec import Effort
from optfarm_tasks.schema.sweep import (
    Row,
    Skipped,
    SweepPlan,
    SweepReceipt,
    SweepReport,
    SweepSpec,
    SweepState,
    SweepStatus,
)
from optfarm_tasks.schema.technique_card import TechniqueCard
from optfarm_tasks.schema.tree import File, Tree
from tests.unit.cards import CARDS
from tests.unit.reports import failed, measurement, quality, report, row
from tests.unit.scheduler_stub import Answer, Asked, serving

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
BASELINE = Recipe.parse("baseline")
BYTES = 16_000_000


def measured(recipe: Recipe, effort: Effort) -> Row:
    """A variant whose speed, size and loss follow from what it is made by; `quick` is a little off."""
    names = [step.technique for step in recipe.steps]
    params = {name: value for step in recipe.steps for name, value in step.params.items()}
    sparsity = float(params.get("sparsity", 0.5)) if "prune" in names else 0.0
    speed_up = (1 + 2 * ("lite" in names) + ("fold" in names)) * (1.01 if effort is Effort.QUICK else 1.0)
    size = BYTES * (1 - sparsity * 0.5) * (0.25 if "lite" in names else 1.0)
    lost = sparsity**2 * 0.1 + 0.01 * ("lite" in names)
    return row(
        str(recipe),
        artifact=f"{abs(hash_of(recipe)):064x}",
        size_bytes=round(size),
        quality=quality(lost, nmse_ci95=(lost * 0.9, lost * 1.1)),
        measurement=measurement(5.0 / speed_up, speed_up=speed_up, effort=effort),
    )


def hash_of(recipe: Recipe) -> int:
    """A number of a recipe that is the same in every process."""
    return int.from_bytes(str(recipe).encode()[-31:])


def broken(recipe: Recipe, _: Effort) -> Row:
    """A variant that cannot be made."""
    return failed(str(recipe), Failure(reason=Reason.UNSUPPORTED_OP, message="no kernel for Igamma"))


def disturbed(recipe: Recipe, effort: Effort) -> Row:
    """A variant whose quick measurement cannot be used."""
    made = measured(recipe, effort)
    if effort is Effort.FULL or made.measurement is None:
        return made
    return made.model_copy(update={"measurement": made.measurement.model_copy(update={"verdict": Verdict.INVALID})})


@dataclass
class SearchFarm:
    """Keeps the sweeps that it was asked for."""

    make: Callable[[Recipe, Effort], Row] = measured
    cards: tuple[TechniqueCard, ...] = CARDS
    refused: dict[str, str] = field(default_factory=dict)
    """Technique → why the farm takes no recipe that has it."""
    devices: tuple[str, ...] = ("alpha.cpu",)
    sweeps: dict[str, SweepSpec] = field(default_factory=dict)
    away_after: int | None = None
    """So many sweeps are taken."""
    held_after: int | None = None
    """So many sweeps end."""

    @property
    def tried(self) -> list[str]:
        """The recipes of all sweeps in the quick profile, in order."""
        return [str(each) for spec in self.sweeps.values() if spec.effort is Effort.QUICK for each in spec.recipes]

    @property
    def measured_again(self) -> list[str]:
        """The recipes of all sweeps in the full profile, in order."""
        return [str(each) for spec in self.sweeps.values() if spec.effort is Effort.FULL for each in spec.recipes]

    @contextmanager
    def url(self) -> Iterator[str]:
        """Serves, and gives the address."""
        with serving(self._answer) as stub:
            yield stub.url

    def _answer(self, asked: Asked) -> Answer:
        _, _, noun, *rest = asked.path.split("/")
        if noun == "sweeps":
            return self._of_sweeps(asked, rest)
        return told({"models": model(), "data": data(), "techniques": list(self.cards)}[noun])

    def _of_sweeps(self, asked: Asked, rest: list[str]) -> Answer:
        if rest == ["plan"]:
            return told(self._plan(SweepSpec.model_validate_json(asked.body)))
        sweep_id, *what = rest
        if asked.method == "PUT":
            if self.away_after is not None and len(self.sweeps) >= self.away_after:
                return Answer(422, {})
            self.sweeps[sweep_id] = SweepSpec.model_validate_json(asked.body)
            return told(SweepReceipt(id=sweep_id, tasks=1, cached=0, devices=self.devices, skipped=()))
        return told(self._report(sweep_id) if what == ["report"] else self._status(sweep_id))

    def _plan(self, spec: SweepSpec) -> SweepPlan:
        skipped = tuple(
            Skipped(recipe=recipe, device=None, reason=self.refused[step.technique])
            for recipe in spec.recipes
            for step in recipe.steps
            if step.technique in self.refused
        )
        return SweepPlan(tasks=1, devices=self.devices, skipped=skipped, warnings=())

    def _report(self, sweep_id: str) -> SweepReport:
        spec = self.sweeps[sweep_id]
        rows = [self.make(recipe, spec.effort) for recipe in spec.recipes]
        return report(measured(BASELINE, spec.effort), *rows).model_copy(update={"sweep_id": sweep_id})

    def _status(self, sweep_id: str) -> SweepStatus:
        return SweepStatus(
            id=sweep_id,
            state=SweepState.RUNNING if self._is_held(sweep_id) else SweepState.DONE,
            spec=self.sweeps[sweep_id],
            created_at=WHEN,
            finished_at=WHEN,
            tasks=(),
            skipped=(),
            eta_s=None,
        )

    def _is_held(self, sweep_id: str) -> bool:
        return self.held_after is not None and list(self.sweeps).index(sweep_id) >= self.held_after


def model() -> Model:
    """A Keras model in HDF5."""
    signature = Signature(inputs=(Tensor(name="x", dtype="float32", shape=(None, 4)),))
    described = ModelDescription(format=Format.H5, signatures=(signature,), size_bytes=BYTES)
    made = Tree(files=(File(path="model.h5", sha256="0" * 64, size_bytes=BYTES),))
    return Model(name="m", tree=made, description=described, digest=made.digest, created_at=WHEN)


def data() -> Data:
    """A data set with a test split."""
    split = Split(count=8, inputs=(Tensor(name="x", dtype="float32", shape=(4,)),))
    made = Tree(files=(File(path="data.npz", sha256="0" * 64, size_bytes=1),))
    described = DataDescription(splits={"test": split}, size_bytes=1)
    return Data(name="d", tree=made, description=described, digest=made.digest, created_at=WHEN)


def told(value: Any) -> Answer:
    """A message, or a list of them, as JSON."""
    plain = [json.loads(each.model_dump_json()) for each in value] if isinstance(value, list) else None
    return Answer(200, json.loads(value.model_dump_json()) if plain is None else plain)
