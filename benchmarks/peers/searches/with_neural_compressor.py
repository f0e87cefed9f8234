"""Neural Compressor on ONNX: its accuracy-aware tuning from several starts; run in an environment of its own."""
# ruff: noqa: TID253 (this program is the only one in its environment)

from collections.abc import Iterator
from typing import Any

import onnx
import onnxruntime
from labelled import BATCH, Floats, Job, job, report
from neural_compressor import quantization
from neural_compressor.config import AccuracyCriterion, PostTrainingQuantConfig, TuningCriterion

MAX_TRIALS = 30
SETTINGS: dict[str, dict[str, Any]] = {
    f"{approach}-{form}": {"approach": approach, "quant_format": form}
    for approach in ("static", "dynamic", "auto")
    for form in ("QOperator", "QDQ")
}
DID = (
    f"Python API: `quantization.fit` with `AccuracyCriterion(relative)` and at most {MAX_TRIALS} trials, for the "
    "approaches static, dynamic and auto, each in the formats QOperator and QDQ"
)


class Batches:
    """Calibration frames as Neural Compressor wants them: batches of an input and a label that nobody reads."""

    batch_size = BATCH

    def __init__(self, frames: Floats) -> None:
        self.frames = frames

    def __iter__(self) -> Iterator[tuple[Floats, int]]:
        for start in range(0, len(self.frames), self.batch_size):
            yield self.frames[start : start + self.batch_size], 0


def main() -> None:
    """Leaves an .onnx for each setting whose tuning met the limit."""
    given = job()
    failed: dict[str, str] = {}
    for label, setting in SETTINGS.items():
        try:
            tuned = quantization.fit(
                str(given.model),
                config(given, setting),
                calib_dataloader=Batches(given.calibration),
                eval_func=lambda model: mse(given, model),
            )
        except Exception as error:  # noqa: BLE001 (whatever it raises belongs into the table)
            failed[label] = f"{type(error).__name__}: {error}".splitlines()[0]
            continue
        if tuned is None:
            failed[label] = f"no setting met the limit in {MAX_TRIALS} trials"
            continue
        onnx.save(tuned.model, given.place(label) / "model.onnx")
    report(given.found, did=DID, distributions=("neural-compressor", "onnx", "onnxruntime"), failed=failed)


def config(given: Job, setting: dict[str, Any]) -> PostTrainingQuantConfig:
    """A tuning that ends with the first setting within the limit, or after the trials allowed."""
    return PostTrainingQuantConfig(
        calibration_sampling_size=[len(given.calibration)],
        accuracy_criterion=AccuracyCriterion(
            higher_is_better=False, criterion="relative", tolerable_loss=given.max_loss
        ),
        tuning_criterion=TuningCriterion(max_trials=MAX_TRIALS, timeout=0),
        **setting,
    )


def mse(given: Job, model: onnx.ModelProto) -> float:
    """The error of a model that Neural Compressor tries."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return given.mse(lambda images: session.run(None, {name: images})[0])


if __name__ == "__main__":
    main()
