"""PyTorch with weights stored in int8, which are turned back into float32 when they are read.

Weights of layers and tables have one scale per output channel or row, and no range of an activation is needed: no data,
and a loss far below that of int8 computation.

When it helps: a file a quarter of its size, to ship or to load.

Traps: nothing computes in integers. Op by op, weights are turned back at each request, which takes longer than float32;
`torch-compile` after it turns them back once, when it compiles, and then runs as fast as float32 and takes its memory.
"""

from pydantic import Field

from optfarm_tasks.errors import NothingToDo
from optfarm_tasks.frameworks.torch import compression, conversion
from optfarm_tasks.technique import Done, Params, Work

CARD = conversion.card(tolerance_nmse=1e-3)


class PARAMS(Params):
    """Which weights it takes."""

    min_elements: int = Field(default=1024, ge=1, description="weights of fewer elements stay float32")


def run(work: Work, params: PARAMS) -> Done:
    """Compresses.

    Raises:
        NothingToDo: no layer or table has float32 weights of that size.
    """
    source = conversion.Source(work)
    module, count = compression.compressed(source.program, min_elements=params.min_elements)
    if not count:
        raise NothingToDo(f"no layer or table has float32 weights of {params.min_elements} elements or more")
    source.save(source.exported(module), work)
    return Done(notes={"weights_compressed": count})
