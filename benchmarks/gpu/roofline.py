"""How fast a device could run a network: each op by its arithmetic or by its memory, whichever takes longer there.

What the device does per second is measured, not looked up: the product of two large matrices in each type, and a copy.
(Williams, Waterman, Patterson: Roofline, CACM 2009.)
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

SIZE, ROUNDS = 8192, 10
COPIED_BYTES = 1 << 30
_BYTES = {"float32": 4, "tf32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True)
class Peak:
    """What a device does per second."""

    flop_per_s: dict[str, float]
    """By the type that products are computed in."""
    bytes_per_s: float
    """Read and written together."""


@dataclass(frozen=True)
class OpWork:
    """The work of one op for a batch of one."""

    flop: float
    elements: float
    """That grow with the batch: what it reads and writes but for weights."""
    weights: float


def peak(device: str, *, size: int = SIZE, copied_bytes: int = COPIED_BYTES) -> Peak:
    """Measures a device by its best of some rounds; blocks for seconds."""

    matmul = torch.backends.cuda.matmul
    rates: dict[str, float] = {}
    for kind in _BYTES:
        matmul.fp32_precision = "tf32" if kind == "tf32" else "ieee"
        dtype = torch.float32 if kind == "tf32" else getattr(torch, kind)
        left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
        rates[kind] = 2 * size**3 / best_s(partial(torch.matmul, left, right), device)
    source = torch.ones(copied_bytes // 4, device=device)
    target = torch.empty_like(source)
    return Peak(rates, 2 * copied_bytes / best_s(lambda: target.copy_(source), device))


def best_s(call: Callable[[], Any], device: str) -> float:
    """The least time of some calls, in seconds, by the device's events where it has any."""

    call()
    taken = []
    for _ in range(ROUNDS):
        if device == "cpu":
            start = time.perf_counter()
            call()
            taken.append(time.perf_counter() - start)
            continue
        before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        before.record()
        call()
        after.record()
        after.synchronize()
        taken.append(before.elapsed_time(after) / 1e3)
    return min(taken)


def work_of(program: Any) -> list[OpWork]:
    """What the products and convolutions of an exported program do; all else is taken to be fused into them."""

    found: list[OpWork] = []
    weights = {each.data_ptr() for each in program.parameters()}

    class Count(TorchDispatchMode):  # type: ignore[misc]  # PyTorch is not where this is checked
        """Looks at each op."""

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            given = func(*args, **(kwargs or {}))
            packet = func._overloadpacket  # noqa: SLF001 (PyTorch's own counter goes by it)
            if packet in flop_registry:
                flop = flop_registry[packet](*args, **(kwargs or {}), out_val=given)
                tensors = [each for each in (*args, given) if isinstance(each, torch.Tensor)]
                fixed = sum(each.numel() for each in tensors if each.data_ptr() in weights)
                found.append(OpWork(flop, sum(each.numel() for each in tensors) - fixed, fixed))
            return given

    inputs = program.example_inputs[0][0][:1]
    with torch.no_grad(), Count():
        program.module()(torch.zeros_like(inputs))
    return found


def least_s(work: list[OpWork], peak: Peak, *, kind: str, batch: int) -> float:
    """The time that a request of a batch takes at least, by the roofline of a type."""
    size = _BYTES[kind]
    return sum(
        max(
            batch * each.flop / peak.flop_per_s[kind],
            size * (batch * each.elements + each.weights) / peak.bytes_per_s,
        )
        for each in work
    )
