"""TensorRT and TensorRT-RTX: run an engine on the GPU that it was built for."""

from pathlib import Path
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.description import Format
from optfarm_tasks.errors import BadModel, BadParameter
from optfarm_tasks.formats import tensorrt as engine_format
from optfarm_tasks.formats.tensorrt import Engine
from optfarm_tasks.frameworks.imports import require
from optfarm_tasks.frameworks.tensorrt import device as cuda
from optfarm_tasks.frameworks.tensorrt.library import MODULES as BUILDERS
from optfarm_tasks.frameworks.tensorrt.library import NAMES, Library, library
from optfarm_tasks.frameworks.tensorrt.session import Session
from optfarm_tasks.runtime import check_device
from optfarm_tasks.schema.device import CPU, DeviceKind, DeviceSpec

FORMATS = frozenset({Format.TENSORRT})
MODULES = ("cuda.bindings",)
"""The library that built the engine is wanted besides, in the very version; a plan sees to that."""
DEVICES = frozenset({DeviceKind.GPU})
INSTRUCTION_SETS: frozenset[str] = frozenset()


def load(
    model: Path,
    *,
    threads: int,  # noqa: ARG001 (none work on the host)
    device: DeviceSpec = CPU,
    as_graph: bool = True,
) -> Session:
    """Loads the engine of a folder onto the GPU that this process sees; as a CUDA graph where that was asked for.

    Raises:
        BadModel: its bytes are damaged, or its library refuses it.
        BadParameter: it was built for another GPU, or the device is none.
        MissingToolchain: its library is not here, or is of another version, or there is no GPU.
        OutOfMemory: the GPU has not enough memory.
    """
    check_device(device, DEVICES, user="the tensorrt runtime")
    file = formats.file_of(model)
    read, signature = engine_format.read(file), formats.describe(model).signature
    engine = read.model_copy(update={"uses_cuda_graph": read.uses_cuda_graph and as_graph})
    found = library_of(engine)
    refuse_elsewhere(engine, cuda.gpu())
    return Session(found, engine, _context(found, engine, engine_format.whole(file, engine)), signature)


def library_of(engine: Engine) -> Library:
    """The library that built an engine.

    Raises:
        BadParameter: it is here in another version, which does not run it.
        MissingToolchain: it is not here.
    """
    require([BUILDERS[engine.builder]], user=f"an engine of {NAMES[engine.builder]}")
    found = library(engine.builder)
    if found.trt.__version__ != engine.version:
        raise BadParameter(
            f"the engine was built by {NAMES[engine.builder]} {engine.version}, and here is {found.trt.__version__}; "
            f"no other version runs it: build it anew"
        )
    return found


def refuse_elsewhere(engine: Engine, gpu: cuda.Gpu) -> None:
    """Passes when a GPU is the one that an engine was built for.

    Raises:
        BadParameter: it is another.
    """
    if engine.compute_capability != gpu.compute_capability or engine.gpu_name not in ("", gpu.name):
        wanted = f"{engine.gpu_name or 'GPUs'} of compute capability {engine.compute_capability}"
        raise BadParameter(
            f"the engine was built for {wanted}, and here is {gpu.name} of {gpu.compute_capability}; build it anew"
        )


def ends(model: Path) -> tuple[str, ...]:
    """The outputs: an engine shows nothing of its inside in its files."""
    return tuple(each.name for each in formats.describe(model).signature.outputs)


def _context(found: Library, engine: Engine, data: bytes) -> Any:
    """An execution context; it keeps its engine alive, and that the runtime."""
    loaded = found.trt.Runtime(found.logger).deserialize_cuda_engine(data)
    if loaded is None:
        raise found.failure(BadModel, f"{found.name} cannot load the engine")
    context = loaded.create_execution_context(*_settings(found, engine, loaded))
    if context is None:
        raise found.failure(BadModel, f"{found.name} cannot make the engine ready")
    return context


def _settings(found: Library, engine: Engine, loaded: Any) -> tuple[Any, ...]:
    """How TensorRT-RTX compiles kernels when it meets a shape: at once, for what runs meanwhile is another engine."""
    if found.builder == "tensorrt":
        return ()
    settings = loaded.create_runtime_config()
    settings.dynamic_shapes_kernel_specialization_strategy = found.trt.DynamicShapesKernelSpecializationStrategy.EAGER
    if engine.uses_cuda_graph:
        settings.cuda_graph_strategy = found.trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
    return (settings,)
