"""An exported program that can be called: op by op or compiled, as its file says."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.data_sets import model_inputs
from optfarm_tasks.description import ModelDescription
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats import pt2
from optfarm_tasks.frameworks.imports import blamed
from optfarm_tasks.frameworks.torch import calling, precision
from optfarm_tasks.frameworks.torch.archive import Running
from optfarm_tasks.frameworks.torch.calling import Caller, Tensors, blank, tensors_of
from optfarm_tasks.runtime import Arrays


class Program:
    """A program's module in the memory of one device, compiled for the shapes that it was fed last if it is to be.

    On a CPU it is a session as it stands.
    """

    def __init__(
        self, program: Any, running: Running, *, described: ModelDescription, ends: pt2.Ends, kind: str = "cpu"
    ) -> None:
        """Takes an ExportedProgram, what its file says of it, and PyTorch's name of the kind of its device."""
        import torch

        self.signature, self.running = described.signature, running
        self._plain = program.module()
        self._caller = Caller(program, ends)
        self._state = calling.state_of(self._plain, described.state)
        self._narrowed = _autocast(running, kind)
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
        if self.running.compile is None:
            with precision.watching() as watched:
                self.run(self._arguments)
            self.reset()
            return precision.of_types(watched, has_tf32=self.running.tf32)
        if not self._codes:
            self.run(self._arguments)
            self.reset()
        return precision.of_code(self._codes, has_tf32=self.running.tf32)

    def feed(self, inputs: Arrays) -> Any:
        """The arguments of a call, which share the memory of the arrays; compiles the program for their shapes."""
        return self.arguments(self.fitted(inputs))

    def fitted(self, inputs: Arrays) -> Tensors:
        """Tensors in the model's types and sizes, which share the memory of the arrays where NumPy has the type."""
        return self._caller.typed(tensors_of(model_inputs.fitted(inputs, self.signature)))

    def arguments(self, tensors: Tensors) -> Any:
        """The arguments of a call; compiles the program for their shapes."""
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        if shapes != self._shapes:
            self._specialise()
        self._shapes = shapes
        self._arguments = self._caller.arguments(tensors)
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
        if self.running.compile is None:
            return
        import torch
        import torch._inductor.config

        torch.compiler.reset()
        # Without it weights are read anew at each request, and nothing that is quantised runs in integers.
        torch._inductor.config.freezing = True  # noqa: SLF001 (the documented switch has no other place)
        compiled = torch.compile(self._plain, mode=self.running.compile, dynamic=False, fullgraph=True)
        self._codes, self._call = [], partial(self._compile, self._narrowed(compiled))

    def _compile(self, compiled: Any, *args: Any, **kwargs: Any) -> Any:
        """The first request, which compiles the program; keeps the code that came of it."""
        from torch._inductor.utils import run_and_get_code

        found, self._codes = run_and_get_code(compiled, *args, **kwargs)
        self._call = compiled
        return found


def _autocast(running: Running, kind: str) -> Callable[[Any], Any]:
    """Has a module compute in a narrower type where that is good enough, if it is to."""
    import torch

    if running.autocast is None:
        return lambda module: module
    # A CUDA graph would keep the addresses of weights that were cast for a call.
    narrowed: Callable[[Any], Any] = torch.autocast(
        kind, getattr(torch, running.autocast), cache_enabled=not running.cuda_graph
    )
    return narrowed
