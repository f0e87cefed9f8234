"""What the clock of a device says beside the host's: the time of kernels and copies, and the ratio by kernels alone."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.benchmark.analysis import stats
from optfarm_tasks.benchmark.analysis.pairs import BASELINE, CANDIDATE, Side
from optfarm_tasks.benchmark.analysis.raw import CLOCKS
from optfarm_tasks.benchmark.analysis.stats import Estimator, Samples
from optfarm_tasks.schema.measurement import DeviceClock, Ratio

_NONE = -1


def columns_of(table: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """The columns of a block's table (3, N) or (6, N)."""
    rows = table[3:] if len(table) > 3 else np.full((len(CLOCKS), table.shape[1]), _NONE)  # noqa: PLR2004 (see Timed)
    return dict(zip(CLOCKS, rows, strict=True))


def of_variant(columns: Mapping[str, NDArray[Any]], side: Side) -> DeviceClock | None:
    """The medians of one variant's kept requests; None where its device has no clock."""
    if CLOCKS[0] not in columns:
        return None
    own = ~columns["dropped"] & (columns["side"] == side)
    enqueued, computed, copied = (columns[name][own] for name in CLOCKS)
    if (enqueued < 0).any():
        return None
    explained = (computed + copied) / columns["wall_ns"][own]
    return DeviceClock(
        enqueue_p50_ns=stats.nearest_rank(enqueued, 0.50),
        compute_p50_ns=stats.nearest_rank(computed, 0.50),
        copies_p50_ns=stats.nearest_rank(copied, 0.50),
        explained=float(np.median(explained)),
        ratio=None,
    )


def ratio_of(columns: Mapping[str, NDArray[Any]], samples: Samples, *, batch_sizes: tuple[int, int]) -> Ratio | None:
    """The paired ratio by kernels alone; None unless both variants' devices have a clock, and kernels that took time.

    Args:
        columns: those of raw.npz.
        samples: the kept requests of both variants.
        batch_sizes: of the baseline and of the candidate.
    """
    clocks = [of_variant(columns, side) for side in (BASELINE, CANDIDATE)]
    if any(clock is None or not clock.compute_p50_ns for clock in clocks):
        return None
    computed = replace(samples, wall_ns=columns["compute_ns"][~columns["dropped"]].astype(np.int64))
    ratios = stats.pair_ratios(computed, Estimator.P50, batch_sizes=batch_sizes)
    interval = stats.t_interval([math.log(value) for value in ratios])
    return Ratio(value=stats.ratio(ratios), ci95=interval and interval.exponential, pairs=len(ratios))
