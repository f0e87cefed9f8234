"""Scores classes: shares of hits, and the means over classes of precision and recall."""

import numpy as np

from optfarm_tasks.errors import BadData
from optfarm_tasks.quality import loss_interval
from optfarm_tasks.quality.loss_interval import ConfidenceInterval
from optfarm_tasks.quality.score import Array, Scored, score_of
from optfarm_tasks.schema.result import Score

_TOP = 5
_COMMONEST = "the commonest class"


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
