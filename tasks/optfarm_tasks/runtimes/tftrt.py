"""TF-TRT: runs a SavedModel with TensorRT engines on a GPU, and beside it the original in the same TensorFlow."""

import os
from pathlib import Path

from optfarm_tasks import formats
from optfarm_tasks.description import Format
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats import tftrt
from optfarm_tasks.formats.tftrt import Built
from optfarm_tasks.frameworks.imports import require
from optfarm_tasks.frameworks.tensorflow import gpu
from optfarm_tasks.frameworks.tensorflow.gpu import Gpu
from optfarm_tasks.frameworks.tftrt import conversion, library, precision
from optfarm_tasks.runtime import check_device
from optfarm_tasks.runtimes import tensorflow
from optfarm_tasks.schema.device import CPU, DeviceKind, DeviceSpec

FORMATS = frozenset({Format.TFTRT, Format.SAVED_MODEL, Format.FROZEN_GRAPH})
MODULES = conversion.MODULES
DISTRIBUTIONS = conversion.DISTRIBUTIONS
DEVICES = frozenset({DeviceKind.GPU})
INSTRUCTION_SETS: frozenset[str] = frozenset()

_USER = "the tftrt runtime"
_FALLS_BACK = "TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION"
"""Else TensorFlow computes a segment itself, without a word, where an engine does not suit the GPU or the shapes."""


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> tensorflow.Model:
    """Loads a model onto the GPU of this process; engines only onto one of the kind that they were made for.

    Raises:
        BadModel: TensorFlow cannot load it, or its engines are for another GPU or TensorRT.
        BadParameter: the device is no GPU.
        MissingToolchain: TensorFlow, TensorRT or the GPU is not here.
    """
    check_device(device, DEVICES, user=_USER)
    require(MODULES, user=_USER)
    here = gpu.here(user=_USER)
    described = formats.describe(model)
    tensorflow.set_threads(threads)
    if described.format is not Format.TFTRT:
        return tensorflow.loaded(model, described)
    os.environ[_FALLS_BACK] = "0"
    refuse_others(tftrt.built(model), here, version=library.loaded_version(user=_USER))
    session = tensorflow.loaded(model, described)
    session.signature = session.signature.model_copy(update={"inputs": described.signature.inputs})
    session.precision = precision.read_back(model)
    return session


def refuse_others(built: Built | None, here: Gpu, *, version: str) -> None:
    """Passes when engines suit what is here; else TensorFlow would compute their segments itself, without a word.

    Raises:
        BadModel: they do not.
    """
    if built is None or not built.ahead:
        return
    made = built.gpu, built.compute_capability, built.tensorrt
    if made != (there := (here.name, here.compute_capability, version)):
        raise BadModel(
            f"the engines were built for {_told(*made)}, and here is {_told(*there)}: convert the model there, or "
            f"have engines built by the first request (build=first-request)"
        )


def ends(model: Path) -> tuple[str, ...]:
    """The nodes of the outermost graph that nothing takes."""
    return tensorflow.ends(model)


def _told(gpu_name: str, capability: str, version: str) -> str:
    return f"{gpu_name} (compute capability {capability}) with TensorRT {version}"
