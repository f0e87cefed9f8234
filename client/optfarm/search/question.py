"""The settings of a search, checked before anything is sent."""

from dataclasses import dataclass
from math import inf

from optfarm.errors import BadRequest
from optfarm.sweep_settings import SweepSettings
from optfarm_tasks.schema.recipe import BASELINE, Recipe, Step
from optfarm_tasks.schema.spec import Scenario
from optfarm_tasks.schema.sweep import Purpose, SweepSpec

SAMPLERS = ("tpe", "nsga2")
TRIALS = 40
_STEPS = range(1, 7)
_ALL = "all"


@dataclass(frozen=True)
class Budget:
    """How much is tried: so many recipes, or recipes for so many minutes, whichever ends first."""

    trials: int | None
    minutes: float | None

    def left(self, tried: int, elapsed_s: float, *, at_once: int) -> int:
        """How many recipes may be tried next, at most `at_once`."""
        if self.minutes is not None and elapsed_s >= self.minutes * 60:
            return 0
        return at_once if self.trials is None else max(0, min(at_once, self.trials - tried))


@dataclass(frozen=True)
class Question:
    """A search that may begin: the settings of its sweeps, what it chooses from, and its budget."""

    spec: SweepSpec
    """Of its sweeps; each sets its own recipes, and this effort is that of the final measurement."""
    steps: tuple[Step, ...]
    """The techniques to choose from, with what is fixed at them; all of them when empty."""
    first: tuple[Recipe, ...]
    """Recipes of several steps that people named; they are tried in any case, and first."""
    budget: Budget
    max_steps: int
    sampler: str


def question(
    settings: SweepSettings,
    *,
    trials: int | None = None,
    minutes: float | None = None,
    max_steps: int = 3,
    sampler: str = SAMPLERS[0],
) -> Question:
    """A search of at most `trials` recipes (40 when neither is given) or for so many minutes.

    Args:
        settings: of its sweeps; recipes of one step narrow the choice of techniques.
        trials: how many recipes are tried.
        minutes: for how long new recipes are tried.
        max_steps: how long a recipe may be.
        sampler: tpe or nsga2.

    Raises:
        BadRequest: a setting is wrong; the message says which.
    """
    _check(trials, minutes, max_steps=max_steps, sampler=sampler)
    named = [each for each in settings.recipes or () if str(each) != _ALL]
    spec = settings.but(recipes=named or [BASELINE], purpose=Purpose.SEARCH).spec()
    if len(set(spec.threads)) > 1 or len(set(spec.batch_sizes)) > 1:
        raise BadRequest("a search compares recipes in one setting; name one number of threads and one batch size")
    if spec.scenario is not Scenario.SINGLE_STREAM or "auto" in {*spec.threads, *spec.batch_sizes}:
        raise BadRequest("a search compares latencies in a given setting; scenarios and auto belong to a plain sweep")
    recipes = spec.recipes if named else ()
    steps = tuple(each.steps[0] for each in recipes if len(each.steps) == 1)
    return Question(
        spec=spec,
        steps=tuple({str(step): step for step in steps if step not in BASELINE.steps}.values()),
        first=tuple(each for each in recipes if len(each.steps) > 1),
        budget=Budget(TRIALS if trials is minutes is None else trials, minutes),
        max_steps=max_steps,
        sampler=sampler,
    )


def _check(trials: int | None, minutes: float | None, *, max_steps: int, sampler: str) -> None:
    if trials is not None and trials < 1:
        raise BadRequest(f"a search of {trials} trials tries nothing; give at least 1")
    if minutes is not None and not 0 < minutes < inf:
        raise BadRequest(f"a search of {minutes:g} minutes tries nothing; give more than 0")
    if max_steps not in _STEPS:
        raise BadRequest(f"a recipe of {max_steps} steps cannot be; give {_STEPS[0]} to {_STEPS[-1]}")
    if sampler not in SAMPLERS:
        raise BadRequest(f"there is no sampler {sampler!r}; there are {', '.join(SAMPLERS)}")
