"""Whether a loss of quality is within what is allowed: decided by its interval, never by luck."""

import math
from enum import StrEnum

from optfarm_tasks.schema.measurement import Interval


class Gate(StrEnum):
    """What a gate says of a variant."""

    PASS = "pass"  # noqa: S105 (a verdict)
    FAIL = "fail"
    UNDECIDED = "undecided"
    """The interval holds the limit, or there is none: more samples are needed."""


def gate(interval: Interval | None, max_loss: float) -> Gate:
    """Whether the loss is surely within max_loss, surely beyond it, or neither; 0.01 is 1% worse than the baseline."""
    if interval is None:
        return Gate.UNDECIDED
    low, high = interval
    if high <= max_loss:
        return Gate.PASS
    return Gate.FAIL if low > max_loss else Gate.UNDECIDED


def samples_to_decide(interval: Interval, max_loss: float, *, samples: int) -> int | None:
    """About how many samples would part the interval from max_loss; None when its middle is the limit itself.

    An interval narrows with the square root of the number of samples.
    """
    middle, half = (interval[0] + interval[1]) / 2, (interval[1] - interval[0]) / 2
    apart = abs(max_loss - middle)
    return math.ceil(samples * (half / apart) ** 2) if apart > 0 else None
