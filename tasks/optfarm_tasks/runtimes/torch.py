"""PyTorch: runs an exported program (.pt2) on a CPU or a GPU, op by op or compiled, as its file says."""

import shutil
from pathlib import Path
from typing import Any

from optfarm_tasks import formats, instruction_sets
from optfarm_tasks.description import Format
from optfarm_tasks.errors import BadParameter, MissingToolchain
from optfarm_tasks.formats import pt2
from optfarm_tasks.frameworks.imports import require
from optfarm_tasks.frameworks.torch import archive, on_gpu
from optfarm_tasks.frameworks.torch.archive import Running
from optfarm_tasks.frameworks.torch.on_gpu import GpuModel
from optfarm_tasks.frameworks.torch.program import Program
from optfarm_tasks.runtime import check_device
from optfarm_tasks.schema.device import CPU, DeviceKind, DeviceSpec

FORMATS = frozenset({Format.PT2})
MODULES = archive.MODULES
DEVICES = frozenset({DeviceKind.CPU, DeviceKind.GPU})
BUILT_FOR_CPUS = ("torch+cpu",)
INSTRUCTION_SETS = instruction_sets.REDUCED

_COMPILERS = ("c++", "g++", "clang++")


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Program | GpuModel:
    """Loads the .pt2 of a folder, with as many threads within an op; 0 leaves their number to PyTorch.

    Raises:
        BadModel: PyTorch refuses it, or it could run code that it brings along.
        BadParameter: the file wants what the device has not.
        MissingToolchain: PyTorch does not import here, or does not reach the GPU; or the program is to be compiled, and
            there is no C++ compiler.
    """
    check_device(device, DEVICES, user="the torch runtime")
    require(MODULES, user="the torch runtime")
    import torch

    if threads:
        torch.set_num_threads(threads)
    program, running = archive.load(model)
    if running.compile is not None and not any(map(shutil.which, _COMPILERS)):
        raise MissingToolchain(f"torch.compile writes C++ and there is none of {', '.join(_COMPILERS)} to compile it")
    loaded: dict[str, Any] = {"described": formats.describe(model), "ends": pt2.ends(formats.file_of(model))}
    if device.kind is DeviceKind.GPU:
        return on_gpu.loaded(program, running, device, **loaded)
    _refuse_cuda(running)
    return Program(program, running, **loaded)


def ends(model: Path) -> tuple[str, ...]:
    """The values of the graph that no node takes."""
    return pt2.graph_outputs(formats.file_of(model))


def _refuse_cuda(running: Running) -> None:
    settings = {"torch-tf32": running.tf32, "torch-cuda-graph": running.cuda_graph}
    wanted = [name for name, is_wanted in settings.items() if is_wanted]
    if wanted:
        raise BadParameter(f"{' and '.join(wanted)} made this for GPUs, and the device is a CPU")
