"""The part of LiteRT's C API that profiles: its Python packages have no profiler, the library that they load has one.

The functions and structs are those of litert/c/*.h; a struct here is one that the headers declare stable.
"""

import ctypes
from collections.abc import Mapping
from ctypes import byref, c_bool, c_char_p, c_int, c_int32, c_size_t, c_uint, c_uint32, c_uint64, c_void_p
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.errors import Internal, MissingToolchain, UnsupportedOp

Handle = c_void_p

_CPU = 1
"""kLiteRtHwAcceleratorCpu."""
_WRITE = 1
"""kLiteRtTensorBufferLockModeWrite."""
_KEEP = ctypes.CFUNCTYPE(None, c_void_p)(lambda _: None)
"""What LiteRT calls when it needs an option's text no more; Python frees that itself."""


class Layout(ctypes.Structure):
    """LiteRtLayout."""

    _fields_ = (
        ("rank", c_uint, 7),
        ("has_strides", c_uint, 1),
        ("dimensions", c_int32 * 8),
        ("strides", c_uint32 * 8),
    )


class TensorType(ctypes.Structure):
    """LiteRtRankedTensorType."""

    _fields_ = (("element_type", c_int), ("layout", Layout))


class ProfiledEvent(ctypes.Structure):
    """ProfiledEventData: one event; `start_us` is 0 where only a duration is known."""

    _fields_ = (
        ("tag", c_char_p),
        ("kind", c_int),
        ("start_us", c_uint64),
        ("elapsed_us", c_uint64),
        ("memory", c_size_t * 6),
        ("index", c_uint64),
        ("graph", c_uint64),
        ("source", c_int),
    )


Given = TypeVar("Given", c_char_p, c_int, c_size_t, c_void_p, Layout, TensorType)


class Library:
    """libLiteRt.so; a call that fails says which one it was."""

    def __init__(self) -> None:
        """Loads the library that ai-edge-litert brings.

        Raises:
            MissingToolchain: it brings none, or one without a profiler.
        """
        try:
            self._functions = ctypes.CDLL(str(_folder() / "libLiteRt.so"))
            getattr(self._functions, "LiteRtCompiledModelGetProfiler")  # noqa: B009 (only whether it is there)
        except (OSError, AttributeError) as error:
            raise MissingToolchain(
                f"the litert profiler takes libLiteRt.so of ai-edge-litert 2.3, and here it is told: {error}"
            ) from error

    def call(self, name: str, *arguments: Any) -> None:
        """Calls the function LiteRt<name>.

        Raises:
            UnsupportedOp: it says that it failed; its reason is in the log.
        """
        status = getattr(self._functions, f"LiteRt{name}")(*arguments)
        if status:
            raise UnsupportedOp(f"LiteRT's profiler does not take the model: LiteRt{name} failed with status {status}")

    def given(self, kind: type[Given], name: str, *arguments: Any) -> Given:
        """What a function gives through its last argument; see `call`."""
        made = kind()
        self.call(name, *arguments, byref(made))
        return made


