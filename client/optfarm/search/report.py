"""The result of a search: its Pareto front, the ties with it, and what became of the other recipes."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from optfarm.api import Api
from optfarm.ranking import is_eligible
from optfarm.search import table
from optfarm.search.pareto import front
from optfarm.search.space import LeftOut
from optfarm.search.trial import Found, Trial, distinct, rivals

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class SearchReport:
    """What a search has found so far, the fastest first."""

    model: str
    device: str
    trials: tuple[Trial, ...]
    """All of them in the order of trying, after the baseline, whose number is 0."""
    left_out: tuple[LeftOut, ...]
    """Techniques that were not used, and why."""
    api: Api

    def __repr__(self) -> str:
        """A line that says what it is; print(report.to_markdown()) prints the front."""
        return (
            f"SearchReport({self.model} on {self.device}: {len(self.trials)} trials, {len(self._front)} on the front)"
        )

    @property
    def front(self) -> tuple[Found, ...]:
        """The variants that no other one beats in time, size and quality at once; the baseline may be one of them."""
        return self._found(self._front)

    @property
    def ties(self) -> tuple[Found, ...]:
        """Variants that are beaten by measured values, but not clearly: the intervals of their times overlap."""
        return self._found(trial for trial in rivals(self._left) if trial not in self._front and trial.is_measured)

    def best(self, max_loss: float | None = None) -> Found | None:
        """The fastest variant that may be trusted and loses no more quality than allowed; see `Report.best`."""
        found = (each for each in self._found(self._left) if is_eligible(each.facts, max_loss=max_loss))
        return next(found, None)

    def notes(self) -> tuple[str, ...]:
        """What a reader of the front has to know, in lines of text."""
        return table.notes_of(front=self.front, ties=self.ties, trials=self.trials, left_out=self.left_out)

    def to_dataframe(self) -> "pd.DataFrame":
        """All trials as numbers, one row each; needs `pip install 'optfarm[dataframe]'`."""
        import pandas as pd  # noqa: PLC0415 (an extra, and slow to import)

        return pd.DataFrame(self._values())

    def to_markdown(self) -> str:
        """The front as people read it, in Markdown."""
        return table.markdown_text(f"Search of {self.model} on {self.device}", self.front, self.notes())

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values: front and ties as the numbers of their rows, and what became of the rest."""
        return {
            "model": self.model,
            "device": self.device,
            "front": [table.values_of(each) for each in self.front],
            "ties": [table.values_of(each) for each in self.ties],
            "trials": self._values(),
            "left_out": [{"technique": each.technique, "reason": each.reason} for each in self.left_out],
        }

    @cached_property
    def _left(self) -> tuple[Trial, ...]:
        """One trial of each artifact that may be on the front."""
        return tuple(trial for trial in distinct(self.trials) if trial.is_measured and not trial.is_dropped)

    @cached_property
    def _front(self) -> tuple[Trial, ...]:
        return tuple(self._left[place] for place in front([each.point for each in self._left if each.point]))

    def _found(self, trials: Iterable[Trial]) -> tuple[Found, ...]:
        found = [
            Found(trial.row, self.api, trial.sweep_id, trial.point[0].value)
            for trial in trials
            if trial.row is not None and trial.point is not None and trial.sweep_id is not None
        ]
        return tuple(sorted(found, key=lambda each: each.relative_time))

    def _values(self) -> list[dict[str, Any]]:
        fronted = {trial.number for trial in self._front}
        return [table.trial_values(trial, is_on_front=trial.number in fronted) for trial in self.trials]
