"""A runtime for OpenVINO with its input already in place: what benchmark_app times, and no more."""

from pathlib import Path
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.description import Format
from optfarm_tasks.runtime import Arrays
from optfarm_tasks.runtimes import openvino as own
from optfarm_tasks.schema.device import CPU, DeviceKind, DeviceSpec

FORMATS: frozenset[Format] = frozenset()
MODULES = own.MODULES
DEVICES = frozenset({DeviceKind.CPU})
ends = own.ends


class Placed(own.Model):
    """The farm's session, whose inputs are copied into the engine's tensors before the clock starts."""

    def feed(self, inputs: Arrays) -> Any:
        """Writes the arrays into the tensors, where the next ones overwrite them."""
        for place, array in super().feed(inputs).items():
            self._request.get_input_tensor(place).data[:] = array

    def run(self, _: Any) -> Any:
        """Computes from the tensors."""
        return self._request.infer()


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Placed:  # noqa: ARG001 (the signature is a runtime's)
    """Loads the .xml of a folder, with the farm's own settings."""
    import openvino

    read = openvino.Core().read_model(formats.file_of(model))
    return Placed(read, settings=own.settings_for(read, threads), signature=formats.describe(model).signature)
