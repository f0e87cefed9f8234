"""The shortest recipes that people type with the plain tools: where one works, the farm has no business to refuse."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from optfarm_tasks import formats
from optfarm_tasks.description import Format
from tests.zoo import plain_training
from tests.zoo.entries import Arrays
from tests.zoo.judgement import nmse
from tests.zoo.plain_training import NotTried
from tests.zoo.recipes import RECIPES, TOLERANCE
from tests.zoo.running import Cage

Output = np.ndarray[Any, Any]
Outputs = list[Output]
Recipe = Callable[[Cage, Path], Outputs]
SAMPLES = 16


def is_right(cage: Cage, recipe: str, folder: Path) -> bool:
    """Whether the plain tool makes something of a model whose outputs are near the truth, in whatever order.

    Raises:
        NotTried: there is no plain tool for this.
        Exception: whatever the tool says.
    """
    outputs, limit = PLAIN[recipe](cage, folder), TOLERANCE.get(RECIPES[recipe].kind)
    left = list(outputs)
    for truth in cage.truth.values():
        near = [each for each in left if each.size == truth.size and _is_near(truth, each.reshape(truth.shape), limit)]
        if not near or truth.dtype.kind not in "fiub":
            return False
        left = [each for each in left if each is not near[0]]
    return True


def _is_near(truth: Output, found: Output, limit: float | None) -> bool:
    """Within the limit, or finite where a recipe that trains has none."""
    return bool(np.isfinite(found.astype(np.float64)).all()) if limit is None else nmse(truth, found) <= limit


def _saved_model(cage: Cage, folder: Path) -> Path:
    if cage.description.format is Format.SAVED_MODEL:
        return cage.model
    plain_training.loaded(cage).export(str(folder / "saved"))
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


def _whole(tf: Any, converter: Any) -> None:
    _quantised(tf, converter)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]


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


def _onnx_float16(cage: Cage, folder: Path) -> Outputs:
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    halved = convert_float_to_float16(onnx.load(str(_onnx_file(cage, folder))), keep_io_types=True)
    onnx.save(halved, str(folder / "halved.onnx"))
    return _by_onnxruntime(cage, folder / "halved.onnx")


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


def _openvino_light(cage: Cage, folder: Path) -> Outputs:
    import nncf

    model = _openvino_model(cage, folder)
    before = [node.get_type_name() for node in model.get_ordered_ops()]
    light = nncf.compress_weights(model)
    if [node.get_type_name() for node in light.get_ordered_ops()] == before:
        raise NotTried("it changes nothing")
    return _by_openvino(cage, light)


def _frozen(cage: Cage, folder: Path) -> Outputs:
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    loaded = tf.saved_model.load(str(_saved_model(cage, folder)))
    frozen = convert_variables_to_constants_v2(loaded.signatures["serving_default"])
    names = [each.name.split(":")[0] for each in frozen.inputs]
    given = {name: tf.constant(array) for name, array in _named(cage, names).items()}
    return [np.asarray(each) for each in frozen(*[given[name] for name in names])]


PLAIN: dict[str, Recipe] = {
    "baseline": plain_training.keras_alone,
    "freeze": _frozen,
    "tflite-float32": _tflite(_float),
    "tflite-float16": _tflite(_halved),
    "tflite-dynamic-range": _tflite(_dynamic),
    "tflite-int8": _tflite(_whole),
    "tflite-int8-float": _tflite(_quantised),
    "tflite-int16x8": _tflite(_wide),
    "onnx": _onnx,
    "onnx-float16": _onnx_float16,
    "onnx-dynamic": _onnx_dynamic,
    "onnx-int8": _onnx_int8,
    "openvino": _openvino,
    "openvino-compress-weights": _openvino_light,
    "openvino-int8": _openvino_int8,
    "qat(epochs=1)": plain_training.qat,
    "prune(epochs=1, min_weights=256)": plain_training.prune,
    "cluster(epochs=1, min_weights=256)": plain_training.cluster,
}
"""Recipe of the farm → the plain tool's for the same."""
