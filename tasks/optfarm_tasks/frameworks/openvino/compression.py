"""Settings, quiet logging and notes for the techniques that NNCF carries out."""

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from optfarm_tasks.data_sets.calibration import Calibrated, calibration_of
from optfarm_tasks.description import Signature
from optfarm_tasks.frameworks.openvino import conversion, unchanged
from optfarm_tasks.technique import Work

if TYPE_CHECKING:
    from optfarm_tasks.data_sets.calibration import Calibration

MODULES = (*conversion.MODULES, "nncf")
card = partial(conversion.card, modules=MODULES)
"""The card of a technique that NNCF carries out."""
WITHOUT_OVERFLOW = {"overflow_fix": "all"}
"""Weights in 7 bits: their products with bytes fit in 16 bits, two by two."""


class Quantised(Calibrated):
    """Parameters of post-training quantisation."""

    preset: Literal["performance", "mixed"] = Field(
        default="performance",
        description="performance: symmetric activations; mixed: asymmetric ones, for other activations than ReLU",
    )
    overflow_fix: Literal["first-layer", "all", "none"] = Field(
        default="first-layer",
        description="layers whose weights take 7 bits, so that no kernel overflows on CPUs without VNNI or AMX",
    )
    bias_correction: Literal["fast", "full"] = Field(
        default="fast", description="full: layer by layer on the quantised model, slower and often better"
    )


def settings(work: Work, model: Any, signature: Signature, params: Quantised) -> "tuple[Calibration, dict[str, Any]]":
    """The samples, and the arguments that NNCF's quantisations have in common.

    Raises:
        BadData: there is no calibration split, or it does not fit the model.
        UnsupportedOp: the model computes in a type that is not quantised.
    """
    import nncf

    unchanged.refuse_double(model)
    quieten()
    samples = calibration_of(work, signature, params.calibration_samples)
    feeds = list(samples.feeds())
    work.on_progress("calibrating", 0.5)
    return samples, {
        "calibration_dataset": nncf.Dataset(feeds),
        "subset_size": len(feeds),
        "preset": nncf.QuantizationPreset(params.preset),
        "fast_bias_correction": params.bias_correction == "fast",
        "ignored_scope": nncf.IgnoredScope(types=sorted(unchanged.MISCOMPUTED & set(conversion.counts(model)))),
    }


def quieten() -> None:
    """Keeps NNCF from filling the log with hints."""
    import nncf

    nncf.set_log_level(logging.WARNING)


def notes(before: dict[str, int], after: Any) -> dict[str, Any]:
    """Nodes by op before and after; NNCF may change the model that it is given, so the former are counted first."""
    return {"nodes_before": before, "nodes_after": conversion.counts(after)}
