"""How much quality a variant loses against the baseline, as one number."""

from optfarm_tasks.result import Quality, Score


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


def _relative(score: Score) -> float | None:
    if score.baseline is None:
        return None
    worse = score.baseline - score.value if score.higher_is_better else score.value - score.baseline
    if worse == 0:
        return 0.0
    return worse / abs(score.baseline) if score.baseline else float("inf") * worse
