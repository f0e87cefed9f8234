"""Says of a variant that the processor's kernels for integers overflow, and what it is worth where they do not."""

from optfarm_tasks.schema.result import Quality

_NOTABLE = 1.1
"""Rounding in another order changes an error by some percent."""


def explained(here: Quality, exact: Quality) -> Quality:
    """The quality as it was scored here, with its cause and with what kernels that cannot overflow give.

    Args:
        here: by the kernels that the runtime chooses on this processor.
        exact: of the same artifact on the same samples, by kernels that cannot overflow.
    """
    found = here.model_copy(update={"exact_nmse": exact.nmse})
    if not _is_worse(here, exact):
        return found
    cause = "the integer kernels of this processor overflow, for it has no instruction that sums bytes in 32 bits"
    values = f"NMSE {_text(here.nmse)} here, {_text(exact.nmse)} where they do not"
    reason = (
        f"{cause}; the artifact itself is sound" if here.collapsed and not exact.collapsed else here.collapse_reason
    )
    return found.model_copy(update={"warnings": (f"{cause}: {values}", *here.warnings), "collapse_reason": reason})


def _is_worse(here: Quality, exact: Quality) -> bool:
    if here.collapsed != exact.collapsed or here.nmse is None or exact.nmse is None:
        return here.collapsed
    return here.nmse > _NOTABLE * exact.nmse


def _text(nmse: float | None) -> str:
    return "not known" if nmse is None else f"{nmse:.3g}"
