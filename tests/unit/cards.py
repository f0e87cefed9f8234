"""Technique cards made by hand, for tests of what reads them."""

from typing import Any

from optfarm_tasks.description import Format
from optfarm_tasks.schema.technique_card import Bounds, Parameter, TechniqueCard

SAVED, H5, TFLITE, ONNX, CODED = Format.SAVED_MODEL, Format.H5, Format.TFLITE, Format.ONNX, Format.CODED


def card(name: str, converts: dict[Format, Format], *parameters: Parameter) -> TechniqueCard:
    """A technique that does nothing but convert."""
    return TechniqueCard(
        name=name,
        summary=name,
        description=name,
        accepts=tuple(converts),
        yields=tuple(converts.values()),
        converts=converts,
        needs_calibration=False,
        needs_gpu=False,
        modules=(),
        parameters=parameters,
    )


def parameter(name: str, *, bounds: tuple[float | None, float | None] | None = None, **other: Any) -> Parameter:
    """A parameter; a number in closed bounds unless told otherwise."""
    values: dict[str, Any] = {
        "name": name,
        "type": "number",
        "default": None,
        "description": name,
        "range": "",
        "bounds": None if bounds is None else Bounds(lower=bounds[0], upper=bounds[1]),
    }
    return Parameter(**(values | other))


PRUNE = card(
    "prune",
    {H5: H5},
    parameter("sparsity", default=0.5, bounds=(0, 1)),
    parameter("learning_rate", default=1e-3, bounds=(1e-6, 1)),
    parameter("epochs", default=2, type="integer", bounds=(1, 1000)),
)
FOLD = card(
    "fold", {SAVED: SAVED, H5: SAVED}, parameter("is_deep", type="boolean", default=True, choices=(False, True))
)
LITE = card("lite", {SAVED: TFLITE, H5: TFLITE}, parameter("kind", type="string", default="a", choices=("a", "b")))
ZIP = card("zip", {TFLITE: CODED})
PLACE = card("place", {SAVED: SAVED, H5: SAVED}, parameter("match", type="string", is_required=True))
CARDS = (PRUNE, FOLD, LITE, ZIP, PLACE)
