"""How much quality a variant loses against the baseline, as one number."""

import math

from optfarm.errors import BadRequest
from optfarm.gate import Gate, gate
from optfarm_tasks.schema.measurement import Interval
from optfarm_tasks.schema.result import Quality, Score


def loss(quality: Quality) -> float | None:
    """The relative rise of the primary metric; 0 is as good as the baseline, 0.01 is 1% worse, negative is better.

    With labels, the primary metric is the first score, and its change for the worse is divided by the baseline's value:
    an error that rises from 0.040 to 0.044 is a loss of 0.1, an accuracy that falls from 0.80 to 0.76 one of 0.05.
    Without labels it is `nmse`, the mean square difference from the baseline's outputs over their variance.
    None where it cannot be told.
    """
    if quality.scores:
        return _relative(quality.scores[0])
    return quality.nmse


def loss_ci95(quality: Quality) -> Interval | None:
    """The 95% interval of the loss over samples; None where they are too few to tell."""
    return quality.scores[0].loss_ci95 if quality.scores else quality.nmse_ci95


def why_no_interval(quality: Quality) -> str | None:
    """Why a loss has no interval; None where it has one, or where results are too old to tell."""
    return quality.scores[0].loss_ci95_reason if quality.scores else quality.nmse_ci95_reason


def gate_of(quality: Quality, max_loss: float) -> Gate:
    """Whether a variant surely loses no more than max_loss, surely more, or neither; what collapsed fails."""
    return Gate.FAIL if quality.collapsed else gate(loss_ci95(quality), max_loss)


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
