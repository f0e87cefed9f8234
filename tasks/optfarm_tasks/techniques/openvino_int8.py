"""OpenVINO in int8: weights per channel, activations by ranges that were watched on samples.

NNCF takes ranges on the calibration split, quantises convolutions and products, and corrects their biases by what the
quantisation shifts on average. Inputs and outputs stay float32. Ranges are taken twice, as the mean of each sample's
extremes and as the extremes of all, and what loses less on the samples stays; the notes have both losses (`ranges`).

When it helps: nearly always on CPUs with int8 instructions; often the fastest variant of all there.

Traps: too few or unlike calibration samples give wrong ranges, and a regression head has nothing to hide that behind:
look at the quality column. On CPUs without VNNI or AMX the kernels for 8 bits overflow; where such a device is timed,
`overflow_fix` is `all` unless it is given. At single batches of small dense layers other kernels are wrong too: where a
model is of such a batch it is refused. `openvino-int8-accuracy` takes back what costs too much.
"""

from optfarm_tasks.frameworks.openvino import compression, conversion, quantisation
from optfarm_tasks.frameworks.openvino.validation import Validation
from optfarm_tasks.technique import Done, Work

CARD = compression.card(
    needs_calibration=True, is_reduced=True, where_overflowing=compression.WITHOUT_OVERFLOW, tolerance_nmse=0.1
)
PARAMS = compression.Quantised


def run(work: Work, params: PARAMS) -> Done:
    """Watches ranges and quantises.

    Raises:
        NothingToDo: nothing of the model is quantised; its ops are named.
        UnsupportedOp: it computes in a type that is not quantised.
    """
    with conversion.source(work) as (model, signature, warnings):
        calibration, settings = compression.settings(work, model, signature, params)
        before = conversion.counts(model)
        check = Validation(model, calibration, None)
        quantised = quantisation.quantise(model, settings, check, overflow_fix=params.overflow_fix)
        conversion.write(quantised.model, signature, work)
        notes = {"calibration_samples": calibration.count} | quantised.notes
        said = (*warnings, *calibration.warnings, *quantised.warnings)
        return Done(warnings=said, notes=notes | compression.notes(before, quantised.model))
