"""Checks whether an artifact gives the same output for the same input."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.runtime import Session

_REPEATS, _FEWEST = 3, 2
_LONG_NS = 1e9
"""A request that takes longer is repeated no more often than it must."""
_ROUNDING = 1e-4
"""Part of an output's largest value that the order of additions on several threads may change."""


def repeats_of(request_ns: float) -> int:
    """How often an answer is asked for."""
    return _REPEATS if request_ns <= _LONG_NS else _FEWEST


def is_repeated(session: Session, feed: Any, repeats: int) -> bool:
    """Whether one feed, run so many times, gives outputs that differ by no more than rounding."""
    first, *others = (_outputs(session, feed) for _ in range(repeats))
    return all(is_same(first, other) for other in others)


def is_same(left: dict[str, NDArray[Any]], right: dict[str, NDArray[Any]]) -> bool:
    """Whether two sets of outputs agree: numbers up to rounding, everything else exactly."""
    return left.keys() == right.keys() and all(_agree(left[name], right[name]) for name in left)


def _outputs(session: Session, feed: Any) -> dict[str, NDArray[Any]]:
    session.reset()
    return {name: np.array(array) for name, array in session.outputs(session.run(feed)).items()}


def _agree(left: NDArray[Any], right: NDArray[Any]) -> bool:
    if left.shape != right.shape:
        return False
    if left.dtype.kind != "f":
        return bool(np.array_equal(left, right))
    known = np.abs(left[np.isfinite(left)])
    slack = _ROUNDING * float(known.max(initial=0.0))
    return bool(np.allclose(left, right, rtol=0.0, atol=slack, equal_nan=True))
