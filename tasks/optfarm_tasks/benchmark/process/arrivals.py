"""Draws when the queries of a Poisson process arrive."""

import numpy as np
from numpy.typing import NDArray


def arrivals_ns(count: int, rate_per_s: float, *, seed: int) -> NDArray[np.int64]:
    """Nanoseconds from the start to each arrival (count,), in order; the gaps are exponential with mean 1/rate.

    Equal seeds draw the same gaps but for the rate: at twice the rate each query comes after half the time. So a query
    waits no shorter at a higher rate, and rates can be compared by the same queries.
    """
    gaps = np.random.default_rng(seed).standard_exponential(count)
    return np.rint(np.cumsum(gaps) * (1e9 / rate_per_s)).astype(np.int64)
