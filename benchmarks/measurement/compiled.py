"""A runtime for LiteRT's CompiledModel with its inputs already in place: what litert-benchmark times, and no more."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks import formats
from optfarm_tasks.description import Format
from optfarm_tasks.runtime import Arrays
from optfarm_tasks.runtimes import litert
from optfarm_tasks.schema.device import CPU, DeviceKind, DeviceSpec

FORMATS: frozenset[Format] = frozenset()
MODULES = ("ai_edge_litert.compiled_model",)
DEVICES = frozenset({DeviceKind.CPU})
ends = litert.ends


class Model:
    """A compiled model and its buffers."""

    precision = "not exposed"

    def __init__(self, folder: Path, threads: int) -> None:
        """Compiles the .tflite of a folder for the CPU."""
        from ai_edge_litert.compiled_model import CompiledModel
        from ai_edge_litert.hardware_accelerator import HardwareAccelerator
        from ai_edge_litert.options import CpuOptions, Options

        options = Options(hardware_accelerators=HardwareAccelerator.CPU, cpu_options=CpuOptions(num_threads=threads))
        self._model = CompiledModel.from_file(str(formats.file_of(folder)), options=options)
        self._key = next(iter(self._model.get_signature_list()))
        self.signature = formats.describe(folder).signature
        own = self._model
        self._taken, self._given = (
            {name: create(self._key, name) for name in details(self._key)}
            for create, details in (
                (own.create_input_buffer_by_name, own.get_input_tensor_details),
                (own.create_output_buffer_by_name, own.get_output_tensor_details),
            )
        )

    def feed(self, inputs: Arrays) -> Any:
        """Writes the arrays into the buffers, where the next ones overwrite them."""
        for name, array in inputs.items():
            self._taken[name].write(np.ascontiguousarray(array, dtype=np.float32))

    def run(self, _: Any) -> Any:
        """Computes from and into the buffers; gives those of the outputs."""
        self._model.run_by_name(self._key, self._taken, self._given)
        return self._given

    def reset(self) -> None:
        """Nothing: its models keep nothing."""

    def exact(self) -> None:
        """Nothing: it computes in float32."""

    def outputs(self, raw: Any) -> dict[str, NDArray[np.generic]]:
        """Copies float32 outputs out of the buffers, which litert-benchmark never does."""
        details = self._model.get_output_tensor_details(self._key)
        shapes = {name: [int(size) for size in details[name]["shape"]] for name in raw}
        return {
            name: buffer.read(math.prod(shapes[name]), np.float32).reshape(shapes[name]) for name, buffer in raw.items()
        }


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Model:  # noqa: ARG001 (the signature is a runtime's)
    """Loads the .tflite of a folder."""
    return Model(model, threads)
