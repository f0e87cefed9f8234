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

from optfarm_tasks.coding import artifact
from optfarm_tasks.description import KERAS_FORMATS, Format
from optfarm_tasks.frameworks.keras import as_saved_model, clustering, kernels, pruning, training
from optfarm_tasks.technique import Done, Work

CARD = training.card(yields=dict.fromkeys(KERAS_FORMATS, Format.CODED), tolerance_nmse=0.5)


class PARAMS(clustering.Clustering, pruning.Pruning):
    """How much is pruned, how many values, and how the model learns."""

    sparsity: float = Field(default=0.8, gt=0, lt=1, description=pruning.SPARSITY)


def run(work: Work, params: PARAMS) -> Done:
    """Prunes, clusters, exports and codes."""
    model = training.load(work)
    weights = clustering.clusterable(model, params, user="deep-compression")
    trainer = training.trainer_of(work, model, params)
    losses = {
        "pruning_loss": pruning.prune(model, weights, trainer.within(0.1, 0.5), sparsity=params.sparsity),
        "clustering_loss": clustering.cluster(model, weights, trainer.within(0.5, 0.85), count=params.clusters),
    }
    notes = {"sparsity": kernels.sparsity(weights), "distinct_weights": kernels.distinct(weights)}
    with tempfile.TemporaryDirectory(dir=work.output.parent, prefix="steps-") as scratch:
        keras, exported = Path(scratch, "keras"), Path(scratch, "exported")
        keras.mkdir()
        saved = training.save(model, dataclasses.replace(work, output=keras), notes={})
        as_saved_model.export(keras, exported)
        notes |= losses | trainer.samples.notes | artifact.code(exported, work)
        return Done(warnings=saved.warnings, notes=notes)
