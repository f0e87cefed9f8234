"""ONNX Runtime on a GPU by TensorRT, which builds engines of what it takes when a file is loaded; CUDA has the rest."""

from pathlib import Path

from optfarm_tasks import instruction_sets
from optfarm_tasks.frameworks.onnx import placement
from optfarm_tasks.runtime import check_device
from optfarm_tasks.runtimes import onnxruntime
from optfarm_tasks.runtimes.onnxruntime import Model, ends
from optfarm_tasks.schema.device import CPU, DeviceKind, DeviceSpec

__all__ = ["BUILT_FOR_CPUS", "DEVICES", "FORMATS", "INSTRUCTION_SETS", "MODULES", "ends", "load"]

FORMATS = onnxruntime.FORMATS
MODULES = onnxruntime.MODULES
DEVICES = frozenset({DeviceKind.GPU})
BUILT_FOR_CPUS = onnxruntime.BUILT_FOR_CPUS
INSTRUCTION_SETS = instruction_sets.REDUCED


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Model:
    """Loads the .onnx of a folder; see `optfarm_tasks.runtimes.onnxruntime.load`."""
    check_device(device, DEVICES, user="the onnxruntime-tensorrt runtime")
    return onnxruntime.loaded(model, threads=threads, providers=placement.providers_of(device, has_tensorrt=True))
