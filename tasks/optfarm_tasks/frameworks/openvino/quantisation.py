"""Quantises by NNCF, with the rule for the ranges of activations that loses less on the calibration samples.

NNCF's own rule is the mean over samples of each one's extremes. It leaves single outliers out, and clips models that
have few numbers a sample: there the extremes of all samples together are nearer.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from optfarm_tasks.errors import BadModel, UnsupportedOp
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.openvino import conversion, unchanged
from optfarm_tasks.frameworks.openvino.validation import Validation

RULES = ("mean", "extremes")
"""NNCF's own rule first: it stays where both lose the same."""
_UNCORRECTED = "biases are not corrected: NNCF takes one number that is added to a product for a bias of each channel"
Settings = Mapping[str, Any]
"""Arguments of NNCF's quantisations."""


@dataclass(frozen=True)
class Quantised:
    """A model in int8."""

    model: Any
    rule: str
    losses: dict[str, float] = field(default_factory=dict)
    """Rule → NMSE on the calibration samples."""
    corrects_biases: bool = True
    left: tuple[str, ...] = ()
    """What is said of ops that stay in float32."""

    @property
    def notes(self) -> dict[str, Any]:
        """What the result says of it."""
        return {"ranges": self.rule, "nmse_by_ranges": self.losses}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was left out."""
        return (*self.left, *(() if self.corrects_biases else (_UNCORRECTED,)))


def quantise(model: Any, settings: Settings, validation: Validation, *, overflow_fix: str) -> Quantised:
    """The better of the models that the rules make; the one given stays as it is.

    Args:
        model: an openvino.Model.
        settings: see `compression.settings`.
        validation: measures the loss.
        overflow_fix: which layers keep weights in 7 bits.

    Raises:
        BadModel: NNCF cannot quantise it.
        NothingToDo: NNCF quantises none of its ops.
        UnsupportedOp: no sample reaches a branch.
    """
    before = conversion.counts(model)
    with _naming_branches():
        made = {rule: _by(rule, model, settings, overflow_fix=overflow_fix) for rule in RULES}
    after, left = conversion.counts(made[RULES[0]].model), unchanged.kept_float32(before)
    unchanged.refuse_same(before, after, what="quantised", left=left)
    losses = {rule: validation.loss(each.model) for rule, each in made.items()}
    return replace(made[min(RULES, key=lambda rule: losses[rule])], losses=losses, left=left)


@contextmanager
def _naming_branches() -> Iterator[None]:
    """NNCF quantises each branch on what reaches it, and stops where nothing does."""
    try:
        yield
    except BadModel as error:
        if "dataset must not be empty" not in str(error):
            raise
        raise UnsupportedOp(
            "a branch of an If is never taken on the calibration samples, so it has no ranges; add samples that take it"
        ) from error


def advanced(rule: str, *, corrects_biases: bool, overflow_fix: str) -> Any:
    """NNCF's settings for a rule; which layers keep weights in 7 bits is first-layer, all or none."""
    import nncf
    from nncf.quantization.advanced_parameters import OverflowFix
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    ranges = {"activations_range_estimator_params": RangeEstimatorParametersSet.MINMAX} if rule == "extremes" else {}
    fixes = {"first-layer": OverflowFix.FIRST_LAYER, "all": OverflowFix.ENABLE, "none": OverflowFix.DISABLE}
    return nncf.AdvancedQuantizationParameters(
        **ranges, overflow_fix=fixes[overflow_fix], disable_bias_correction=not corrects_biases
    )


def _by(rule: str, model: Any, settings: Settings, *, overflow_fix: str) -> Quantised:
    import nncf

    with blaming(BadModel, "NNCF cannot quantise the model"):
        try:
            parameters = advanced(rule, corrects_biases=True, overflow_fix=overflow_fix)
            return Quantised(nncf.quantize(model.clone(), **settings, advanced_parameters=parameters), rule)
        except ValueError as error:
            # It takes whatever is added to a product for its bias, and cannot store a number for each channel there.
            if "cannot reshape array" not in str(error):
                raise
        parameters = advanced(rule, corrects_biases=False, overflow_fix=overflow_fix)
        made = nncf.quantize(model.clone(), **settings, advanced_parameters=parameters)
        return Quantised(made, rule, corrects_biases=False)
