"""A runtime for tests on an OpenCL device: with PoCL the CPU, by threads of its own, so that the host does not wait.

Its artifact is opencl.json: how many rounds a kernel makes for each number of its input, and whether the runtime waits
for the last event of a request, as it must.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyopencl
from numpy.typing import NDArray

from optfarm_tasks.description import Format, Signature, Tensor
from optfarm_tasks.runtime import Arrays, DeviceTime, PendingRequest

FORMATS: frozenset[Format] = frozenset()
MODULES = ("pyopencl",)
WIDTH = 4096
"""Numbers of a sample."""
_SOURCE = """
__kernel void settle(__global const float *x, __global float *y, int rounds) {
    int at = get_global_id(0);
    float value = x[at];
    for (int round = 0; round < rounds; ++round) value = value * 0.999f + 0.001f;
    y[at] = value;
}
"""


@dataclass(frozen=True)
class Request:
    """The events of a copy to the device, a kernel, and a copy back."""

    events: tuple[Any, Any, Any]
    found: NDArray[np.float32]
    waits: bool

    def result(self) -> NDArray[np.float32]:
        """Waits for the copy back, unless the artifact says otherwise."""
        if self.waits:
            self.events[-1].wait()
        return self.found

    def is_over(self) -> bool:
        """Whether the copy back is done."""
        status = self.events[-1].get_info(pyopencl.event_info.COMMAND_EXECUTION_STATUS)
        return bool(status == pyopencl.command_execution_status.COMPLETE)

    def device_time(self) -> DeviceTime:
        """By the events' own profile."""
        copied, computed, returned = (each.profile.end - each.profile.start for each in self.events)
        return DeviceTime(compute_ns=computed, copies_ns=copied + returned)


class Settling:
    """Numbers that come nearer to 1 with each round."""

    precision = "float32"
    signature = Signature(inputs=(Tensor(name="x", dtype="float32", shape=(None, WIDTH)),))

    def __init__(self, rounds: int, *, waits: bool = True) -> None:
        """Builds the kernel."""
        device = pyopencl.get_platforms()[0].get_devices()[0]
        context = pyopencl.Context([device])
        timed = pyopencl.command_queue_properties.PROFILING_ENABLE
        self._queue = pyopencl.CommandQueue(context, properties=timed)
        self._kernel = pyopencl.Kernel(pyopencl.Program(context, _SOURCE).build(), "settle")
        self._context, self._rounds, self._waits = context, np.int32(rounds), waits

    def feed(self, inputs: Arrays) -> Any:
        """The array, and room for it on the device."""
        array = np.ascontiguousarray(inputs["x"], np.float32)
        return array, *(pyopencl.Buffer(self._context, pyopencl.mem_flags.READ_WRITE, array.nbytes) for _ in range(2))

    def enqueue(self, feed: Any) -> PendingRequest:
        """Hands the three commands over."""
        array, given, made = feed
        found = np.empty_like(array)
        there = pyopencl.enqueue_copy(self._queue, given, array, is_blocking=False)
        self._kernel.set_args(given, made, self._rounds)
        computed = pyopencl.enqueue_nd_range_kernel(self._queue, self._kernel, (array.size,), None, wait_for=[there])
        back = pyopencl.enqueue_copy(self._queue, found, made, is_blocking=False, wait_for=[computed])
        self._queue.flush()
        return Request((there, computed, back), found, self._waits)

    def run(self, feed: Any) -> Any:
        """One request, from end to end."""
        return self.enqueue(feed).result()

    def outputs(self, raw: Any) -> dict[str, NDArray[np.generic]]:
        """The one output."""
        return {"y": raw}

    def reset(self) -> None:
        """Nothing is kept."""

    def exact(self) -> None:
        """Nothing overflows."""


def load(model: Path, *, threads: int, device: object = None) -> Settling:  # noqa: ARG001 (the signature is a runtime's)
    """Reads opencl.json."""
    return Settling(**json.loads((model / "opencl.json").read_text()))
