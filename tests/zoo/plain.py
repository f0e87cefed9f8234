"""The shortest recipes that people type with the plain tools: where one works, the farm has no business to refuse."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from optfarm_tasks import formats
from optfarm_tasks.description import Format
from tests.zoo.entries import Arrays
from tests.zoo.judgement import nmse
from tests.zoo.recipes import RECIPES, TOLERANCE
from tests.zoo.running import Cage

Outputs = list[np.ndarray[Any, Any]]
Recipe = Callable[[Cage, Path], Outputs]
SAMPLES = 16


class NotTried(Exception):
    """The tool is not meant for models of this format."""


def is_right(cage: Cage, recipe: str, folder: Path) -> bool:
    """Whether the plain tool makes something of a model whose outputs are near the truth, in whatever order.

    Raises:
        NotTried: there is no plain tool for this.
        Exception: whatever the tool says.
    """
    outputs, limit = PLAIN[recipe](cage, folder), TOLERANCE[RECIPES[recipe].kind]
    left = list(outputs)
    for truth in cage.truth.values():
        near = [each for each in left if each.size == truth.size and nmse(truth, each.reshape(truth.shape)) <= limit]
        if not near or truth.dtype.kind not in "fiub":
            return False
        left = [each for each in left if each is not near[0]]
    return True


def _saved_model(cage: Cage, folder: Path) -> Path:
    kind = cage.description.format
    if kind is Format.SAVED_MODEL:
        return cage.model
    if kind not in (Format.KERAS, Format.H5):
        raise NotTried(f"it is {kind}")
    import keras
    import tf_keras

    file = formats.file_of(cage.model)
    try:
        model = keras.models.load_model(file, compile=False, safe_mode=False)
    except Exception:  # noqa: BLE001 (then the other may)
        model = tf_keras.models.load_model(file, compile=False)
    model.export(str(folder / "saved"))
    return folder / "saved"


def _tflite(configure: Callable[[Any, Any], None]) -> Recipe:
    def run(cage: Cage, folder: Path) -> Outputs:
        import tensorflow as tf
        from ai_edge_litert.interpreter import Interpreter

        converter = tf.lite.TFLiteConverter.from_saved_model(str(_saved_model(cage, folder)))
        samples = cage.entry.arrays("calibration")
        converter.representative_dataset = lambda: (
            {name: array[at : at + 1] for name, array in samples.items()} for at in range(SAMPLES)
        )
        configure(tf, converter)
        interpreter = Interpreter(model_content=converter.convert())
        runner = interpreter.get_signature_runner()
        return list(runner(**_named(cage, sorted(runner.get_input_details()))).values())

    return run


def _named(cage: Cage, names: list[str]) -> Arrays:
    arrays = cage.entry.arrays("test")
    return arrays if set(arrays) == set(names) else dict(zip(names, arrays.values(), strict=True))


def _quantised(tf: Any, converter: Any) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]


def _halved(tf: Any, converter: Any) -> None:
    _quantised(tf, converter)
    converter.representative_dataset = None
    converter.target_spec.supported_types = [tf.float16]


def _dynamic(tf: Any, converter: Any) -> None:
    _quantised(tf, converter)
    converter.representative_dataset = None


def _float(tf: Any, converter: Any) -> None:
    del tf
    converter.representative_dataset = None


def _wide(tf: Any, converter: Any) -> None:
    _quantised(tf, converter)
    wide = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    converter.target_spec.supported_ops = [wide]


def _onnx_file(cage: Cage, folder: Path) -> Path:
    kind = cage.description.format
    if kind is Format.ONNX:
        return formats.file_of(cage.model)
    if kind is Format.TFLITE:
        source = ["--tflite", str(formats.file_of(cage.model))]
    else:
        source = ["--saved-model", str(_saved_model(cage, folder))]
    file = folder / "plain.onnx"
    command = [sys.executable, "-m", "tf2onnx.convert", *source, "--output", str(file), "--opset", "17"]
    subprocess.run(command, check=True, capture_output=True)
    return file


def _by_onnxruntime(cage: Cage, file: Path) -> Outputs:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    outputs: Outputs = session.run(None, _named(cage, names))
    return outputs


def _onnx(cage: Cage, folder: Path) -> Outputs:
    return _by_onnxruntime(cage, _onnx_file(cage, folder))


def _onnx_dynamic(cage: Cage, folder: Path) -> Outputs:
    from onnxruntime.quantization import quantize_dynamic

    source = _onnx_file(cage, folder)
    quantize_dynamic(source, folder / "dynamic.onnx")
    return _by_onnxruntime(cage, _changed(source, folder / "dynamic.onnx"))


def _onnx_int8(cage: Cage, folder: Path) -> Outputs:
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    source, samples = _onnx_file(cage, folder), cage.entry.arrays("calibration")

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._rows = iter(range(SAMPLES))

        def get_next(self) -> Any:
            at = next(self._rows, None)
            return None if at is None else {name: array[at : at + 1] for name, array in samples.items()}

    quantize_static(source, folder / "static.onnx", Reader())
    return _by_onnxruntime(cage, _changed(source, folder / "static.onnx"))


def _changed(before: Path, after: Path) -> Path:
    """The quantised file; what the quantiser left as it was is no success."""
    ops = [formats.describe(each).ops for each in (before, after)]
    if ops[0] == ops[1]:
        raise NotTried("it changes nothing")
    return after


def _openvino_model(cage: Cage, folder: Path) -> Any:
    import openvino

    kind = cage.description.format
    is_file = kind in (Format.ONNX, Format.TFLITE, Format.FROZEN_GRAPH)
    return openvino.convert_model(formats.file_of(cage.model) if is_file else _saved_model(cage, folder))


def _by_openvino(cage: Cage, model: Any) -> Outputs:
    import openvino

    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return list(compiled(list(cage.entry.arrays("test").values())).values())


def _openvino(cage: Cage, folder: Path) -> Outputs:
    return _by_openvino(cage, _openvino_model(cage, folder))


def _openvino_int8(cage: Cage, folder: Path) -> Outputs:
    import nncf

    model, samples = _openvino_model(cage, folder), cage.entry.arrays("calibration")
    before = [node.get_type_name() for node in model.get_ordered_ops()]
    rows = [[array[at : at + 1] for array in samples.values()] for at in range(SAMPLES)]
    quantised = nncf.quantize(model, nncf.Dataset(rows))
    if [node.get_type_name() for node in quantised.get_ordered_ops()] == before:
        raise NotTried("it changes nothing")
    return _by_openvino(cage, quantised)


PLAIN: dict[str, Recipe] = {
    "tflite-float32": _tflite(_float),
    "tflite-float16": _tflite(_halved),
    "tflite-dynamic-range": _tflite(_dynamic),
    "tflite-int8-float": _tflite(_quantised),
    "tflite-int16x8": _tflite(_wide),
    "onnx": _onnx,
    "onnx-dynamic": _onnx_dynamic,
    "onnx-int8": _onnx_int8,
    "openvino": _openvino,
    "openvino-int8": _openvino_int8,
}
"""Recipe of the farm → the plain tool's for the same."""
