"""Deep Compression: prune, cluster, and code what is left by how often it occurs.

After Han, Mao and Dally (arXiv:1510.00149): the smallest weights become zero, the others share few values per kernel,
both fine-tuned; then an entropy coder (rANS, where the paper has Huffman) stores the values of each kernel in little
more than their entropy. The file decodes bit for bit into a SavedModel, which is what runs.

When it helps: a model that is stored or sent has to be as small as can be, most where dense layers hold the weights.

Traps: those of `prune` and `cluster`. Nothing is gained in memory or time once it is loaded. For a smaller int8 model:
`prune -> cluster -> tflite-int8 -> entropy-coding`.
"""

import dataclasses
import tempfile
from pathlib import Path

from pydantic import Field

from optfarm_tasks import keras_model
from optfarm_tasks.description import Format
from optfarm_tasks.technique import Done, Work
from optfarm_tasks.techniques import _clustering, _coding, _kernels, _pruning, _training

CARD = dataclasses.replace(_training.card(tolerance_nmse=0.5), yields=dict.fromkeys(_training.ACCEPTS, Format.CODED))


class PARAMS(_clustering.Clustering, _pruning.Pruning):
    """How much is pruned, how many values, and how the model learns."""

    sparsity: float = Field(default=0.8, gt=0, lt=1, description=_pruning.SPARSITY)


def run(work: Work, params: PARAMS) -> Done:
    """Prunes, clusters, exports and codes."""
    model = _training.load(work)
    kernels = _clustering.clusterable(model, params, user="deep-compression")
    lessons = _training.lessons_of(work, model, params)
    pruning, clustering = _training.part(work.report, 0.1, 0.5), _training.part(work.report, 0.5, 0.85)
    losses = {
        "pruning_loss": _pruning.prune(model, kernels, lessons, params, seed=work.seed, report=pruning),
        "clustering_loss": _clustering.cluster(model, kernels, lessons, params, seed=work.seed, report=clustering),
    }
    notes = {"sparsity": _kernels.sparsity(kernels), "distinct_weights": _kernels.distinct(kernels)}
    with tempfile.TemporaryDirectory(dir=work.output.parent, prefix="steps-") as scratch:
        keras, exported = Path(scratch, "keras"), Path(scratch, "exported")
        keras.mkdir()
        _training.save(model, dataclasses.replace(work, output=keras), notes={})
        warnings = keras_model.export(keras, exported)
        return Done(warnings=warnings, notes=notes | losses | lessons.told() | _coding.code(exported, work))
