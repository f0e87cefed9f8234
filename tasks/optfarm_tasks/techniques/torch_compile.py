"""PyTorch compiled on the host that runs it (torch.compile, Inductor).

The file says that the runtime shall compile the program for the shapes that it is fed with: ops are fused into kernels,
which on a CPU are C++ with its vectors. Outputs differ by rounding. What PyTorch quantised (`torch-int8`) runs in
integers only so.

When it helps: many small ops between large ones; int8 and bfloat16 on CPUs.

Traps: the first request takes seconds to minutes (`first_ms`), for each batch size anew. The host needs a C++ compiler.
"""

from typing import Literal

from pydantic import Field

from optfarm_tasks.frameworks.torch import conversion
from optfarm_tasks.technique import Done, Params, Work

CARD = conversion.card(is_reduced=True, tolerance_nmse=1e-8)


class PARAMS(Params):
    """How hard it tries."""

    mode: Literal["default", "max-autotune"] = Field(
        default="default", description="max-autotune: kernels are tried out against each other, which takes minutes"
    )


def run(work: Work, params: PARAMS) -> Done:
    """Writes down how to compile."""
    source = conversion.Source(work)
    source.save(source.program, work, source.running.model_copy(update={"compile": params.mode}))
    return Done()
