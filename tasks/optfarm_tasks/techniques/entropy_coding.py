"""Entropy coding of a model's files, as the last step: smaller than gzip, bit for bit the same.

Weights that take few values, because they were pruned, clustered or quantised, are coded by how often each value
occurs (rANS); all else is packed by zlib. A Keras file is exported first. The runtime decodes and runs what comes out.

When it helps: as the last step of `prune -> cluster -> entropy-coding` or `prune -> tflite-int8 -> entropy-coding`,
where a model is stored or sent.

Traps: nothing is gained in memory or time once it is loaded, and loading takes longer. Float weights that were not
clustered hardly shrink.
"""

import tempfile
from pathlib import Path

from optfarm_tasks import keras_model
from optfarm_tasks.description import Format
from optfarm_tasks.technique import Card, Done, Params, Work
from optfarm_tasks.techniques import _coding

CARD = Card(accepts=frozenset(_coding.YIELDS), yields=_coding.YIELDS, tolerance_nmse=1e-10)


class PARAMS(Params):
    """It has none."""


def run(work: Work, _: Params) -> Done:
    """Codes what is there."""
    if work.format not in (Format.KERAS, Format.H5):
        return Done(notes=_coding.code(work.model, work))
    with tempfile.TemporaryDirectory(dir=work.output.parent, prefix="export-") as folder:
        work.report("exporting", 0.1)
        warnings = keras_model.export(work.model, Path(folder))
        return Done(warnings=warnings, notes=_coding.code(Path(folder), work))
