"""OpenVINO in int8: weights per channel, activations by ranges that were watched on samples.

NNCF takes ranges on the calibration split, quantises convolutions and products, and corrects their biases by what the
quantisation shifts on average. Inputs and outputs stay float32.

When it helps: nearly always on CPUs with int8 instructions; often the fastest variant of all there.

Traps: too few or unlike calibration samples give wrong ranges, and a regression head has nothing to hide that behind:
look at the quality column. `openvino-int8-accuracy` takes back what costs too much.
"""

from optfarm_tasks.errors import BadModel
from optfarm_tasks.frameworks import blaming
from optfarm_tasks.technique import Card, Done, Work
from optfarm_tasks.techniques import _nncf, _openvino

CARD = Card(
    accepts=_openvino.ACCEPTS,
    yields=_openvino.YIELDS,
    modules=_nncf.MODULES,
    needs_calibration=True,
    tolerance_nmse=0.1,
)


class PARAMS(_nncf.Quantised):
    """What it watches, and how it quantises."""


def run(work: Work, params: PARAMS) -> Done:
    """Watches ranges and quantises."""
    import nncf

    with _openvino.source(work) as (model, signature, warnings):
        calibration, settings = _nncf.settings(work, signature, params)
        before = _openvino.counts(model)
        with blaming(BadModel, "NNCF cannot quantise the model"), _nncf.quietly():
            quantised = nncf.quantize(model, **settings)
        _openvino.write(quantised, signature, work)
        told = (*warnings, *calibration.warnings)
        return Done(warnings=told, notes={"calibration_samples": calibration.count} | _nncf.notes(before, quantised))
