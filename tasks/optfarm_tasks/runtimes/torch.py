"""PyTorch: runs an exported program (.pt2) on the CPU, op by op or compiled, as its file says."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks import formats, instruction_sets
from optfarm_tasks.data_sets import model_inputs
from optfarm_tasks.description import Format, ModelDescription
from optfarm_tasks.errors import BadModel, MissingToolchain
from optfarm_tasks.formats import pt2
from optfarm_tasks.frameworks.imports import blamed, require
from optfarm_tasks.frameworks.torch import archive, calling, precision
from optfarm_tasks.frameworks.torch.archive import Running
from optfarm_tasks.frameworks.torch.calling import Caller, blank, tensors_of
from optfarm_tasks.runtime import Arrays, check_device
from optfarm_tasks.schema.device import CPU, DeviceKind, DeviceSpec

FORMATS = frozenset({Format.PT2})
MODULES = archive.MODULES
DEVICES = frozenset({DeviceKind.CPU})
INSTRUCTION_SETS = instruction_sets.REDUCED

_COMPILERS = ("c++", "g++", "clang++")


class Model:
    """A program's module, compiled for the shapes that it was fed last if it is to be."""

    def __init__(self, program: Any, running: Running, *, described: ModelDescription, ends: pt2.Ends) -> None:
        """Takes an ExportedProgram, and what its file says of it."""
        import torch

        self.signature = described.signature
        self._plain, self._running = program.module(), running
        self._caller = Caller(program, ends)
        self._state = calling.state_of(self._plain, described.state)
        self._narrowed = _autocast(running.autocast)
        self._call: Any = self._narrowed(self._plain)
        self._inference = torch.inference_mode
        self._codes: list[str] = []
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._arguments: Any = None

    @property
    def precision(self) -> str:
        """The types in which the layers of a request computed that is watched, or of the code that was compiled.

        Raises:
            BadModel: it does not run.
        """
        if self._arguments is None:
            self.feed(blank(self.signature))
        if self._running.compile is None:
            with precision.watching() as watched:
                self.run(self._arguments)
            self.reset()
            return precision.of_types(watched)
        if not self._codes:
            self.run(self._arguments)
            self.reset()
        return precision.of_code(self._codes)

    def feed(self, inputs: Arrays) -> Any:
        """The arguments of a call; compiles the program for their shapes."""
        arrays = model_inputs.fitted(inputs, self.signature)
        shapes = {name: array.shape for name, array in arrays.items()}
        if shapes != self._shapes:
            self._specialise()
        self._shapes = shapes
        self._arguments = self._caller.arguments(tensors_of(arrays))
        return self._arguments

    def run(self, feed: Any) -> Any:
        """Computes from the arrays as they lie in memory."""
        args, kwargs = feed
        try:
            with self._inference():
                return self._call(*args, **kwargs)
        except Exception as error:
            raise blamed(error, BadModel, "PyTorch cannot run the model") from error

    def outputs(self, raw: Any) -> dict[str, NDArray[np.generic]]:
        """The arrays by output name; bfloat16, which NumPy has not, as float32."""
        return {name: precision.array_of(tensor) for name, tensor in self._caller.named(raw).items()}

    def reset(self) -> None:
        """Sets the buffers that a call changes to what the file has."""
        calling.set_state(self._plain, self._state)

    def exact(self) -> None:
        """Nothing: PyTorch has no other kernels for integers; `torch-int8` keeps weights in 7 bits instead."""

    def _specialise(self) -> None:
        """Has the program compiled for the shapes of the next request, and forgets what was compiled for others."""
        if self._running.compile is None:
            return
        import torch
        import torch._inductor.config

        torch.compiler.reset()
        # Without it weights are read anew at each request, and nothing that is quantised runs in integers.
        torch._inductor.config.freezing = True  # noqa: SLF001 (the documented switch has no other place)
        compiled = torch.compile(self._plain, mode=self._running.compile, dynamic=False, fullgraph=True)
        self._codes, self._call = [], partial(self._compile, self._narrowed(compiled))

    def _compile(self, compiled: Any, *args: Any, **kwargs: Any) -> Any:
        """The first request, which compiles the program; keeps the code that came of it."""
        from torch._inductor.utils import run_and_get_code

        found, self._codes = run_and_get_code(compiled, *args, **kwargs)
        self._call = compiled
        return found


def _autocast(kind: str | None) -> Callable[[Any], Any]:
    """Has a module compute in a narrower type where that is good enough; None changes nothing."""
    import torch

    return torch.autocast("cpu", getattr(torch, kind)) if kind else lambda module: module


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Model:
    """Loads the .pt2 of a folder, with as many threads within an op; 0 leaves their number to PyTorch.

    Raises:
        BadModel: PyTorch refuses it, or it could run code that it brings along.
        MissingToolchain: PyTorch does not import here; or it is to be compiled, and there is no C++ compiler.
    """
    check_device(device, DEVICES, user="the torch runtime")
    require(MODULES, user="the torch runtime")
    import torch

    if threads:
        torch.set_num_threads(threads)
    program, running = archive.load(model)
    if running.compile is not None and not any(map(shutil.which, _COMPILERS)):
        raise MissingToolchain(f"torch.compile writes C++ and there is none of {', '.join(_COMPILERS)} to compile it")
    return Model(program, running, described=formats.describe(model), ends=pt2.ends(formats.file_of(model)))


def ends(model: Path) -> tuple[str, ...]:
    """The values of the graph that no node takes."""
    return pt2.graph_outputs(formats.file_of(model))
