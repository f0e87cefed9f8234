"""Says which output of a candidate answers to which of the baseline's."""

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
        BadModel: there is no telling which is which, or nothing that can be compared.
    """
    by_name = baseline.keys() == candidate.keys()
    names = {name: name for name in baseline} if by_name else _in_order(baseline, candidate)
    faults = [name for name, other in names.items() if baseline[name].size != candidate[other].size]
    if faults:
        raise BadModel(f"the shapes of {', '.join(faults)} differ: {_both(baseline, candidate)}")
    numbers = {
        name: (baseline[name], candidate[other].reshape(baseline[name].shape))
        for name, other in names.items()
        if baseline[name].dtype.kind in "biuf"
    }
    if not numbers:
        raise BadModel(f"no output holds numbers that can be compared: {_both(baseline, candidate)}")
    warnings = [] if by_name else [f"outputs are matched by their order: {_arrows(names)}"]
    left_out = sorted(baseline.keys() - numbers.keys())
    warnings += [f"{', '.join(left_out)} holds no numbers and is not compared"] if left_out else []
    return Pairs(numbers, tuple(warnings))


def _in_order(baseline: Outputs, candidate: Outputs) -> dict[str, str]:
    shapes = [[array.shape for array in outputs.values()] for outputs in (baseline, candidate)]
    if shapes[0] != shapes[1]:
        raise BadModel(f"the outputs do not answer to the baseline's: {_both(baseline, candidate)}")
    return dict(zip(baseline, candidate, strict=True))


def _both(baseline: Outputs, candidate: Outputs) -> str:
    sides = (
        ", ".join(f"{name} {list(array.shape)}" for name, array in outputs.items()) for outputs in (baseline, candidate)
    )
    return "the baseline gives {}, the candidate {}".format(*sides)


def _arrows(names: dict[str, str]) -> str:
    return ", ".join(f"{theirs} = {ours}" for theirs, ours in names.items())
