"""Has PyTorch compute a program's products and convolutions in a narrower type where that is good enough (autocast)."""

from typing import Any, Literal

from optfarm_tasks.errors import NothingToDo
from optfarm_tasks.frameworks.torch import conversion, precision, weights
from optfarm_tasks.technique import Done, Work

Narrow = Literal["bfloat16", "float16"]

_CAST = frozenset({"bfloat16", "float16", "float32"})
"""Types in whose place autocast computes in the narrow one."""
_ASSERTED = "aten._assert_tensor_metadata.default"


def narrow(work: Work, kind: Narrow) -> Done:
    """Writes down the type to compute in.

    Raises:
        NothingToDo: it has no op that takes a model's time, or in types alone that stay; they are named.
    """
    source = conversion.Source(work)
    names = {op.split(".")[1] for op in conversion.counts(source.program) if "." in op}
    if not precision.HEAVY & names:
        raise NothingToDo(f"no op of the model is computed in {kind}: it has {', '.join(sorted(names)) or 'none'}")
    kinds = {weights.type_of(source.program, name) for name in weights.of_layers(source.program, weights.LAYERS)}
    if kinds and not kinds & (_CAST - {kind}):
        raise NothingToDo(f"autocast leaves {', '.join(sorted(kinds))} as it is, which the layers compute in")
    _drop_asserted_types(source.program)
    source.save(source.program, work, source.running.model_copy(update={"autocast": kind}))
    return Done()


def _drop_asserted_types(program: Any) -> None:
    """Takes out the ops by which export holds casts to the types that it saw, which autocast changes."""
    for node in [each for each in program.graph.nodes if str(each.target) == _ASSERTED]:
        program.graph.erase_node(node)
    program.graph_module.recompile()
