"""PyTorch: runs an exported program (.pt2) on the CPU, op by op or compiled, as its file says."""

import contextlib
import shutil
from collections.abc import Iterator
from functools import cached_property
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
        self.signature = described.signature
        self._plain, self._running = program.module(), running
        self._caller = Caller(program, ends)
        self._state = calling.state_of(self._plain, described.state)
        self._module = self._plain
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._arguments: Any = None

    @cached_property
    def precision(self) -> str:
        """The types in which the layers of a request computed that was watched, or of the code that was compiled.

        Raises:
            BadModel: it does not run.
        """
        if self._arguments is None:
            self.feed(blank(self.signature))
        with self._computing():
            found = precision.of_call(self._module, self._arguments, is_compiled=self._running.compile is not None)
        self.reset()
        return found

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
            with self._computing():
                return self._module(*args, **kwargs)
        except Exception as error:
            raise blamed(error, BadModel, "PyTorch cannot run the model") from error

    def outputs(self, raw: Any) -> dict[str, NDArray[np.generic]]:
        """The arrays by output name; bfloat16, which NumPy has not, as float32."""
        return {name: precision.array_of(tensor) for name, tensor in self._caller.named(raw).items()}

    def reset(self) -> None:
        """Sets the buffers that a call changes to what the file has."""
        calling.set_state(self._plain, self._state)

    def exact(self) -> None:
        """Nothing: PyTorch asks for weights of 7 bits where its kernels overflow."""

    @contextlib.contextmanager
    def _computing(self) -> Iterator[None]:
        import torch

        kind = self._running.autocast
        with torch.no_grad(), torch.autocast("cpu", getattr(torch, kind or "bfloat16"), enabled=kind is not None):
            yield

    def _specialise(self) -> None:
        """Drops what was compiled for other shapes: PyTorch compiles for the first ones that come."""
        if self._running.compile is None:
            return
        import torch
        import torch._inductor.config

        torch.compiler.reset()
        # Without it weights are read anew at each request, and nothing that is quantised runs in integers.
        torch._inductor.config.freezing = True  # noqa: SLF001 (the documented switch has no other place)
        self._module = torch.compile(self._plain, mode=self._running.compile, dynamic=False, fullgraph=True)


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
