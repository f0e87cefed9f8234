"""Runs a search: draws recipes, measures them in small sweeps, and measures the best again with full effort."""

import secrets
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from optfarm.api import Api
from optfarm.errors import BadRequest
from optfarm.search.draws import Draws
from optfarm.search.proposer import Proposer, load_optuna
from optfarm.search.question import Question
from optfarm.search.report import SearchReport
from optfarm.search.space import LeftOut, Space, applicable, shortest, space_of
from optfarm.search.trial import Trial, judged, rivals
from optfarm.sweep import Sweep
from optfarm_tasks.description import FINAL_FORMATS
from optfarm_tasks.schema import sweep
from optfarm_tasks.schema.faults import nearest
from optfarm_tasks.schema.recipe import BASELINE, Recipe, Step
from optfarm_tasks.schema.spec import Effort

AT_ONCE = 4
"""Recipes in a sweep: few, so that the next ones are drawn with knowledge of these."""


@dataclass(frozen=True)
class Turn:
    """A sweep that a search has submitted and now waits for."""

    sweep: Sweep
    recipes: tuple[Recipe, ...]
    effort: Effort


class Search:
    """One search. Go through `turns` to run it; `report` returns at any time what it has found so far."""

    def __init__(self, api: Api, asked: Question, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Asks the farm what it can do with the model; starts nothing.

        Raises:
            BadRequest: no technique applies, there is not exactly one device, or Optuna is not installed.
            FarmError: the farm refused or stayed away.
        """
        load_optuna()
        self.asked = asked
        self.running: str | None = None
        """The id of the sweep that the search waits for."""
        self._api = api
        self._clock_s = clock_s
        self._began_s: float | None = None
        self._model = api.model(asked.spec.model)
        self._is_scored = _is_scored(api, asked.spec.data)
        self._device = _only(api.preview(self._spec([BASELINE], Effort.QUICK)).devices)
        space, self._left_out = self._space()
        objectives = 3 if self._is_scored else 2
        self._proposer = Proposer(space, sampler=asked.sampler, seed=asked.spec.seed, objectives=objectives)
        self._draws = Draws(self._proposer, first=asked.first, simple=shortest(space).values(), seed=asked.spec.seed)
        self._trials: dict[str, Trial] = {}
        self._baseline: Trial | None = None

    @property
    def elapsed_s(self) -> float:
        """Since the first turn began."""
        return 0.0 if self._began_s is None else self._clock_s() - self._began_s

    def turns(self) -> Iterator[Turn]:
        """Each sweep of the search, once it is submitted; going on to the next waits for it. Blocks.

        Raises:
            FarmError: the farm stayed away for longer than `retry_s`.
        """
        self._began_s = self._clock_s()
        while count := self.asked.budget.left(len(self._trials), self.elapsed_s, at_once=AT_ONCE):
            batch = self._draws.next(count, tried=self._trials, on_repeat=self._record)
            if batch:
                yield from self._tried(batch)
            if len(batch) < count:
                break
        if self.asked.spec.effort is Effort.FULL:
            yield from self._measured_again()

    def report(self) -> SearchReport:
        """What was found so far."""
        return SearchReport(
            model=self._model.name,
            device=self._device,
            trials=((self._baseline,) if self._baseline else ()) + tuple(self._trials.values()),
            left_out=self._left_out,
            api=self._api,
        )

    def _tried(self, batch: Sequence[Recipe]) -> Iterator[Turn]:
        refused = self._refusals(batch)
        taken = [recipe for recipe in batch if str(recipe) not in refused]
        sweep_id, rows = (yield from self._swept(taken, Effort.QUICK)) if taken else (None, {})
        for recipe in batch:
            name = str(recipe)
            trial = Trial(number=len(self._trials) + 1, recipe=recipe, sweep_id=sweep_id, reason=refused.get(name))
            self._trials[name] = trial if name in refused else self._judged(trial, rows.get(name))
            self._record(recipe)

    def _measured_again(self) -> Iterator[Turn]:
        """Measures in full what no other trial clearly beats; the rest is dropped."""
        known = [each for each in (self._baseline, *self._trials.values()) if each is not None]
        kept = {str(trial.recipe) for trial in rivals(known)}
        for name, trial in self._trials.items():
            if trial.point is not None and name not in kept:
                self._trials[name] = replace(trial, is_dropped=True)
        again = [trial for name, trial in self._trials.items() if name in kept]
        for start in range(0, len(again), AT_ONCE):
            group = again[start : start + AT_ONCE]
            sweep_id, rows = yield from self._swept([trial.recipe for trial in group], Effort.FULL)
            for trial in group:
                name = str(trial.recipe)
                final = self._judged(replace(trial, sweep_id=sweep_id), rows.get(name))
                self._trials[name] = final if final.is_measured else replace(trial, reason=final.reason)

    def _swept(
        self, recipes: Sequence[Recipe], effort: Effort
    ) -> Generator[Turn, None, tuple[str, dict[str, sweep.Row]]]:
        """Has recipes measured; gives the sweep's id and its rows by recipe."""
        self.running = secrets.token_hex(6)
        receipt = self._api.start_sweep(self.running, self._spec(recipes, effort))
        submitted = Sweep(receipt.id, self._api, receipt)
        yield Turn(submitted, tuple(recipes), effort)
        rows = {str(row.recipe): row for row in submitted.wait().facts.rows}
        self.running = None
        twin = rows.get(str(BASELINE))
        baseline = self._judged(Trial(number=0, recipe=BASELINE, sweep_id=submitted.id), twin)
        if baseline.is_measured or self._baseline is None:
            self._baseline = baseline
        return submitted.id, rows

    def _judged(self, trial: Trial, row: sweep.Row | None) -> Trial:
        return judged(trial, row, baseline_bytes=self._model.description.size_bytes, is_scored=self._is_scored)

    def _record(self, recipe: Recipe) -> None:
        trial = self._trials[str(recipe)]
        values = [each.value for each in trial.point] if trial.point and trial.is_measured else None
        self._proposer.record(recipe, values)

    def _space(self) -> tuple[Space, tuple[LeftOut, ...]]:
        cards = [card for card in self._api.techniques() if card.name != str(BASELINE)]
        _check_names(self.asked.steps, [card.name for card in cards])
        whole, for_people = space_of(
            cards,
            self.asked.steps,
            start=self._model.description.format,
            final_formats=FINAL_FORMATS,
            max_steps=self.asked.max_steps,
        )
        space, refused = applicable(whole, self._refusals)
        if not space.moves:
            reasons = tuple(f"{each.technique}: {each.reason}" for each in (*for_people, *refused))
            raise BadRequest(f"no technique applies to {self._model.name}:", reasons)
        return space, (*for_people, *refused)

    def _refusals(self, recipes: Iterable[Recipe]) -> dict[str, str]:
        skipped = self._api.preview(self._spec(tuple(recipes), Effort.QUICK)).skipped
        return {str(each.recipe): each.reason for each in skipped}

    def _spec(self, recipes: Sequence[Recipe], effort: Effort) -> sweep.SweepSpec:
        return self.asked.spec.model_copy(update={"recipes": tuple(recipes), "effort": effort})


def _is_scored(api: Api, name: str | None) -> bool:
    return name is not None and "test" in api.data_set(name).description.splits


def _only(devices: Sequence[str]) -> str:
    if len(devices) == 1:
        return devices[0]
    raise BadRequest(f"a search looks for the best on one device, not on {', '.join(devices)}; name one of them")


def _check_names(steps: Iterable[Step], names: Sequence[str]) -> None:
    for step in steps:
        if step.technique not in names:
            raise BadRequest(f"there is no technique {step.technique!r}; {nearest(step.technique, names)}")
