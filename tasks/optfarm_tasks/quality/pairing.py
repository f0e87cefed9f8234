"""Pairs each output of a candidate with the baseline's output that it corresponds to."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from optfarm_tasks.errors import BadModel

Outputs = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Pairs:
    """Outputs that are compared: the baseline's name → its values and the candidate's, of one shape."""

    numbers: dict[str, tuple[NDArray[Any], NDArray[Any]]]
    warnings: tuple[str, ...]


def paired(baseline: Outputs, candidate: Outputs) -> Pairs:
    """Outputs by name or, where a conversion renamed them, by order if their shapes agree.

    Raises:
        BadModel: it cannot be seen which is which, or nothing that can be compared.
    """
    renamed, warnings = aligned(baseline, candidate)
    faults = [name for name in baseline if baseline[name].size != renamed[name].size]
    if faults:
        raise BadModel(f"the shapes of {', '.join(faults)} differ: {shapes(baseline, candidate)}")
    numbers = {
        name: (array, renamed[name].reshape(array.shape))
        for name, array in baseline.items()
        if array.dtype.kind in "biuf"
    }
    if not numbers:
        raise BadModel(f"no output holds numbers that can be compared: {shapes(baseline, candidate)}")
    left_out = sorted(baseline.keys() - numbers.keys())
    skipped = (f"{', '.join(left_out)} holds no numbers and is not compared",) if left_out else ()
    return Pairs(numbers, (*warnings, *skipped))


def aligned(baseline: Outputs, candidate: Outputs) -> tuple[Outputs, tuple[str, ...]]:
    """The candidate's outputs under the baseline's names, and warnings about it.

    Raises:
        BadModel: it cannot be seen which is which.
    """
    if baseline.keys() == candidate.keys():
        return candidate, ()
    names = _in_order(baseline, candidate)
    renamed = {name: candidate[other] for name, other in names.items()}
    arrows = ", ".join(f"{theirs} = {ours}" for theirs, ours in names.items())
    return renamed, (f"outputs are matched by their order: {arrows}",)


def shapes(baseline: Outputs, candidate: Outputs) -> str:
    """The shapes of both, in words."""
    sides = (
        ", ".join(f"{name} {list(array.shape)}" for name, array in outputs.items()) for outputs in (baseline, candidate)
    )
    return "the baseline gives {}, the candidate {}".format(*sides)


def _in_order(baseline: Outputs, candidate: Outputs) -> dict[str, str]:
    theirs, ours = ([array.shape for array in outputs.values()] for outputs in (baseline, candidate))
    if theirs != ours:
        raise BadModel(f"the outputs do not answer to the baseline's: {shapes(baseline, candidate)}")
    return dict(zip(baseline, candidate, strict=True))
