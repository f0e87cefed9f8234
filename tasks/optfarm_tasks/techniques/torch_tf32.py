"""PyTorch on a GPU with products and convolutions in TF32.

The file says that the runtime may round what these ops take to TF32: the range of float32 with 10 bits of precision, as
in float16. Sums are kept in float32, and weights and activations stay float32. Without this technique the farm has all
three kinds of ops compute in float32, unlike PyTorch, which takes TF32 for convolutions unless it is told otherwise.

When it helps: GPUs since Ampere, whose matrix units take TF32 several times as fast as float32, without any data.

Traps: GPUs before Ampere have no TF32 and compute in float32. `torch-bfloat16` and `torch-float16` are faster still.
"""

from optfarm_tasks.errors import NothingToDo
from optfarm_tasks.frameworks.torch import conversion, precision, weights
from optfarm_tasks.technique import Done, Params, Work

CARD = conversion.card(needs_gpu=True, tolerance_nmse=1e-5)
PARAMS = Params


def run(work: Work, _: Params) -> Done:
    """Writes down that it may.

    Raises:
        NothingToDo: it has no product or convolution, or none of float32; ops or types are named.
    """
    source = conversion.Source(work)
    names = {op.split(".")[1] for op in conversion.counts(source.program) if "." in op}
    if not precision.HEAVY & names:
        raise NothingToDo(f"no op of the model is computed in TF32: it has {', '.join(sorted(names)) or 'none'}")
    kinds = {weights.type_of(source.program, name) for name in weights.of_layers(source.program, weights.LAYERS)}
    if kinds and "float32" not in kinds:
        raise NothingToDo(f"the layers compute in {', '.join(sorted(kinds))}, and float32 alone is rounded to TF32")
    source.save(source.program, work, source.running.model_copy(update={"tf32": True}))
    return Done()
