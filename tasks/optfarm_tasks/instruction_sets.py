"""The instruction sets of a processor by which runtimes choose kernels whose results differ.

In float32 all kernels compute the same but for rounding. Those for integers and for reduced precision do not: without
an instruction for sums of products, the fast kernels for unsigned by signed bytes add pairs of products in 16 bits,
which saturates (VPMADDUBSW, Intel's Software Developer's Manual).
"""

import functools
from collections.abc import Collection
from pathlib import Path

_EXACT = frozenset({"avx_vnni", "avx_vnni_int8", "avx512_vnni", "amx_int8"})
"""Each sums products of bytes in 32 bits."""
_PAIRS = "ssse3"
"""The first one with VPMADDUBSW; processors without it, of other families, sum in 32 bits."""
FLOATS = frozenset({"avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_fp16", "asimdhp", "bf16"})
"""Those by which kernels for float16 and bfloat16 are chosen."""
REDUCED = _EXACT | FLOATS | {_PAIRS, "avx2", "i8mm"}
"""Those by which kernels for integers and for reduced precision are chosen."""


def of(cpuinfo: str) -> tuple[str, ...]:
    """The known sets that the text of /proc/cpuinfo names for its first processor, sorted."""
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    named = next((value for name, _, value in lines if name.strip() in ("flags", "Features")), "")
    return tuple(sorted(REDUCED & set(named.split())))


@functools.cache
def here() -> tuple[str, ...]:
    """The known sets of this machine."""
    return of(Path("/proc/cpuinfo").read_text())


def overflow(sets: Collection[str]) -> bool:
    """Whether kernels for unsigned by signed bytes overflow on a processor with these sets."""
    return _PAIRS in sets and not _EXACT & set(sets)
