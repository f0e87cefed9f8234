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

from optfarm_tasks.coding import artifact
from optfarm_tasks.description import KERAS_FORMATS
from optfarm_tasks.frameworks.keras import as_saved_model
from optfarm_tasks.technique import Card, Done, Params, Work

CARD = Card(accepts=frozenset(artifact.YIELDS), yields=artifact.YIELDS, tolerance_nmse=1e-10)
PARAMS = Params


def run(work: Work, _: Params) -> Done:
    """Codes what is there."""
    if work.format not in KERAS_FORMATS:
        return Done(notes=artifact.code(work.model, work))
    with tempfile.TemporaryDirectory(dir=work.output.parent, prefix="export-") as folder:
        work.on_progress("exporting", 0.1)
        as_saved_model.export(work.model, Path(folder))
        return Done(notes=artifact.code(Path(folder), work))
