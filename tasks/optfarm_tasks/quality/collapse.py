"""Decides whether a variant has collapsed: whether its outputs are no better than a constant."""

from collections.abc import Mapping, Sequence

from optfarm_tasks.quality.agreement import Agreement
from optfarm_tasks.quality.score import Scored


def reason(agreements: Mapping[str, Agreement], scored: Sequence[Scored]) -> str | None:
    """Why a variant counts as collapsed; None if it does not.

    Args:
        agreements: output → how far it is from the baseline's.
        scored: scores against labels, the most important first; may be empty.
    """
    for name, agreement in agreements.items():
        said = _of_output(name, agreement)
        if said:
            return said
    return _of_scores(scored)


def _of_output(name: str, agreement: Agreement) -> str | None:
    if agreement.not_finite:
        return f"{agreement.not_finite} of {agreement.values} values of {name} are NaN or infinite"
    nmse = agreement.nmse
    # A baseline that never changes has no variance to explain; then the error is held against its size.
    if nmse is None and 0 < agreement.baseline_squares <= agreement.squares:
        return f"{name} is as far from the baseline's constant as zero would be"
    if nmse is not None and nmse >= 1:
        return f"{name} is no nearer to the baseline's than its mean would be: NMSE {nmse:.3g}"
    return None


def _of_scores(scored: Sequence[Scored]) -> str | None:
    if not scored:
        return None
    first = scored[0]
    if first.is_informative or not first.was_informative:
        return None
    return (
        f"{first.score.name} {first.score.value:.3g} is no better than always giving {first.nothing} "
        f"({first.trivial:.3g}); the baseline has {first.score.baseline:.3g}"
    )
