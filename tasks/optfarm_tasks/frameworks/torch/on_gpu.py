"""Runs a loaded program on a CUDA device: requests are enqueued on its stream and timed by its events.

docs/gpu.md says what of it has run on a GPU.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

from optfarm_tasks.description import ModelDescription, Signature
from optfarm_tasks.errors import BadModel, BadParameter, MissingToolchain
from optfarm_tasks.formats import pt2
from optfarm_tasks.frameworks.imports import blamed, blaming
from optfarm_tasks.frameworks.torch.archive import Running
from optfarm_tasks.frameworks.torch.calling import Tensors, blank
from optfarm_tasks.frameworks.torch.program import Program
from optfarm_tasks.runtime import Arrays, DeviceTime
from optfarm_tasks.schema.device import DeviceSpec

_WARMUPS = 3
"""Calls before a graph is recorded, as PyTorch's notes on CUDA graphs have it: libraries are set up meanwhile."""


def loaded(
    program: Any, running: Running, device: DeviceSpec, *, described: ModelDescription, ends: pt2.Ends
) -> "GpuModel":
    """An exported program on a GPU.

    Raises:
        BadModel: PyTorch cannot move it there.
        BadParameter, MissingToolchain: PyTorch does not compute on this GPU.
    """
    from torch.export.passes import move_to_device_pass

    where = place_of(device)
    _set_precision(has_tf32=running.tf32)
    with blaming(BadModel, "PyTorch cannot move the model to the GPU"):
        moved = move_to_device_pass(program, where)
        return GpuModel(Program(moved, running, described=described, ends=ends, kind="cuda"), where)


def _set_precision(*, has_tf32: bool) -> None:
    """Has products, convolutions and recurrent layers of float32 compute in float32 or in TF32.

    By default PyTorch rounds to TF32 in the second and third and not in the first.
    """
    import torch

    wanted = "tf32" if has_tf32 else "ieee"
    for each in (torch.backends.cuda.matmul, torch.backends.cudnn.conv, torch.backends.cudnn.rnn):
        each.fp32_precision = wanted


def place_of(device: DeviceSpec) -> str:
    """The name that PyTorch has for a GPU: cuda:0.

    Raises:
        MissingToolchain: this build of PyTorch has no CUDA, or the driver is absent or too old for it.
        BadParameter: PyTorch has no kernels for this GPU.
    """
    import torch

    if torch.version.cuda is None:
        raise MissingToolchain(f"PyTorch {torch.__version__} is built without CUDA; install a build that has it")
    with blaming(MissingToolchain, "CUDA does not start"):
        torch.cuda.init()
        index = device.index or 0
        major, minor = torch.cuda.get_device_capability(index)
    built = torch.cuda.get_arch_list()
    if not any(_covers(each, major, minor) for each in built):
        name = torch.cuda.get_device_name(index)
        raise BadParameter(f"PyTorch {torch.__version__} has kernels for {', '.join(built)}; {name} is {major}.{minor}")
    return f"cuda:{index}"


def _covers(built: str, major: int, minor: int) -> bool:
    """Whether code for sm_86 or compute_90 runs on a GPU: of its major version, or as PTX of an earlier one."""
    kind, _, number = built.partition("_")
    digits = "".join(filter(str.isdigit, number))
    theirs = int(digits[:-1]), int(digits[-1])
    return theirs <= (major, minor) if kind == "compute" else theirs[0] == major and theirs[1] <= minor


@dataclass(frozen=True)
class _Feed:
    """A request in page-locked memory, and the buffers of its shapes on the device."""

    host: Tensors
    buffers: "_Buffers"


class _Buffers:
    """Inputs on the device for one set of shapes, and how the program is called with them."""

    def __init__(self, inputs: Tensors, call: Callable[[], Any]) -> None:
        self.inputs, self.call = inputs, call


