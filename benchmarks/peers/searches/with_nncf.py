"""NNCF on OpenVINO: post-training int8 in its presets and with accuracy control; run in an environment of its own."""
# ruff: noqa: TID253 (this program is the only one in its environment)

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import nncf
import openvino
from labelled import Job, job, report

DID = (
    "Python API: `nncf.quantize` with the presets mixed and performance, with fast and accurate bias correction; "
    "`nncf.quantize_with_accuracy_control`; `nncf.compress_weights` to int8. The batch is fixed to 1; what stays float "
    "is computed in float32 and, in a second artifact, in bfloat16, OpenVINO's own default where the processor has it"
)
PRECISION_PATH = ["optfarm", "inference_precision"]
"""Where the farm's runtime looks up in which type to compute what is not integer."""


def main() -> None:
    """Leaves artifacts for each setting that NNCF can make."""
    given = job()
    failed: dict[str, str] = {}
    for label, quantise in ways(given).items():
        try:
            save(quantise(openvino.Core().read_model(given.model)), given, label)
        except Exception as error:  # noqa: BLE001 (whatever NNCF raises belongs into the table)
            failed[label] = f"{type(error).__name__}: {error}".splitlines()[0]
    report(given.found, did=DID, distributions=("nncf", "openvino"), failed=failed)


def ways(given: Job) -> dict[str, Callable[[Any], Any]]:
    """Label → what makes an optimised model of a model."""
    frames = nncf.Dataset(given.calibration, lambda frame: frame[None])
    quantise = partial(nncf.quantize, calibration_dataset=frames, subset_size=len(given.calibration))
    presets = nncf.QuantizationPreset
    return {
        "mixed": partial(quantise, preset=presets.MIXED),
        "performance": partial(quantise, preset=presets.PERFORMANCE),
        "performance-accurate-bias": partial(quantise, preset=presets.PERFORMANCE, fast_bias_correction=False),
        "accuracy-control": partial(controlled, given=given, frames=frames),
        "int8-weights": nncf.compress_weights,
    }


def controlled(model: Any, *, given: Job, frames: Any) -> Any:
    """Int8 but for the layers that NNCF finds to cost too much: its error rises by no more than the loss allowed."""

    def score(compiled: Any, _: Iterable[Any]) -> float:
        return -given.mse(lambda images: compiled(images)[0])

    allowed = -given.max_loss * score(openvino.compile_model(model, "CPU"), ())
    return nncf.quantize_with_accuracy_control(
        model,
        calibration_dataset=frames,
        validation_dataset=frames,
        validation_fn=score,
        max_drop=allowed,
        drop_type=nncf.DropType.ABSOLUTE,
        preset=nncf.QuantizationPreset.PERFORMANCE,
        subset_size=len(given.calibration),
    )


def save(model: Any, given: Job, label: str) -> None:
    """Two artifacts of batch 1: what stays float is computed in float32 in one, in bfloat16 in the other."""
    model.reshape([1, *given.images.shape[1:]])
    for precision in ("float32", "bfloat16"):
        model.set_rt_info(precision, PRECISION_PATH)
        place = given.place(f"{label}-{precision}")
        openvino.save_model(model, place / "model.xml", compress_to_fp16=False)


if __name__ == "__main__":
    main()
