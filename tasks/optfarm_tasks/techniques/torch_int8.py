"""PyTorch in int8, weights and activations, with ranges taken on calibration samples (PT2E).

Convolutions and linear layers get ops that quantise and dequantise around them: weights per channel, activations by the
ranges that the calibration split shows. Inductor turns them into integer kernels, so the file says that it is compiled.

When it helps: convolutional networks and linear layers on CPUs with VNNI or AMX: a quarter of the size, often twice the
speed.

Traps: it runs in integers only where it is compiled, which needs a C++ compiler on the host. Ranges that the samples do
not show are clipped: give samples like those that the model will meet.
"""

from optfarm_tasks.data_sets.calibration import Calibrated, calibration_of
from optfarm_tasks.frameworks.torch import conversion, quantisation
from optfarm_tasks.technique import Done, Work

CARD = conversion.card(
    modules=quantisation.MODULES,
    needs_calibration=True,
    is_reduced=True,
    where_overflowing=quantisation.WHERE_OVERFLOWING,
    tolerance_nmse=0.1,
)


class PARAMS(Calibrated):
    """What it watches, and how many bits weights have."""

    reduce_range: bool = quantisation.REDUCE_RANGE


def run(work: Work, params: PARAMS) -> Done:
    """Watches ranges and quantises.

    Raises:
        NothingToDo: it has no layer that is quantised; its ops are named.
    """
    source = conversion.Source(work)
    samples = calibration_of(work, source.signature, params.calibration_samples)
    made = quantisation.quantised(
        source, samples.observed(work.on_progress), is_dynamic=False, reduce_range=params.reduce_range
    )
    source.save(made, work, source.running.model_copy(update={"compile": "default"}))
    notes = {"calibration_samples": samples.count, "nodes_after": conversion.counts(made)}
    return Done(warnings=tuple(samples.warnings), notes=notes)
