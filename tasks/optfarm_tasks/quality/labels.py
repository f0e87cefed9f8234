"""Finds the output that labels are compared with, and scores real numbers by MSE and MAE."""

from collections.abc import Mapping

import numpy as np

from optfarm_tasks.errors import BadData
from optfarm_tasks.quality import loss_interval
from optfarm_tasks.quality.classes import Answers, Classes
from optfarm_tasks.quality.score import Array, Scored, Scoring, score_of
from optfarm_tasks.schema.result import Score

Shape = tuple[int, ...]


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


def _holds_classes(shape: Shape, labels: Shape) -> bool:
    return len(shape) > 1 and shape[-1] > 1 and _plain(shape[:-1]) == _plain(labels)


def _plain(shape: Shape) -> Shape:
    """A shape without its axes of one value; the first axis counts the samples and stays."""
    return (*shape[:1], *(size for size in shape[1:] if size != 1))


def _choice(names: list[str], what: str) -> tuple[str, ...]:
    return (f"{what} fit {', '.join(names)}; {names[0]} is scored",) if len(names) > 1 else ()
