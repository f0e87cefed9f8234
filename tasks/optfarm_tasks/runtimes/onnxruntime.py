"""ONNX Runtime: runs an .onnx with its kernels for CPUs, or by CUDA."""

import contextlib
import json
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks import formats, instruction_sets
from optfarm_tasks.data_sets import model_inputs
from optfarm_tasks.description import Format, Signature
from optfarm_tasks.errors import BadModel, TaskError
from optfarm_tasks.formats import onnx_graph
from optfarm_tasks.formats.onnx import graph_of
from optfarm_tasks.formats.raw import view
from optfarm_tasks.frameworks.imports import blamed, require
from optfarm_tasks.frameworks.onnx import placement, precision
from optfarm_tasks.runtime import Arrays, check_device
from optfarm_tasks.schema.device import CPU, DeviceKind, DeviceSpec

FORMATS = frozenset({Format.ONNX})
MODULES = ("onnxruntime",)
DEVICES = frozenset({DeviceKind.CPU, DeviceKind.GPU})
BUILT_FOR_CPUS = ("onnxruntime",)
INSTRUCTION_SETS = instruction_sets.REDUCED


class Model:
    """A session and the signature of its file.

    Where the engine fails on what it fused itself, the model is run with fewer of its optimisations, and `precision`
    says so: that is the engine's fault and not the model's.
    """

    def __init__(self, file: Path, *, threads: int, signature: Signature, providers: placement.Providers) -> None:
        """Loads a file with all optimisations that work.

        Raises:
            BadModel: the engine takes it with none of them.
            MissingToolchain: it has no such provider.
        """
        self.signature = signature
        self._file, self._threads, self.providers = file, threads, providers
        self._names = [each.name for each in signature.outputs]
        self._levels = list(precision.LEVELS)
        self._session = self._loaded()

    @cached_property
    def precision(self) -> str:
        """The types in which the graph computes that the engine made of the file.

        Raises:
            BadModel: the engine cannot store its graph.
        """
        # The engine shows its graph only by storing it, weights and all; in this process that would count as the
        # model's own memory and loading time.
        asked = (str(self._file), self._levels[0], json.dumps(self.providers))
        command = [sys.executable, "-I", "-m", precision.__name__, *asked]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        if ended.returncode:
            raise BadModel(f"ONNX Runtime does not tell its graph: {ended.stderr.strip().rpartition(chr(10))[2]}")
        return ended.stdout.strip()

    def feed(self, inputs: Arrays) -> Any:
        """Arrays of the signature's types."""
        return model_inputs.fitted(inputs, self.signature)

    def run(self, feed: Any) -> Any:
        """Computes from the arrays as they lie in memory, and gives new ones."""
        try:
            return self._session.run(self._names, feed)
        except Exception as error:
            failed = blamed(error, BadModel, "ONNX Runtime cannot run the model")
            if len(self._levels) == 1:
                raise failed from error
            return self._run_plainer(feed, failed)

    def outputs(self, raw: Any) -> dict[str, NDArray[np.generic]]:
        """The arrays by output name."""
        return dict(zip(self._names, raw, strict=True))

    def _run_plainer(self, feed: Any, failed: TaskError) -> Any:
        """Runs with fewer optimisations, and stays with what works; raises the first failure where nothing does."""
        kept, session = list(self._levels), self._session
        while len(self._levels) > 1:
            self._levels.pop(0)
            self._session = self._loaded()
            with contextlib.suppress(Exception):
                return self._session.run(self._names, feed)
        self._levels, self._session = kept[:1], session
        raise failed

    def _loaded(self) -> Any:
        """A session with the most optimisations left that it loads with."""
        import onnxruntime

        while True:
            options = precision.options_for(self._threads, self._levels[0])
            try:
                session = onnxruntime.InferenceSession(str(self._file), options, providers=self.providers)
            except Exception as error:
                if len(self._levels) == 1:
                    raise blamed(error, BadModel, "ONNX Runtime cannot load the model") from error
                self._levels.pop(0)
                continue
            placement.refuse_fallback(session, self.providers)
            return session

    def reset(self) -> None:
        """Nothing: an ONNX model keeps nothing."""

    def exact(self) -> None:
        """Nothing: the session has such kernels already, see `precision.options_for`."""


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Model:
    """Loads the .onnx of a folder, with as many threads within an op; what a GPU has no kernel for runs on the CPU.

    Raises:
        BadModel: ONNX Runtime refuses it.
        MissingToolchain: ONNX Runtime does not import here, or cannot use the GPU.
    """
    check_device(device, DEVICES, user="the onnxruntime runtime")
    return loaded(model, threads=threads, providers=placement.providers_of(device))


def loaded(model: Path, *, threads: int, providers: placement.Providers) -> Model:
    """As `load`, with given providers."""
    require(MODULES, user="the onnxruntime runtime")
    described = formats.describe(model)
    return Model(formats.file_of(model), threads=threads, signature=described.signature, providers=providers)


def ends(model: Path) -> tuple[str, ...]:
    """The values of the outermost graph that no node takes."""
    file = formats.file_of(model)
    return onnx_graph.ends(graph_of(file, view(file)))
