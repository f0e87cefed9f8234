"""PyTorch with int8 weights of linear layers, whose activations get ranges at each request (PT2E).

Weights are quantised per channel ahead of time, activations while the model runs, so no data are needed. Inductor turns
them into integer kernels, so the file says that it is compiled.

When it helps: Transformers and other models of large linear layers on CPUs with VNNI or AMX.

Traps: convolutions stay in float32: `torch-int8` takes them. Finding the range at each request costs time.
"""

from optfarm_tasks.frameworks.torch import conversion, quantisation
from optfarm_tasks.technique import Done, Params, Work

CARD = conversion.card(
    modules=quantisation.MODULES, is_reduced=True, where_overflowing=quantisation.WHERE_OVERFLOWING, tolerance_nmse=0.05
)


class PARAMS(Params):
    """How many bits weights have."""

    reduce_range: bool = quantisation.REDUCE_RANGE


def run(work: Work, params: PARAMS) -> Done:
    """Quantises the weights.

    Raises:
        NothingToDo: it has no linear layer; its ops are named.
    """
    source = conversion.Source(work)
    made = quantisation.quantised(source, (), is_dynamic=True, reduce_range=params.reduce_range)
    source.save(made, work, source.running.model_copy(update={"compile": "default"}))
    return Done(notes={"nodes_after": conversion.counts(made)})
