"""Compares a candidate's outputs with the baseline's and with labels, batch by batch, and says what came of it."""

from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.data_sets import data
from optfarm_tasks.errors import BadData, BadModel
from optfarm_tasks.quality import collapse, detections, labels, pairing
from optfarm_tasks.quality.agreement import Agreement
from optfarm_tasks.quality.detections import Detections
from optfarm_tasks.quality.loss_interval import ConfidenceInterval
from optfarm_tasks.quality.matches import Matches
from optfarm_tasks.quality.prediction import Outputs
from optfarm_tasks.quality.score import Scored, Scoring
from optfarm_tasks.schema.result import Quality

NOT_KNOWN = "nmse is not known"
_TINY = 1e-300


@dataclass
class Comparison:
    """What is known of a candidate after some batches."""

    agreements: dict[str, Agreement] = field(default_factory=dict)
    """Outputs of real numbers."""
    matches: dict[str, Matches] = field(default_factory=dict)
    """Outputs of whole numbers."""
    scoring: Scoring | None = None
    warnings: list[str] = field(default_factory=list)
    detections: Detections | None = None

    def add(self, baseline: Outputs, candidate: Outputs, truth: NDArray[Any] | None, *, samples: int) -> None:
        """Takes the outputs of some samples, and their labels if there are any.

        Raises:
            BadModel: the two give different outputs.
            BadData: the labels fit no output.
        """
        baseline, candidate = self._without_detections(baseline, candidate, samples=samples)
        if self.detections and not baseline:
            if truth is not None:
                raise BadData(f"labels are not compared with detections; leave {data.TEST}/labels out")
            return
        pairs = pairing.paired(baseline, candidate)
        self.warnings.extend(pairs.warnings)
        for name, (theirs, ours) in pairs.numbers.items():
            self._compare(name, theirs, ours)
        if truth is not None:
            self._score(pairs, truth)

    def quality(self, truth: NDArray[Any] | None, *, samples: int) -> Quality:
        """The figures of everything added, and whether the candidate collapsed."""
        scored = self._scored(truth)
        reason = collapse.reason(self.agreements, scored)
        compared = list(self.agreements.values())
        known = bool(compared) and all(each.not_finite == 0 for each in compared)
        worst = _worst(self.agreements) if known else None
        interval = worst.interval if worst else ConfidenceInterval(None, NOT_KNOWN)
        values = sum(each.values for each in compared)
        return Quality(
            samples=samples,
            mse=sum(each.squares for each in compared) / max(values, 1) if known else None,
            nmse=worst.nmse if worst else None,
            nmse_ci95=interval.ci95,
            nmse_ci95_reason=interval.reason,
            max_abs_difference=max(each.max_abs for each in compared) if known else None,
            cosine=cosine(self.agreements) if known else None,
            scores=tuple(each.score for each in scored),
            collapsed=reason is not None,
            collapse_reason=reason,
            warnings=tuple(dict.fromkeys([*self.warnings, *self._remarks()])),
        )

    @property
    def largest_difference(self) -> float:
        """The NMSE of the worst output, or the share that differs of the worst one of whole numbers."""
        real = (
            each.squares / max(each.spread, each.baseline_squares * 1e-12, _TINY) for each in self.agreements.values()
        )
        return max((*real, *(1 - each.share for each in self.matches.values())), default=0.0)

    def _compare(self, name: str, theirs: NDArray[Any], ours: NDArray[Any]) -> None:
        if theirs.dtype.kind == "f":
            self.agreements.setdefault(name, Agreement()).add(theirs, ours)
        else:
            self.matches.setdefault(name, Matches()).add(theirs, ours)

    def _score(self, pairs: pairing.Pairs, truth: NDArray[Any]) -> None:
        if self.scoring is None:
            self.scoring = labels.scoring_for(truth, {name: theirs for name, (theirs, _) in pairs.numbers.items()})
            self.warnings.extend(self.scoring.warnings)
        self.scoring.add(truth, *pairs.numbers[self.scoring.output])

    def _scored(self, truth: NDArray[Any] | None) -> tuple[Scored, ...]:
        """Scores against labels, of detections, and of whole numbers where nothing else is compared."""
        scored = self.scoring.scored(truth) if self.scoring is not None and truth is not None else ()
        scored += self.detections.scored() if self.detections is not None else ()
        if not scored and not self.agreements and self.matches:
            scored = (min((each.scored() for each in self.matches.values()), key=lambda each: each.score.value),)
        return scored

    def _without_detections(self, baseline: Outputs, candidate: Outputs, *, samples: int) -> tuple[Outputs, Outputs]:
        """What is compared value by value; a detection set is compared here, by matching."""
        names = detections.names_of(baseline, samples=samples)
        if names is None:
            return baseline, candidate
        candidate, warnings = pairing.aligned(baseline, candidate)
        if detections.names_of(candidate, samples=samples) is None:
            raise BadModel(
                f"the candidate gives no detections as the baseline does: {pairing.shapes(baseline, candidate)}"
            )
        self.warnings.extend(warnings)
        self.detections = self.detections or Detections()
        for theirs, ours in zip(names.sets(baseline), names.sets(candidate), strict=True):
            self.detections.add(theirs, ours)
        rest = {name for name, array in baseline.items() if array.dtype.kind in "biuf"} - names.all
        return _only(rest, baseline), _only(rest, candidate)

    def _remarks(self) -> Iterator[str]:
        for name, each in self.agreements.items():
            if each.skipped:
                yield f"{each.skipped} values of {name} are not finite in the baseline itself; they are left out"
            if each.nmse is None and not each.not_finite:
                yield f"{name} is constant in the baseline; it differs by up to {each.max_abs:.3g} and has no nmse"
        for name, match in self.matches.items():
            yield f"{name} holds whole numbers, of which {match.share:.4g} agree"
        known = {name: each.nmse for name, each in self.agreements.items() if each.nmse is not None}
        if len(known) > 1:
            worst = max(known, key=lambda name: known[name] or 0)
            yield f"nmse is that of {worst}, the worst of {len(self.agreements)} outputs"
        yield from self.detections.warnings if self.detections else ()


def cosine(agreements: dict[str, Agreement]) -> float | None:
    """The cosine of the angle between all of the baseline's outputs and the candidate's; None if either is zero."""
    dot, left, right = (
        sum(getattr(each, part) for each in agreements.values())
        for part in ("dot", "baseline_squares", "candidate_squares")
    )
    return float(dot / np.sqrt(left) / np.sqrt(right)) if left and right else None


def _worst(agreements: dict[str, Agreement]) -> Agreement | None:
    """The output whose nmse is largest, of those that have one."""
    known = [(each.nmse, each) for each in agreements.values() if each.nmse is not None]
    return max(known, key=lambda pair: pair[0])[1] if known else None


def _only(names: Set[str], outputs: Outputs) -> Outputs:
    return {name: array for name, array in outputs.items() if name in names}
