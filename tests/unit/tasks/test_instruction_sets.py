"""Which kernels a processor has is read from what the kernel says of it."""

import pytest

from optfarm_tasks import instruction_sets

HASWELL = (
    "processor\t: 0\nflags\t\t: fpu sse2 ssse3 sse4_1 avx avx2 fma\n\nprocessor\t: 1\nflags\t\t: fpu avx512_vnni\n"
)
SKYLAKE = "flags : fpu ssse3 avx2 avx512f avx512bw"
ICE_LAKE = "flags : fpu ssse3 avx2 avx512f avx512_vnni"
ALDER_LAKE = "flags : ssse3 avx2 avx_vnni"
GRAVITON = "Features\t: fp asimd asimdhp asimddp i8mm bf16"


@pytest.mark.parametrize(
    ("cpuinfo", "sets", "overflows"),
    [
        (HASWELL, ("avx2", "ssse3"), True),
        (SKYLAKE, ("avx2", "avx512f", "ssse3"), True),
        (ICE_LAKE, ("avx2", "avx512_vnni", "avx512f", "ssse3"), False),
        (ALDER_LAKE, ("avx2", "avx_vnni", "ssse3"), False),
        (GRAVITON, ("asimdhp", "bf16", "i8mm"), False),
        ("nothing that is known", (), False),
    ],
)
def test_kernels_for_bytes_overflow_on_x86_without_vnni(cpuinfo: str, sets: tuple[str, ...], overflows: bool) -> None:
    assert instruction_sets.of(cpuinfo) == sets
    assert instruction_sets.overflow(sets) is overflows
