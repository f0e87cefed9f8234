"""What a score is: a metric of both variants, and what a constant answer would score."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from optfarm_tasks.quality.loss_interval import ConfidenceInterval
from optfarm_tasks.schema.result import Score

Array = NDArray[Any]


@dataclass(frozen=True)
class Scored:
    """A score, and what a constant answer would score: the mean label, or the commonest class."""

    score: Score
    trivial: float
    nothing: str
    """What that is, in words."""

    @property
    def is_informative(self) -> bool:
        """Whether the candidate is better than that."""
        return self._beats(self.score.value)

    @property
    def was_informative(self) -> bool:
        """Whether the baseline is."""
        return self.score.baseline is not None and self._beats(self.score.baseline)

    def _beats(self, value: float) -> bool:
        return value > self.trivial if self.score.higher_is_better else value < self.trivial


def score_of(
    name: str, baseline: float, candidate: float, interval: ConfidenceInterval, *, higher_is_better: bool
) -> Score:
    """A metric of both variants, with the interval of the candidate's loss."""
    return Score(
        name=name,
        value=float(candidate),
        baseline=float(baseline),
        higher_is_better=higher_is_better,
        loss_ci95=interval.ci95,
        loss_ci95_reason=interval.reason,
    )


class Scoring(Protocol):
    """Gathers scores of both variants for one output."""

    output: str
    warnings: tuple[str, ...]

    @abstractmethod
    def add(self, labels: Array, baseline: Array, candidate: Array) -> None:
        """Takes a batch."""

    @abstractmethod
    def scored(self, labels: Array) -> tuple[Scored, ...]:
        """The scores over all batches, the most important first; `labels` are those of the whole split."""
