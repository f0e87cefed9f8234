"""The model as it is, which every variant is compared with.

A SavedModel, a frozen graph (.pb), a .tflite, an .onnx, a .pt2 or an OpenVINO model is taken file by file. A Keras file
is exported to a SavedModel with the same input names, so that it runs without Keras; the numbers do not change.

When it helps: always; a sweep adds it by itself. As the first step of a recipe it turns a Keras file into a SavedModel.

Traps: each format runs in its own runtime, a .tflite in LiteRT, a SavedModel in TensorFlow. A speed-up from one to
another is that of the runtime and the technique together; `tflite-float32`, `onnx` or `openvino` beside it shows them
apart.
"""

import importlib.util
import shutil

from optfarm_tasks import formats
from optfarm_tasks.description import KERAS_FORMATS, Format
from optfarm_tasks.frameworks.keras import as_saved_model
from optfarm_tasks.frameworks.onnx import conversion
from optfarm_tasks.technique import Card, Done, Params, Work

YIELDS = {
    Format.SAVED_MODEL: Format.SAVED_MODEL,
    Format.TFLITE: Format.TFLITE,
    Format.FROZEN_GRAPH: Format.FROZEN_GRAPH,
    Format.ONNX: Format.ONNX,
    Format.OPENVINO: Format.OPENVINO,
    Format.PT2: Format.PT2,
    Format.KERAS: Format.SAVED_MODEL,
    Format.H5: Format.SAVED_MODEL,
}
CARD = Card(accepts=frozenset(YIELDS), yields=YIELDS, tolerance_nmse=1e-10)
PARAMS = Params


def run(work: Work, _: Params) -> Done:
    """Copies or exports the model.

    Raises:
        BadModel: it cannot be exported; or it is an ONNX model that the runtime of this toolchain does not load.
        UnsupportedOp: that runtime has no kernel for an op.
    """
    if work.format in KERAS_FORMATS:
        work.on_progress("exporting", 0.1)
        as_saved_model.export(work.model, work.output)
        return Done()
    if work.format is Format.ONNX and importlib.util.find_spec("onnxruntime"):
        # Else each evaluation and each benchmark would find it out anew.
        conversion.refuse_unloadable(formats.file_of(work.model), "ONNX Runtime cannot load the model")
    shutil.copytree(work.model, work.output, dirs_exist_ok=True)
    return Done()
