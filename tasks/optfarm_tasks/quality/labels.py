"""Scores outputs against labels: hits, precision and recall for classes, MSE and MAE for real numbers."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.errors import BadData
from optfarm_tasks.quality import loss_interval
from optfarm_tasks.quality.loss_interval import ConfidenceInterval
from optfarm_tasks.schema.result import Score

Array = NDArray[Any]
Shape = tuple[int, ...]
_TOP = 5
_COMMONEST = "the commonest class"


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


def scoring_for(labels: Array, outputs: Mapping[str, Array]) -> Scoring:
    """How labels (N, …) are compared with a batch of outputs, and with which of them.

    Whole numbers are classes if an output has one more axis, of more than one value, or is of their own shape and holds
    whole numbers too; else labels are compared value by value with an output of their own shape. Axes of one value do
    not count.

    Raises:
        BadData: no output fits the labels.
    """
    if labels.dtype.kind in "biu":
        classes = [name for name, each in outputs.items() if _holds_classes(each.shape, labels.shape)]
        if classes:
            return Classes(classes[0], outputs[classes[0]].shape[-1], warnings=_choice(classes, "integer labels"))
    if labels.dtype.kind in "biuf":
        values = [name for name, each in outputs.items() if _plain(each.shape) == _plain(labels.shape)]
        answers = [name for name in values if {outputs[name].dtype.kind, labels.dtype.kind} <= set("biu")]
        if answers:
            return Answers(answers[0], warnings=_choice(answers, "integer labels"))
        if values:
            return Values(values[0], warnings=_choice(values, "labels"))
    seen = ", ".join(f"{name} {list(each.shape)}" for name, each in outputs.items())
    raise BadData(f"labels {labels.dtype} {list(labels.shape)} fit no output; a batch of outputs is {seen}")


class Confusion:
    """How often each class is wanted, given, and both.

    Means over classes are those of scikit-learn (precision_score, recall_score, average="macro", zero_division=0): over
    the classes that are wanted or given at all; a class that is never given has a precision of 0, and one that is
    never wanted a recall of 0.
    """

    def __init__(self, classes: int) -> None:
        """Nothing seen yet."""
        self._wanted, self._given, self._both = (np.zeros(classes, np.int64) for _ in range(3))

    def add(self, wanted: Array, given: Array) -> None:
        """Takes classes (N,)."""
        size = self._wanted.size
        self._wanted += np.bincount(wanted, minlength=size)
        self._given += np.bincount(given, minlength=size)
        self._both += np.bincount(wanted[wanted == given], minlength=size)

    @property
    def precision(self) -> float:
        """The mean over classes of: right among those given."""
        return self._mean_of(self._given)

    @property
    def recall(self) -> float:
        """The mean over classes of: right among those wanted."""
        return self._mean_of(self._wanted)

    def _mean_of(self, whole: Array) -> float:
        is_seen = (self._wanted > 0) | (self._given > 0)
        return float((self._both[is_seen] / np.maximum(whole[is_seen], 1)).mean())


class Classes:
    """Top-1, with more classes than five top-5, and the means over classes of precision and recall."""

    def __init__(self, output: str, classes: int, *, warnings: tuple[str, ...] = ()) -> None:
        """Scores one output whose last axis has a value for each class."""
        self.output = output
        self.warnings = warnings
        self._classes = classes
        self._tops = (1, _TOP) if classes > _TOP else (1,)
        self._hits: dict[int, list[Array]] = {top: [] for top in self._tops}
        """Of each sample the share of its labels that were hit, by the baseline and the candidate: (2, n) a batch."""
        self._confusions = Confusion(classes), Confusion(classes)

    def add(self, labels: Array, baseline: Array, candidate: Array) -> None:
        """Counts hits.

        Raises:
            BadData: a label is no class.
        """
        wanted = labels.reshape(-1).astype(np.int64)
        if wanted.min() < 0 or wanted.max() >= self._classes:
            span = f"{wanted.min()}..{wanted.max()}"
            raise BadData(f"labels are {span}, and {self.output} has the classes 0..{self._classes - 1}")
        rows = [each.reshape(-1, self._classes) for each in (baseline, candidate)]
        for confusion, each in zip(self._confusions, rows, strict=True):
            confusion.add(wanted, _known(each).argmax(axis=1))
        ranks = np.stack([rank_of(each, wanted) for each in rows])
        for top in self._tops:
            self._hits[top].append((ranks < top).reshape(2, len(labels), -1).mean(axis=2))

    def scored(self, labels: Array) -> tuple[Scored, ...]:
        """Shares of hits, then means over classes."""
        counts = np.sort(np.bincount(labels.reshape(-1).astype(np.int64)))[::-1]
        shares = {top: float(counts[:top].sum() / labels.size) for top in self._tops}
        classes = int((counts > 0).sum())
        baseline, candidate = self._confusions
        return (
            *(Scored(self._score(top), share, _COMMONEST) for top, share in shares.items()),
            Scored(_mean("precision_macro", baseline.precision, candidate.precision), shares[1] / classes, _COMMONEST),
            Scored(_mean("recall_macro", baseline.recall, candidate.recall), 1 / classes, _COMMONEST),
        )

    def _score(self, top: int) -> Score:
        baseline, candidate = np.concatenate(self._hits[top], axis=1)
        interval = loss_interval.of_shares(baseline, candidate)
        return score_of(f"top{top}", baseline.mean(), candidate.mean(), interval, higher_is_better=True)


class Answers:
    """Top-1 of an output that gives the class itself."""

    def __init__(self, output: str, *, warnings: tuple[str, ...] = ()) -> None:
        """Scores one output of whole numbers that has the shape of the labels."""
        self.output = output
        self.warnings = warnings
        self._hits: list[Array] = []
        """Of each sample the share of its labels that were hit, by the baseline and the candidate: (2, n) a batch."""

    def add(self, labels: Array, baseline: Array, candidate: Array) -> None:
        """Counts hits."""
        wanted = labels.reshape(len(labels), -1)
        hits = [(each.reshape(wanted.shape) == wanted).mean(axis=1) for each in (baseline, candidate)]
        self._hits.append(np.stack(hits))

    def scored(self, labels: Array) -> tuple[Scored, ...]:
        """The share of hits."""
        baseline, candidate = np.concatenate(self._hits, axis=1)
        interval = loss_interval.of_shares(baseline, candidate)
        commonest = np.unique(labels, return_counts=True)[1].max() / labels.size
        score = score_of("top1", baseline.mean(), candidate.mean(), interval, higher_is_better=True)
        return (Scored(score, float(commonest), _COMMONEST),)


class Values:
    """Mean square and mean absolute error."""

    def __init__(self, output: str, *, warnings: tuple[str, ...] = ()) -> None:
        """Scores one output that has the shape of the labels."""
        self.output = output
        self.warnings = warnings
        self._squares: list[Array] = []
        self._sizes: list[Array] = []
        """Of each sample the mean over its values, of the baseline and the candidate: (2, n) a batch."""

    def add(self, labels: Array, baseline: Array, candidate: Array) -> None:
        """Sums errors."""
        wanted = labels.reshape(len(labels), -1).astype(np.float64)
        errors = np.stack([each.reshape(wanted.shape).astype(np.float64) - wanted for each in (baseline, candidate)])
        self._squares.append((errors**2).mean(axis=2))
        self._sizes.append(np.abs(errors).mean(axis=2))

    def scored(self, labels: Array) -> tuple[Scored, ...]:
        """Means of the errors."""
        wanted = labels.reshape(len(labels), -1).astype(np.float64)
        trivial = wanted - wanted.mean(axis=0)
        kinds = (("mse", self._squares, (trivial**2).mean()), ("mae", self._sizes, np.abs(trivial).mean()))
        return tuple(Scored(_error(name, parts), float(error), "the mean label") for name, parts, error in kinds)


def _error(name: str, parts: list[Array]) -> Score:
    baseline, candidate = np.concatenate(parts, axis=1)
    interval = loss_interval.of_means(baseline, candidate, seed=0)
    return score_of(name, baseline.mean(), candidate.mean(), interval, higher_is_better=False)


def _mean(name: str, baseline: float, candidate: float) -> Score:
    interval = ConfidenceInterval(None, "it is a mean over classes, not over samples")
    return score_of(name, baseline, candidate, interval, higher_is_better=True)


def _known(scores: Array) -> Array:
    known: Array = np.where(np.isnan(scores), -np.inf, scores)
    return known


def rank_of(scores: Array, wanted: Array) -> Array:
    """How many classes stand before the wanted one in each row of scores (N, C).

    Of equal scores the lower class comes first, as argmax has it; what is not a number comes last.
    """
    known = _known(scores)
    own = np.take_along_axis(known, wanted[:, None], axis=1)
    is_lower = np.arange(scores.shape[1]) < wanted[:, None]
    ranks: Array = ((known > own) | ((known == own) & is_lower)).sum(axis=1)
    return ranks


def _holds_classes(shape: Shape, labels: Shape) -> bool:
    return len(shape) > 1 and shape[-1] > 1 and _plain(shape[:-1]) == _plain(labels)


def _plain(shape: Shape) -> Shape:
    """A shape without its axes of one value; the first axis counts the samples and stays."""
    return (*shape[:1], *(size for size in shape[1:] if size != 1))


def _choice(names: list[str], what: str) -> tuple[str, ...]:
    return (f"{what} fit {', '.join(names)}; {names[0]} is scored",) if len(names) > 1 else ()
