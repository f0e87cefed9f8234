"""Decides whether what came of a recipe on a model is right: done and near the truth, or refused for a true reason."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.errors import Reason
from tests.zoo.entries import Arrays
from tests.zoo.recipes import AGREEMENT, TOLERANCE, Kind, ZooRecipe

_DUMP = re.compile(
    r"\b(?:Attribute|Key|Index|Type|Assertion|NameError|Unbound|NotImplemented|ZeroDivision|Overflow)\w*Error\b|Traceback"
    r"|in user code|ONNXRuntimeError|/tmp/|line \d+, in "
    r"|check error log|Check '|FrontEnd API failed|Exception from|Full object config|0x[0-9a-f]{6}"
)
"""What a framework says where it met what it did not foresee; no reason that people can act on."""
_ROUNDED = 1e-3
_TYPED = {
    Reason.UNSUPPORTED_OP, Reason.BAD_MODEL, Reason.BAD_DATA, Reason.BAD_PARAMETER, Reason.NOTHING_TO_DO,
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What came of one recipe on one model."""

    outputs: Arrays | None = None
    """Of the test samples, where it was done."""
    warnings: tuple[str, ...] = ()
    reason: str = ""
    """The typed reason, where it was refused; "crash" and "hang" where the process ended or did not."""
    message: str = ""
    at_submit: bool = False
    """Whether it was refused before a task was made of it."""


@dataclass(frozen=True)
class Verdict:
    """What is to be said of an outcome."""

    word: str
    """done, refused, or what is wrong: wrong, nothing, internal, crash, hang, vague, nan, unbuilt."""
    detail: str = ""

    @property
    def is_right(self) -> bool:
        """Whether it may stand."""
        return self.word in ("done", "refused")


def judged(outcome: Outcome, truth: Arrays, recipe: ZooRecipe, *, tags: frozenset[str]) -> Verdict:
    """The verdict on an outcome, given what the original gives."""
    if outcome.outputs is None:
        return _refusal(outcome)
    truth = {name: _as_often(array, outcome.outputs.get(name, array)) for name, array in truth.items()}
    misshapen = _misshapen(outcome.outputs, truth, recipe)
    if misshapen is not None:
        return misshapen
    faults = [_fault(name, truth[name], array, recipe, tags) for name, array in sorted(outcome.outputs.items())]
    wrong = [fault for fault in faults if fault is not None]
    if wrong:
        return wrong[0]
    if recipe.quantises and "tiny" not in tags and not outcome.warnings and _is_same(outcome.outputs, truth):
        return Verdict("nothing", "done without a warning, and nothing was done: the outputs are the same bit by bit")
    return Verdict("done", _worst(outcome.outputs, truth, recipe))


def _misshapen(found: Arrays, truth: Arrays, recipe: ZooRecipe) -> Verdict | None:
    """What is wrong with names and shapes of outputs."""
    if set(found) != set(truth):
        return Verdict("wrong", f"gives {', '.join(sorted(found))}, not {', '.join(sorted(truth))}")
    if recipe.kind is Kind.CHANGED:
        return None
    for name, array in truth.items():
        if array.shape != found[name].shape:
            return Verdict("wrong", f"the shape of {name} is {found[name].shape}")
    return None


def _refusal(outcome: Outcome) -> Verdict:
    if outcome.reason in ("crash", "hang", "import"):
        return Verdict(outcome.reason, outcome.message)
    if outcome.reason not in _TYPED:
        return Verdict("internal", f"{outcome.reason}: {outcome.message}")
    if _DUMP.search(outcome.message) and not outcome.at_submit:
        return Verdict("vague", f"{outcome.reason}: {outcome.message}")
    return Verdict("refused", f"{outcome.reason}: {outcome.message}")


def _fault(
    name: str, truth: NDArray[Any], found: NDArray[Any], recipe: ZooRecipe, tags: frozenset[str]
) -> Verdict | None:
    if truth.dtype.kind not in "fc" or "V" in truth.dtype.kind:
        return _disagreement(name, truth, found, recipe)
    numbers = found.astype(np.complex128 if found.dtype.kind == "c" else np.float64)
    if "nan" not in tags and not np.isfinite(numbers).all():
        return Verdict("nan", f"{name} is not finite")
    if recipe.kind not in TOLERANCE:
        return None
    error, limit = nmse(truth, found), TOLERANCE[recipe.kind]
    if error > (max(limit, _ROUNDED) if "rounded" in tags else limit):
        return Verdict("wrong", f"NMSE {error:.2g} of {name}")
    return None


def _as_often(truth: NDArray[Any], found: NDArray[Any]) -> NDArray[Any]:
    """What is one value for all samples, as often as there are calls."""
    return np.repeat(truth, len(found)) if truth.shape == (1,) and found.ndim == 1 else truth


def _disagreement(name: str, truth: NDArray[Any], found: NDArray[Any], recipe: ZooRecipe) -> Verdict | None:
    if recipe.kind not in AGREEMENT or not truth.size:
        return None
    share = float(np.mean(_plain(truth) == _plain(found)))
    return Verdict("wrong", f"{share:.0%} of {name} agree") if share < AGREEMENT[recipe.kind] else None


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind in "OSU":
        return np.array([each.decode() if isinstance(each, bytes) else str(each) for each in array.ravel()])
    return array.ravel().astype(np.float64)


def nmse(truth: NDArray[Any], found: NDArray[Any]) -> float:
    """Mean square error over the variance, where both are finite; values that are finite on one side only count 1."""
    theirs, ours = (array.astype(np.float64).ravel() for array in (truth, found))
    known = np.isfinite(theirs)
    if not known.any():
        return 0.0
    if not np.isfinite(ours[known]).all():
        return float(np.mean(~np.isfinite(ours[known])))
    spread = float(np.var(theirs[known])) or float(np.mean(theirs[known] ** 2)) or 1.0
    return float(np.mean((theirs[known] - ours[known]) ** 2)) / spread


def _is_same(found: Arrays, truth: Arrays) -> bool:
    floats = {name for name, array in truth.items() if array.dtype.kind == "f" and array.size}
    return bool(floats) and all(np.array_equal(found[name], truth[name], equal_nan=True) for name in floats)


def _worst(found: Arrays, truth: Arrays, recipe: ZooRecipe) -> str:
    if recipe.kind is Kind.CHANGED:
        return ""
    errors = [nmse(array, found[name]) for name, array in truth.items() if array.dtype.kind == "f"]
    return f"NMSE {max(errors):.1g}" if errors else ""
