"""An engine on a GPU: its context, the memory of its inputs and outputs there, and requests by CUDA's events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.data_sets import model_inputs
from optfarm_tasks.description import Signature
from optfarm_tasks.errors import BadModel, BadParameter, UnsupportedOp
from optfarm_tasks.formats.tensorrt import Engine
from optfarm_tasks.frameworks.tensorrt import device as cuda
from optfarm_tasks.frameworks.tensorrt.library import Library
from optfarm_tasks.runtime import Arrays, DeviceTime, PendingRequest

Shapes = dict[str, tuple[int, ...]]


@dataclass
class Feed:
    """Inputs in memory that the GPU reads by itself, and room for the outputs, which the next request overwrites."""

    shapes: Shapes
    inputs: dict[str, cuda.Pinned]
    outputs: dict[str, cuda.Pinned]


@dataclass(frozen=True)
class Request:
    """The events of a request: it begins, its inputs are there, its kernels are done, its outputs are back."""

    events: tuple[Any, Any, Any, Any]
    feed: Feed

    def result(self) -> Feed:
        """Waits for the last event."""
        cuda.wait_for(self.events[-1])
        return self.feed

    def is_over(self) -> bool:
        """Whether the last event has happened."""
        return cuda.has_happened(self.events[-1])

    def device_time(self) -> DeviceTime:
        """The time between the events."""
        there, computed, back = map(cuda.between_ns, self.events, self.events[1:])
        return DeviceTime(compute_ns=computed, copies_ns=there + back)


@dataclass
class Session:
    """An engine that is ready to run."""

    library: Library
    engine: Engine
    context: Any
    signature: Signature
    _stream: cuda.Stream = field(default_factory=cuda.Stream)
    _buffers: dict[str, cuda.Buffer] = field(default_factory=dict)
    _shapes: Shapes = field(default_factory=dict)
    _graph: Any = None

    @property
    def precision(self) -> str:
        """The types that its network was given in, which it keeps, and whether its kernels run as one CUDA graph."""
        return self.engine.precision + ("; CUDA graph" if self.engine.uses_cuda_graph else "")

    @property
    def largest_batch(self) -> int | None:
        """The largest that its profile has room for; None where no input has a batch that varies."""
        inputs = {each.name: each.axis for each in self.signature.inputs}
        taken = ((sizes, inputs[name]) for name, sizes in self.engine.profile.items())
        return min((sizes.max[axis] for sizes, axis in taken if axis is not None), default=None)

    def feed(self, inputs: Arrays) -> Feed:
        """Arrays of the signature's types in pinned memory, the engine ready for their shapes."""
        arrays = model_inputs.fitted(inputs, self.signature)
        shapes = {name: array.shape for name, array in arrays.items()}
        self._check(shapes)
        if shapes != self._shapes:
            self._suit(shapes)
        pinned = {name: cuda.Pinned(array.shape, array.dtype) for name, array in arrays.items()}
        for name, array in arrays.items():
            pinned[name].array[...] = array
        return Feed(shapes, pinned, {name: cuda.Pinned(*ends) for name, ends in self._results.items()})

    def enqueue(self, feed: Feed) -> PendingRequest:
        """Hands copies and kernels over, and does not wait for them."""
        if feed.shapes != self._shapes:
            self._suit(feed.shapes)
        began, there, computed, back = self._events
        self._stream.record(began)
        for name, array in feed.inputs.items():
            self._stream.upload(array, self._buffers[name].address)
        self._stream.record(there)
        self._compute()
        self._stream.record(computed)
        for name, array in feed.outputs.items():
            self._stream.download(self._buffers[name].address, array)
        self._stream.record(back)
        return Request((began, there, computed, back), feed)

    def run(self, feed: Feed) -> Feed:
        """One request from end to end."""
        done: Feed = self.enqueue(feed).result()
        return done

    def outputs(self, raw: Feed) -> dict[str, NDArray[np.generic]]:
        """Copies of the arrays by output name."""
        return {name: each.array.copy() for name, each in raw.outputs.items()}

    def reset(self) -> None:
        """Nothing: an engine keeps nothing."""

    def exact(self) -> None:
        """Nothing: sums of products of bytes are taken in 32 bits on GPUs."""

    @cached_property
    def _events(self) -> tuple[Any, Any, Any, Any]:
        """One request is in flight at a time, so that one set does for all."""
        return cuda.event(), cuda.event(), cuda.event(), cuda.event()

    @property
    def _results(self) -> Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Output → shape and type for the shapes that the context has."""
        return {
            each.name: (tuple(self.context.get_tensor_shape(each.name)), np.dtype(each.dtype))
            for each in self.signature.outputs
        }

    def _check(self, shapes: Shapes) -> None:
        for name, sizes in self.engine.profile.items():
            low, high, shape = sizes.min, sizes.max, shapes[name]
            if not all(least <= size <= most for least, size, most in zip(low, shape, high, strict=True)):
                raise BadParameter(
                    f"the input {name} gets an array of shape {list(shape)}, and the engine takes {list(low)} to "
                    f"{list(high)}; build it with another max_batch or other shapes"
                )

    def _suit(self, shapes: Shapes) -> None:
        """Has the context take inputs of some shapes, with room for them and for what becomes of them."""
        self._stream.wait()
        self._graph = None
        for name, shape in shapes.items():
            if not self.context.set_input_shape(name, shape):
                raise self.library.failure(BadModel, f"the engine does not take the shape {list(shape)} for {name}")
        inputs = {each.name: (shapes[each.name], np.dtype(each.dtype)) for each in self.signature.inputs}
        for name, (shape, dtype) in (inputs | dict(self._results)).items():
            if min(shape, default=1) < 0:
                raise UnsupportedOp(f"the size of the output {name} depends on what is computed, which is not run")
            buffer = self._buffers.setdefault(name, cuda.Buffer())
            address = buffer.reserve(int(np.prod(shape)) * dtype.itemsize)
            self.context.set_tensor_address(name, address)
        self._shapes = shapes
        if self.engine.uses_cuda_graph and self.library.builder == "tensorrt":
            self._capture()

    def _capture(self) -> None:
        """Writes the launches of the engine's kernels down as one graph; what was not run before cannot be captured."""
        self._compute()
        self._stream.wait()
        self._stream.begin()
        self._compute()
        self._graph = self._stream.captured()

    def _compute(self) -> None:
        if self._graph is not None:
            self._stream.launch(self._graph)
        elif not self.context.execute_async_v3(self._stream.handle):
            raise self.library.failure(BadModel, f"{self.library.name} cannot run the engine")
