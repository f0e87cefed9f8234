"""PyTorch computing in bfloat16 where that is good enough (autocast).

The file says that the runtime shall compute convolutions and products in bfloat16, the range of float32 with 8 bits of
precision; sums, norms and softmax stay in float32, as PyTorch's lists have it. Weights stay float32 in the file.

When it helps: processors with bfloat16 instructions (AVX512-BF16, AMX) and GPUs; without any data, and with less loss
than int8.

Traps: each weight is cast at each request, unless `torch-compile` comes after it. On processors without such
instructions it is slower than float32.
"""

from typing import Any

from optfarm_tasks.errors import NothingToDo
from optfarm_tasks.frameworks.torch import conversion, precision, weights
from optfarm_tasks.technique import Done, Params, Work

CARD = conversion.card(is_reduced=True, tolerance_nmse=1e-2)
PARAMS = Params

_TAKEN = frozenset({"float16", "float32"})
"""Types in whose place autocast computes in bfloat16."""


_ASSERTED = "aten._assert_tensor_metadata.default"


def run(work: Work, _: Params) -> Done:
    """Writes down the type to compute in.

    Raises:
        NothingToDo: it has no op that takes a model's time, or in types alone that stay; they are named.
    """
    source = conversion.Source(work)
    names = {op.split(".")[1] for op in conversion.counts(source.program) if "." in op}
    if not precision.HEAVY & names:
        raise NothingToDo(f"no op of the model is computed in bfloat16: it has {', '.join(sorted(names)) or 'none'}")
    kinds = {weights.type_of(source.program, name) for name in weights.of_layers(source.program, weights.LAYERS)}
    if kinds and not kinds & _TAKEN:
        raise NothingToDo(f"autocast leaves {', '.join(sorted(kinds))} as it is, which the layers compute in")
    _drop_asserted_types(source.program)
    source.save(source.program, work, source.running.model_copy(update={"autocast": "bfloat16"}))
    return Done()


def _drop_asserted_types(program: Any) -> None:
    """Takes out the ops by which export holds casts to the types that it saw, which autocast changes."""
    for node in [each for each in program.graph.nodes if str(each.target) == _ASSERTED]:
        program.graph.erase_node(node)
    program.graph_module.recompile()
