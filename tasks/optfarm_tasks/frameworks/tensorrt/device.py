"""What an engine needs of CUDA: which GPU there is, memory on both sides, a stream, its events and graphs."""

import ctypes
import math
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np

from optfarm_tasks.errors import BadModel, MissingToolchain, OutOfMemory
from optfarm_tasks.frameworks.imports import require

MODULES = ("cuda.bindings.runtime",)
_NO_ROOM = "cudaErrorMemoryAllocation"
_NO_GPU = frozenset({"cudaErrorInsufficientDriver", "cudaErrorNoDevice", "cudaErrorInvalidDevice"})
_NS_PER_MS = 1_000_000


@dataclass(frozen=True)
class Gpu:
    """What engines are bound to of a GPU."""

    name: str
    """Empty where any of the compute capability will do."""
    compute_capability: str


def gpu() -> Gpu:
    """The one GPU that a task's process sees.

    Raises:
        MissingToolchain: CUDA's binding does not import here, or there is no GPU that it knows.
    """
    found = _asked("cudaGetDeviceProperties", 0)
    return Gpu(found.name.decode().rstrip("\0"), f"{found.major}.{found.minor}")


class Pinned:
    """An array in memory of the host that the GPU reads and writes by itself; it is no longer than this object is."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """Takes the memory.

        Raises:
            OutOfMemory: there is none left.
        """
        self.size_bytes = math.prod(shape) * dtype.itemsize
        self.address = int(_asked("cudaMallocHost", max(self.size_bytes, 1)))
        weakref.finalize(self, _released, "cudaFreeHost", self.address)
        held = (ctypes.c_byte * self.size_bytes).from_address(self.address)
        self.array = np.ndarray(shape, dtype, buffer=memoryview(held))


class Buffer:
    """Memory on the GPU, which grows with what is asked of it."""

    def __init__(self) -> None:
        """Takes none yet."""
        self.address, self._size_bytes = 0, 0

    def reserve(self, size_bytes: int) -> int:
        """The address of at least so many bytes; what was in them is lost where they have to be others."""
        if not self.address or size_bytes > self._size_bytes:
            self.release()
            self.address = int(_asked("cudaMalloc", max(size_bytes, 1)))
            self._size_bytes = size_bytes
        return self.address

    def release(self) -> None:
        """Gives it back."""
        if self.address:
            _asked("cudaFree", self.address)
            self.address = 0


class Stream:
    """A queue of work on the GPU."""

    def __init__(self) -> None:
        """Makes one that waits for no other."""
        self._runtime = _runtime()
        self._stream = _asked("cudaStreamCreateWithFlags", self._runtime.cudaStreamNonBlocking)
        self.handle = int(self._stream)

    def upload(self, source: Pinned, address: int) -> None:
        """Has an array copied to the GPU."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        _asked("cudaMemcpyAsync", address, source.address, source.size_bytes, kind, self._stream)

    def download(self, address: int, target: Pinned) -> None:
        """Has an array copied from the GPU."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        _asked("cudaMemcpyAsync", target.address, address, target.size_bytes, kind, self._stream)

    def record(self, event: Any) -> None:
        """Has an event happen when what was handed over before is done."""
        _asked("cudaEventRecord", event, self._stream)

    def wait(self) -> None:
        """Blocks until all is done."""
        _asked("cudaStreamSynchronize", self._stream)

    def launch(self, graph: Any) -> None:
        """Has a captured graph run."""
        _asked("cudaGraphLaunch", graph, self._stream)

    def begin(self) -> None:
        """Writes down what is handed over from now on instead of doing it."""
        mode = self._runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        _asked("cudaStreamBeginCapture", self._stream, mode)

    def captured(self) -> Any:
        """What was written down, as a graph that can be launched."""
        graph = _asked("cudaStreamEndCapture", self._stream)
        made = _asked("cudaGraphInstantiate", graph, 0)
        _asked("cudaGraphDestroy", graph)
        return made


def event() -> Any:
    """A mark in a stream, whose time is taken."""
    return _asked("cudaEventCreate")


def wait_for(mark: Any) -> None:
    """Blocks until an event has happened."""
    _asked("cudaEventSynchronize", mark)


def has_happened(mark: Any) -> bool:
    """Whether an event has; never blocks.

    Raises:
        BadModel: the work before it failed.
    """
    runtime = _runtime()
    (code,) = runtime.cudaEventQuery(mark)
    if code == runtime.cudaError_t.cudaErrorNotReady:
        return False
    _check("cudaEventQuery", code)
    return True


def between_ns(start: Any, end: Any) -> int:
    """The time from one event to another, to half a microsecond."""
    elapsed_ms: float = _asked("cudaEventElapsedTime", start, end)
    return round(elapsed_ms * _NS_PER_MS)


def _asked(name: str, *arguments: Any) -> Any:
    """What a function of CUDA gives; nothing, one value or a tuple."""
    code, *given = getattr(_runtime(), name)(*arguments)
    _check(name, code)
    return given[0] if len(given) == 1 else tuple(given)


def _check(name: str, code: Any) -> None:
    if not int(code):
        return
    _, said = _runtime().cudaGetErrorString(code)
    what = f"{name}: {code.name}: {said.decode()}"
    if code.name == _NO_ROOM:
        raise OutOfMemory(f"the GPU has no memory left: {what}")
    if code.name in _NO_GPU:
        raise MissingToolchain(f"CUDA finds no GPU here: {what}")
    raise BadModel(f"the GPU cannot run the model: {what}")


def _released(function: str, address: int) -> None:
    getattr(_runtime(), function)(address)


def _runtime() -> Any:
    require(MODULES, user="the tensorrt runtime")
    from cuda.bindings import runtime

    return runtime