class Request:
    """A request that was handed to the device, between its events."""

    def __init__(self, events: list[Any], raw: Any) -> None:
        """Takes the events before and after each of copying there, computing and copying back."""
        self._events, self._raw = events, raw

    def result(self) -> Any:
        """Blocks until the last event; the outputs in page-locked memory.

        Raises:
            BadModel: a kernel failed.
        """
        try:
            self._events[-1].synchronize()
        except Exception as error:
            raise blamed(error, BadModel, "the GPU cannot run the model") from error
        return self._raw

    def is_over(self) -> bool:
        """Whether the device has passed the last event."""
        return bool(self._events[-1].query())

    def device_time(self) -> DeviceTime:
        """Kernels, and copies both ways; events tell milliseconds."""
        there, computed, back = (before.elapsed_time(after) for before, after in pairwise(self._events))
        return DeviceTime(compute_ns=round(computed * 1e6), copies_ns=round((there + back) * 1e6))


class GpuModel:
    """A program on a GPU, op by op, compiled, or replayed as a CUDA graph."""

    def __init__(self, program: Program, place: str) -> None:
        """Takes a program that was moved to that device."""
        self._program, self._place = program, place
        self._buffers: dict[tuple[Any, ...], _Buffers] = {}

    @property
    def signature(self) -> Signature:
        """Inputs and outputs by name."""
        return self._program.signature

    @signature.setter
    def signature(self, known: Signature) -> None:
        self._program.signature = known

    @property
    def precision(self) -> str:
        """The types in which the layers of a request computed; see `Program.precision`."""
        if not self._buffers:
            self.feed(blank(self.signature))
        return self._program.precision

    def feed(self, inputs: Arrays) -> _Feed:
        """Copies arrays into page-locked memory; sets up buffers, and a graph, for shapes that are new."""
        host = {name: tensor.pin_memory() for name, tensor in self._program.fitted(inputs).items()}
        shapes = tuple((name, tuple(tensor.shape)) for name, tensor in host.items())
        if shapes not in self._buffers:
            # One set of shapes at a time: memory is what a GPU is short of.
            self._buffers.clear()
            self._buffers[shapes] = self._prepared(host)
        return _Feed(host, self._buffers[shapes])

    def enqueue(self, feed: _Feed) -> Request:
        """Hands the copies and the kernels of a request to the stream."""
        import torch
        from torch.utils._pytree import tree_map_only

        events = [torch.cuda.Event(enable_timing=True) for _ in range(4)]
        events[0].record()
        for name, tensor in feed.host.items():
            feed.buffers.inputs[name].copy_(tensor, non_blocking=True)
        events[1].record()
        given = feed.buffers.call()
        events[2].record()
        raw = tree_map_only(torch.Tensor, _to_host, given)
        events[3].record()
        return Request(events, raw)

    def run(self, feed: _Feed) -> Any:
        """One request, from host to host."""
        return self.enqueue(feed).result()

    def outputs(self, raw: Any) -> Any:
        """See `Program.outputs`."""
        return self._program.outputs(raw)

    def reset(self) -> None:
        """Sets the buffers that a call changes to what the file has."""
        self._program.reset()

    def exact(self) -> None:
        """Nothing: no kernel of a GPU overflows in sums of bytes."""

    def _prepared(self, host: Tensors) -> _Buffers:
        inputs = {name: tensor.to(self._place) for name, tensor in host.items()}
        call = partial(self._program.run, self._program.arguments(inputs))
        if not self._program.running.cuda_graph:
            return _Buffers(inputs, call)
        with blaming(BadModel, "CUDA cannot record the model as a graph"):
            replay = _recorded(call)
        # What is recorded has run several times.
        self.reset()
        return _Buffers(inputs, replay)


def _to_host(tensor: Any) -> Any:
    """A copy in page-locked memory, which the device writes while the host goes on."""
    import torch

    return torch.empty_like(tensor, device="cpu", pin_memory=True).copy_(tensor, non_blocking=True)


def _recorded(call: Callable[[], Any]) -> Callable[[], Any]:
    """A call that replays the kernels of another one, with its inputs and outputs in the same memory each time."""
    import torch

    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(_WARMUPS):
            call()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outputs = call()

    def replay() -> Any:
        graph.replay()
        return outputs

    return replay
