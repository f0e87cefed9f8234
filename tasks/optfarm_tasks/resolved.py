"""Works out once what a recipe comes to for a model: checked steps, the format it yields, what it needs. Pure."""

from dataclasses import dataclass

from optfarm_tasks import registry
from optfarm_tasks.description import KERAS_FORMATS, Format
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.schema.recipe import BASELINE, Recipe, Step
from optfarm_tasks.technique import Bound, Params, Technique


@dataclass(frozen=True)
class ResolvedStep:
    """One step with the technique that carries it out."""

    step: Step
    technique: Technique
    params: Params
    """Checked, defaults filled in."""
    output_format: Format


@dataclass(frozen=True)
class ResolvedRecipe:
    """A recipe for models of one format and size."""

    recipe: Recipe
    """As people wrote it."""
    steps: tuple[ResolvedStep, ...]
    """As they run. No runtime takes a Keras file, so one that would be left at the end is exported by a last step."""
    modules: frozenset[str]
    """What the steps import, and the distributions of plug-ins among them: their versions are part of a result's key.

    The export's are left out, as from all keys of stored results.
    """
    memory_bytes: int
    """At the peak of the step that takes most; 0 where none takes a notable amount."""

    @property
    def output_format(self) -> Format:
        """The format of the artifact."""
        return self.steps[-1].output_format

    @property
    def techniques(self) -> tuple[str, ...]:
        """Names of the techniques that were asked for, each once."""
        return tuple(dict.fromkeys(step.technique for step in self.recipe.steps))

    @property
    def needs_calibration(self) -> bool:
        """Whether a step needs a data set's calibration split."""
        return any(each.technique.CARD.needs_calibration for each in self.steps)

    @property
    def needs_training_data(self) -> bool:
        """Whether a step fine-tunes on a data set."""
        return any(each.technique.CARD.needs_training_data for each in self.steps)

    @property
    def needs_gpu(self) -> bool:
        """Whether a step runs on a GPU alone."""
        return any(each.technique.CARD.needs_gpu for each in self.steps)

    @property
    def is_reduced(self) -> bool:
        """Whether the artifact may run in integers or in reduced precision."""
        return any(each.technique.CARD.is_reduced for each in self.steps)

    @property
    def bound(self) -> Bound | None:
        """What the artifact depends on, if it runs on one kind of GPU alone."""
        return next((each.technique.CARD.bound for each in self.steps if each.technique.CARD.bound), None)

    @property
    def fixed_batch(self) -> int | None:
        """The only batch that the artifact takes; None where no step fixes one."""
        fixing = ((each.params, each.technique.CARD.fixes_batch) for each in self.steps)
        found = [int(getattr(params, name)) for params, name in fixing if name is not None]
        return found[-1] if found else None


def resolve(recipe: Recipe, model_format: Format, *, model_bytes: int = 0) -> ResolvedRecipe:
    """The recipe for a model of a format and size.

    Raises:
        MissingParameter: a step lacks a parameter that has no default.
        BadParameter: a step does not exist, has bad parameters, or does not take what reaches it.
    """
    steps: list[ResolvedStep] = []
    for step in recipe.steps:
        steps.append(_step(step, steps[-1].output_format if steps else model_format))
    needs = (each.technique.CARD.memory for each in steps)
    memory_bytes = max((need.of(model_bytes) for need in needs if need is not None), default=0)
    modules = frozenset().union(*(registry.modules_of(step.technique) for step in recipe.steps))
    if steps[-1].output_format in KERAS_FORMATS:
        steps.append(_step(BASELINE.steps[0], steps[-1].output_format))
    return ResolvedRecipe(recipe, tuple(steps), modules=modules, memory_bytes=memory_bytes)


def _step(step: Step, given: Format) -> ResolvedStep:
    params, found = registry.params_of(step), registry.technique(step.technique)
    if given not in found.CARD.accepts:
        takes = ", ".join(sorted(found.CARD.accepts))
        raise BadParameter(f"{step.technique} takes {takes}; what reaches it is {given}")
    return ResolvedStep(step, found, params, found.CARD.yields[given])
