"""How far one output of a candidate is from the baseline's, gathered batch by batch in bounded memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.quality import loss_interval
from optfarm_tasks.quality.loss_interval import ConfidenceInterval

Numbers = NDArray[np.float64]


class Spread:
    """Sum of squares around the mean, by the pairwise update of Chan, Golub and LeVeque (1979)."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self.count = 0
        self._mean: Any = 0.0
        self._squares: Any = 0.0

    def add(self, rows: Numbers) -> None:
        """Takes rows (N, W); each of the W columns has a mean of its own."""
        count = len(rows)
        if not count:
            return
        mean = rows.mean(axis=0)
        apart = mean - self._mean
        total = self.count + count
        self._squares = self._squares + ((rows - mean) ** 2).sum(axis=0) + apart**2 * (self.count * count / total)
        self._mean = self._mean + apart * (count / total)
        self.count = total

    @property
    def squares(self) -> float:
        """The sum over all columns."""
        return float(np.sum(self._squares))


class Agreement:
    """Sums over all values of one output."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self.values = 0
        self.not_finite = 0
        """The candidate's values that are not finite where the baseline's are."""
        self.skipped = 0
        """The baseline's own values that are not finite."""
        self.squares = 0.0
        """Sum of the squared differences."""
        self.max_abs = 0.0
        self.dot = 0.0
        self.baseline_squares = 0.0
        self.candidate_squares = 0.0
        self._columns = Spread()
        self._all = Spread()
        self._widths: set[int] = set()
        self._sample_squares: list[Numbers] = []

    def add(self, baseline: NDArray[Any], candidate: NDArray[Any]) -> None:
        """Takes a batch of both, of one shape (N, …)."""
        theirs, ours = (_rows(array) for array in (baseline, candidate))
        known = np.isfinite(theirs)
        wrong = known & ~np.isfinite(ours)
        self.not_finite += int(wrong.sum())
        self.skipped += int((~known).sum())
        self.values += int(known.sum())
        theirs, ours = np.where(known, theirs, 0.0), np.where(known & ~wrong, ours, 0.0)
        self._sum(theirs, ours)
        self._widths.add(theirs.shape[1])
        self._all.add(theirs.reshape(-1, 1))
        if len(self._widths) == 1:
            self._columns.add(theirs)

    @property
    def spread(self) -> float:
        """The baseline's sum of squares around its mean: that of each element over the samples.

        A predictor that always says the mean would have just this sum of squared differences. Of a single sample,
        or where sizes vary, around the mean of all values.
        """
        by_column = len(self._widths) == 1 and self._columns.count > 1
        return self._columns.squares if by_column else self._all.squares

    @property
    def nmse(self) -> float | None:
        """Mean square difference over the baseline's variance; None if the baseline is constant and they differ."""
        if not self.squares:
            return 0.0
        # What is left of a constant by rounding is no variance.
        has_spread = self.spread > 1e-12 * self.baseline_squares
        return self.squares / self.spread if has_spread else None

    @property
    def interval(self) -> ConfidenceInterval:
        """The 95% interval of nmse over samples, the baseline's variance taken as known."""
        if self.nmse is None:
            return ConfidenceInterval(None, "the baseline's output is constant")
        squares = np.concatenate(self._sample_squares)
        # What never differs needs no variance.
        spread = self.spread if self.squares else 1.0
        found = loss_interval.of_means(np.full(len(squares), spread / len(squares)), squares, seed=0)
        return found if found.ci95 is None else ConfidenceInterval((max(0.0, found.ci95[0] + 1), found.ci95[1] + 1))

    def _sum(self, theirs: Numbers, ours: Numbers) -> None:
        apart = np.abs(ours - theirs)
        self._sample_squares.append((apart**2).sum(axis=1))
        self.squares += float(self._sample_squares[-1].sum())
        self.max_abs = max(self.max_abs, float(apart.max(initial=0.0)))
        self.dot += float((theirs * ours).sum())
        self.baseline_squares += float((theirs**2).sum())
        self.candidate_squares += float((ours**2).sum())


def _rows(array: NDArray[Any]) -> Numbers:
    return array.reshape(len(array), -1).astype(np.float64)
