"""How often an output of whole numbers is what the baseline gives: a class or an index is right or wrong, not near."""

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.quality import loss_interval
from optfarm_tasks.quality.score import Scored, score_of

_MOST_ANSWERS = 1 << 16
"""So many different numbers are no classes, and always giving one of them would hit next to nothing."""


class Matches:
    """Shares of equal values over all samples of one output."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self._shares: list[NDArray[np.float64]] = []
        self._answers: Counter[int] = Counter()

    def add(self, baseline: NDArray[Any], candidate: NDArray[Any]) -> None:
        """Takes a batch of both, of one shape (N, …)."""
        equal = np.asarray(baseline == candidate).reshape(len(baseline), -1)
        self._shares.append(equal.mean(axis=1) if equal.shape[1] else np.ones(len(equal)))
        if len(self._answers) < _MOST_ANSWERS:
            values, counts = np.unique(baseline, return_counts=True)
            self._answers.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))

    @property
    def share(self) -> float:
        """Of all values, over samples."""
        return float(np.concatenate(self._shares).mean())

    def scored(self) -> Scored:
        """The share as a score; the baseline agrees with itself, and a constant would with its commonest answer."""
        shares = np.concatenate(self._shares)
        interval = loss_interval.of_parts(np.ones(len(shares)), shares)
        score = score_of("agreement", 1.0, self.share, interval, higher_is_better=True)
        commonest = max(self._answers.values(), default=0) / max(sum(self._answers.values()), 1)
        return Scored(score, commonest, "its commonest answer")
