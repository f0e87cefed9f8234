"""What is run on every model of the zoo, and how near its outputs have to stay."""

import re
from dataclasses import dataclass
from enum import StrEnum

from optfarm_tasks import registry


class Kind(StrEnum):
    """What a recipe may do to the numbers."""

    EXACT = "exact"
    HALF = "half"
    INT8 = "int8"
    TRAINED = "trained"
    CHANGED = "changed"
    """It computes something else by design: images of another size, fewer layers."""


TOLERANCE = {Kind.EXACT: 1e-6, Kind.HALF: 1e-2, Kind.INT8: 0.15}
"""Kind → the largest mean square error over variance; the others have finite outputs to give."""
AGREEMENT = {Kind.EXACT: 0.999, Kind.HALF: 0.9, Kind.INT8: 0.7}
"""Kind → the smallest share of whole numbers that stay the same."""

_HALF = {"amp", "mixed-precision", "onnx-float16", "openvino-bfloat16", "openvino-float16", "tflite-float16"}
_ELSEWHERE = ("tensorrt", "tftrt", "torch-")
"""Begin the techniques that take what this zoo has none of, or make what runs on a GPU alone."""
_INT8 = {
    "onnx-dynamic", "onnx-int8", "openvino-compress-weights", "openvino-int8", "openvino-int8-accuracy",
    "quantize-weights", "tflite-dynamic-range", "tflite-int16x8", "tflite-int8", "tflite-int8-float",
}  # fmt: skip
_CHANGED = {"resize-input", "truncate"}
TRAINED = {name for name in registry.technique_names() if registry.technique(name).CARD.needs_training_data}
_SETTINGS = {
    "place-ops": "match=MatMul",
    "resize-input": "height=16, width=16",
    **dict.fromkeys(TRAINED, "epochs=1, min_weights=256"),
    "prune-units": "epochs=1",
    "qat": "epochs=1",
}
_CHAINS = {
    "freeze -> tflite-float32": Kind.EXACT,
    "tflite-float32 -> onnx": Kind.EXACT,
    "tflite-float32 -> openvino": Kind.EXACT,
    "onnx -> openvino": Kind.EXACT,
    "fixed-batch(batch=1) -> tflite-float32": Kind.EXACT,
    "onnx-dynamic(ops=all)": Kind.INT8,
    "qat(epochs=1) -> tflite-int8": Kind.TRAINED,
}


@dataclass(frozen=True)
class ZooRecipe:
    """A recipe, and what it may do."""

    text: str
    kind: Kind

    @property
    def quantises(self) -> bool:
        """Whether numbers that stay exactly as they were show that nothing was done."""
        return self.kind in (Kind.HALF, Kind.INT8)


def _kind(name: str) -> Kind:
    kinds = {Kind.HALF: _HALF, Kind.INT8: _INT8, Kind.TRAINED: TRAINED, Kind.CHANGED: _CHANGED}
    return next((kind for kind, names in kinds.items() if name in names), Kind.EXACT)


def _text(name: str) -> str:
    return f"{name}({_SETTINGS[name]})" if name in _SETTINGS else name


RECIPES = {
    each.text: each
    for each in (
        *(
            ZooRecipe(_text(name), _kind(name))
            for name in registry.technique_names()
            if not name.startswith(_ELSEWHERE)
        ),
        *(ZooRecipe(text, kind) for text, kind in _CHAINS.items()),
    )
}
"""Text → recipe: every technique, and some chains."""

_OF_KERAS = {"baseline", "cluster", "mixed-precision", "prune", "qat", "truncate"}
"""One technique for each way in which a Keras file is read; the others follow one of these."""


def recipes_of(tags: frozenset[str]) -> tuple[str, ...]:
    """What is run on a model: everything; on one that was recorded, what depends on the Keras that saved it."""
    is_recorded = "recorded" in tags
    return tuple(text for text in RECIPES if not is_recorded or re.split(r"[( ]", text)[0] in _OF_KERAS)


QUICK = (
    "baseline", "fixed-batch", "fold-batch-norms", "freeze", "freeze-pb", "grappler", "onnx", "openvino",
    "quantize-weights", "tflite-float32",
)  # fmt: skip
"""What the tests run, of all of these; `make zoo` runs them all."""
