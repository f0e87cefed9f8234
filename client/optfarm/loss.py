"""How much quality a variant loses against the baseline, and whether that is within what is allowed."""

import math
from enum import StrEnum

from optfarm.errors import BadRequest
from optfarm_tasks.schema.measurement import Interval
from optfarm_tasks.schema.result import Quality, Score


class Gate(StrEnum):
    """What a gate says of a variant."""

    PASS = "pass"  # noqa: S105 (a verdict)
    FAIL = "fail"
    UNDECIDED = "undecided"
    """The interval holds the limit, or there is none: more samples are needed."""


def loss(quality: Quality) -> float | None:
    """The relative rise of the primary metric; 0 is as good as the baseline, 0.01 is 1% worse, negative is better.

    With labels, the primary metric is the first score, and its change for the worse is divided by the baseline's value:
    an error that rises from 0.040 to 0.044 is a loss of 0.1, an accuracy that falls from 0.80 to 0.76 one of 0.05.
    Without labels it is `nmse`, the mean square difference from the baseline's outputs over their variance.
    None where it is not known.
    """
    if quality.scores:
        return _relative(quality.scores[0])
    return quality.nmse


def loss_ci95(quality: Quality) -> Interval | None:
    """The 95% interval of the loss over samples; None where they are too few."""
    return quality.scores[0].loss_ci95 if quality.scores else quality.nmse_ci95


def why_no_interval(quality: Quality) -> str | None:
    """Why a loss has no interval; None where it has one, or where the result is too old to say."""
    return quality.scores[0].loss_ci95_reason if quality.scores else quality.nmse_ci95_reason


def gate_of(quality: Quality, max_loss: float) -> Gate:
    """Whether a variant surely loses no more than max_loss, surely more, or neither; what collapsed fails."""
    return Gate.FAIL if quality.collapsed else gate(loss_ci95(quality), max_loss)


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


def allowed(text: str) -> float:
    """A largest loss as people write it: 0.5% or 0.005.

    Raises:
        BadRequest: it is no number.
    """
    number, percent, rest = text.strip().partition("%")
    try:
        value = float(number) / (100 if percent else 1)
    except ValueError:
        value = math.nan
    if rest or not math.isfinite(value):
        raise BadRequest(f"--max-loss {text!r} is no number; write 0.5% or 0.005")
    return value


def _relative(score: Score) -> float | None:
    if score.baseline is None:
        return None
    worse = score.baseline - score.value if score.higher_is_better else score.value - score.baseline
    if worse == 0:
        return 0.0
    return worse / abs(score.baseline) if score.baseline else float("inf") * worse
