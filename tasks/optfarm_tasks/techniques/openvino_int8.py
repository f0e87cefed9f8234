"""OpenVINO in int8: weights per channel, activations by ranges that were watched on samples.

NNCF takes ranges on the calibration split, quantises convolutions and products, and corrects their biases by what the
quantisation shifts on average. Inputs and outputs stay float32.

When it helps: nearly always on CPUs with int8 instructions; often the fastest variant of all there.

Traps: too few or unlike calibration samples give wrong ranges, and a regression head has nothing to hide that behind:
look at the quality column. On CPUs without VNNI or AMX the kernels for 8 bits overflow; where such a device is timed,
`overflow_fix` is `all` unless it is given. `openvino-int8-accuracy` takes back what costs too much.
"""

from optfarm_tasks.errors import BadModel
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.openvino import compression, conversion
from optfarm_tasks.technique import Done, Work

CARD = compression.card(
    needs_calibration=True, is_reduced=True, where_overflowing=compression.WITHOUT_OVERFLOW, tolerance_nmse=0.1
)
PARAMS = compression.Quantised


def run(work: Work, params: PARAMS) -> Done:
    """Watches ranges and quantises."""
    import nncf

    with conversion.source(work) as (model, signature, warnings):
        calibration, settings = compression.settings(work, signature, params)
        before = conversion.counts(model)
        compression.quieten()
        with blaming(BadModel, "NNCF cannot quantise the model"):
            quantised = nncf.quantize(model, advanced_parameters=compression.advanced(params), **settings)
        conversion.write(quantised, signature, work)
        notes = {"calibration_samples": calibration.count} | compression.notes(before, quantised)
        return Done(warnings=(*warnings, *calibration.warnings), notes=notes)