class Engine:
    """A model that LiteRT compiled for the CPU, with a profiler; it lives as long as the process."""

    def __init__(self, file: Path, *, signature: str, threads: int) -> None:
        """Loads a .tflite to run one of its signatures; 0 threads leave their number to LiteRT.

        Raises:
            UnsupportedOp: the profiler does not take it.
            MissingToolchain: there is no LiteRT with a profiler here.
        """
        self._library = Library()
        call, given = self._library.call, self._library.given
        self._environment = given(Handle, "CreateEnvironment", 0, None)
        self._file = given(Handle, "CreateModelFromFile", self._environment, str(file).encode())
        options = given(Handle, "CreateOptions")
        call("SetOptionsHardwareAccelerators", options, _CPU)
        self._texts = {name: ctypes.create_string_buffer(text) for name, text in _settings(threads).items()}
        for name, text in self._texts.items():
            call("AddOpaqueOptions", options, given(Handle, "CreateOpaqueOptions", name, text, _KEEP))
        self._model = given(Handle, "CreateCompiledModel", self._environment, self._file, options)
        self._profiler = given(Handle, "CompiledModelGetProfiler", self._model)
        self._index = self._found(signature)
        self._sides: list[Any] = []

    def feed(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Copies arrays, by input, to where the model reads them; resizes it where the shapes are others."""
        inputs = [arrays[name] for name in self._inputs()]
        for place, array in enumerate(inputs):
            self._resize(place, array.shape)
        # Where the outputs lie is known once the inputs have their sizes.
        outputs = self._output_layouts()
        taken = [self._buffer("Input", place, self._input_layout(place)) for place in range(len(inputs))]
        for buffer, array in zip(taken, inputs, strict=True):
            self._write(buffer, np.ascontiguousarray(array))
        given = [self._buffer("Output", place, layout) for place, layout in enumerate(outputs)]
        self._sides = [part for side in (taken, given) for part in (c_size_t(len(side)), (Handle * len(side))(*side))]

    def run(self) -> None:
        """One inference on what was fed."""
        self._library.call("RunCompiledModel", self._model, self._index, *self._sides)

    def start(self) -> None:
        """Forgets what was observed, and observes."""
        self._library.call("StartProfiler", self._profiler)

    def stop(self) -> list[ProfiledEvent]:
        """Observes no more; gives the events in the order in which they began."""
        self._library.call("StopProfiler", self._profiler)
        count = self._library.given(c_int, "GetNumProfilerEvents", self._profiler)
        events = (ProfiledEvent * count.value)()
        self._library.call("GetProfilerEvents", self._profiler, count, events)
        return list(events)

    def _found(self, signature: str) -> c_size_t:
        """The number of a signature; 0, the whole first graph, in a file that names none."""
        count = self._library.given(c_size_t, "GetNumModelSignatures", self._file).value
        keys = [
            self._library.given(c_char_p, "GetSignatureKey", self._signature(index)).value for index in range(count)
        ]
        return c_size_t(keys.index(signature.encode()) if signature.encode() in keys else 0)

    def _signature(self, index: int) -> Handle:
        return self._library.given(Handle, "GetModelSignature", self._file, c_size_t(index))

    def _inputs(self) -> list[str]:
        """The names of the inputs in their order."""
        given, signature = self._library.given, self._signature(self._index.value)
        count = given(c_size_t, "GetNumSignatureInputs", signature).value
        names = (given(c_char_p, "GetSignatureInputName", signature, c_size_t(place)) for place in range(count))
        return [(name.value or b"").decode() for name in names]

    def _input_layout(self, place: int) -> Layout:
        at = c_size_t(place)
        return self._library.given(Layout, "GetCompiledModelInputTensorLayout", self._model, self._index, at)

    def _output_layouts(self) -> list[Layout]:
        count = self._library.given(c_size_t, "GetNumSignatureOutputs", self._signature(self._index.value))
        layouts = (Layout * count.value)()
        ask = "GetCompiledModelOutputTensorLayouts"
        self._library.call(ask, self._model, self._index, count, layouts, c_bool(True))  # noqa: FBT003 (C has no names)
        return list(layouts)

    def _resize(self, place: int, shape: tuple[int, ...]) -> None:
        layout = self._input_layout(place)
        if tuple(layout.dimensions[: layout.rank]) != shape:
            sizes, count = (c_int * len(shape))(*shape), c_size_t(len(shape))
            self._library.call(
                "CompiledModelResizeInputTensor", self._model, self._index, c_size_t(place), sizes, count
            )

    def _buffer(self, side: str, place: int, layout: Layout) -> Handle:
        given, at = self._library.given, c_size_t(place)
        tensor = given(Handle, f"GetSignature{side}TensorByIndex", self._signature(self._index.value), at)
        kind = given(TensorType, "GetRankedTensorType", tensor)
        kind.layout = layout
        wanted = given(Handle, f"GetCompiledModel{side}BufferRequirements", self._model, self._index, at)
        return given(Handle, "CreateManagedTensorBufferFromRequirements", self._environment, byref(kind), wanted)

    def _write(self, buffer: Handle, array: NDArray[Any]) -> None:
        room = self._library.given(c_size_t, "GetTensorBufferPackedSize", buffer).value
        if room != array.nbytes:
            raise Internal(f"LiteRT's buffer has {room} bytes, and the input {array.nbytes}")
        place = Handle()
        self._library.call("LockTensorBuffer", buffer, byref(place), _WRITE)
        ctypes.memmove(place, array.ctypes.data, array.nbytes)
        self._library.call("UnlockTensorBuffer", buffer)


def _folder() -> Path:
    found = find_spec("ai_edge_litert")
    if found is None or not found.submodule_search_locations:
        raise MissingToolchain("the litert profiler imports ai_edge_litert, which is not here")
    return Path(found.submodule_search_locations[0])


def _settings(threads: int) -> dict[bytes, bytes]:
    """Option → its text, in TOML."""
    cpu = 'kernel_mode = "xnnpack"\n' + (f"num_threads = {threads}\n" if threads else "")
    return {b"runtime_options_string": b"enable_profiling = true\n", b"xnnpack": cpu.encode()}
