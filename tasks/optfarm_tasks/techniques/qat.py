"""Quantisation-aware training: the model learns with int8 weights and activations emulated.

Weights and activations are rounded to int8 in the forward pass, so that training makes up for it. The next step, such
as `tflite-int8`, turns the emulation into integers. Without one the artifact is a SavedModel that emulates them.

When it helps: where `tflite-int8` alone loses too much quality: regression heads, small models, depthwise convolutions.

Traps: alone it is slower than the original, for it emulates. Layers that the toolkit does not take stay in float and
are named in the result; `tflite-int8` then refuses them, `tflite-int8-float` lets them be.
"""

from optfarm_tasks.frameworks.keras import quantising, training
from optfarm_tasks.technique import Done, Work

CARD = training.card(is_reduced=True, tolerance_nmse=0.1)
PARAMS = training.Training


def run(work: Work, params: PARAMS) -> Done:
    """Fine-tunes with int8 emulated."""
    model = training.load(work)
    trainer = training.trainer_of(work, model, params)
    emulating, notes = quantising.quantise(model, trainer.within(0.2, 0.9))
    return training.save(emulating, work, notes=notes | trainer.samples.notes)
