"""Fine-tunes Keras models, for all techniques that train: a model of any Keras is read, model.h5 is written."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from numpy.typing import NDArray
from pydantic import Field

from optfarm_tasks import formats
from optfarm_tasks.description import KERAS_FORMATS, Format
from optfarm_tasks.errors import BadModel, BadParameter
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.keras import as_saved_model, bridge, losses
from optfarm_tasks.frameworks.keras.training_set import TrainingSet, forget_state, keeps_state, training_set_of
from optfarm_tasks.technique import Card, Done, Memory, OnProgress, Params, Work

MODULES = (*as_saved_model.MODULES, "tensorflow_model_optimization")
MEMORY = Memory(base_bytes=2_500_000_000, factor=4.0)
"""TensorFlow and a batch's activations; weights, gradients, Adam's two moments. Measured: docs/techniques.md."""
card = partial(
    Card,
    accepts=KERAS_FORMATS,
    yields=dict.fromkeys(KERAS_FORMATS, Format.H5),
    modules=MODULES,
    needs_training_data=True,
    memory=MEMORY,
)
"""The card of a technique that fine-tunes."""

FILE = "model.h5"

_IN_ORDER = "the model keeps state from one sample to the next, so samples were learnt from in the order that they have"


class Training(Params):
    """Parameters of techniques that fine-tune."""

    epochs: int = Field(default=2, ge=1, le=1000, description="how often all samples of the split are learnt from")
    batch_size: int = Field(
        default=32,
        ge=1,
        le=4096,
        description="samples per step; fewer where activations take over 0.8 GB; a model's fixed batch goes first",
    )
    learning_rate: float = Field(default=1e-4, gt=0, le=1, description="of Adam, constant over all steps")
    loss: losses.Name = Field(default="auto", description="auto chooses by labels and outputs; mse without labels")


def load(work: Work) -> Any:
    """The model in tf_keras, with every later draw of a random number seeded.

    Raises:
        BadModel: no Keras loads it, tf_keras cannot rebuild it, or it emulates quantisation already.
    """
    import tensorflow as tf
    import tf_keras

    work.on_progress("loading", 0.02)
    if as_saved_model.is_quantised(work.model):
        raise BadModel(
            "the model emulates quantisation already, which pruning and clustering would undo; let them come before "
            "qat in the recipe, or use pqat, cqat or pcqat"
        )
    tf_keras.utils.set_random_seed(work.seed)
    tf.config.experimental.enable_op_determinism()
    model, library = as_saved_model.load(work.model)
    if library == "keras":
        model = bridge.to_tf_keras(model, formats.describe(work.model).signature.inputs[0].name)
    if not getattr(model, "inputs", None):
        raise BadModel("the model has no inputs of known shape; begin it with keras.Input and save it again")
    _leave_activities(model)
    return model


def _leave_activities(model: Any) -> None:
    """Takes regularisers of activations away, in place: the toolkit's wrappers lose hold of what they add to the loss.

    They are for training from scratch, and change nothing of what the model computes.
    """
    for layer in model._flatten_layers():  # noqa: SLF001 (the one list that has the layers of models within)
        if getattr(layer, "activity_regularizer", None) is not None:
            layer.activity_regularizer = None
            layer._losses.clear()  # noqa: SLF001 (it holds the losses of the calls that loading made)


@dataclass(frozen=True)
class Trainer:
    """Fine-tunes models on the same samples, in the same way."""

    samples: TrainingSet
    params: Training
    seed: int
    """The same seed draws the same batches."""
    on_progress: OnProgress

    @property
    def steps(self) -> int:
        """How many steps fine-tuning takes."""
        return self.params.epochs * math.ceil(self.samples.count / self.samples.batch_size)

    def within(self, start: float, end: float) -> "Trainer":
        """The same trainer, whose whole progress is start..end of the conversion's."""
        whole = self.on_progress
        return replace(self, on_progress=lambda phase, fraction: whole(phase, start + fraction * (end - start)))

    def fine_tune(self, model: Any, *, callbacks: Sequence[Any] = ()) -> list[float]:
        """Trains a model in place, and gives the mean loss of each epoch.

        Args:
            model: a tf_keras model whose inputs and outputs are those that the samples were read for.
            callbacks: of tf_keras, called after each step and before on_progress.

        Raises:
            BadModel: tf_keras cannot train it.
            BadParameter: the loss is no number any more.
            OutOfMemory: memory ran out.
        """
        import tf_keras

        optimizer = tf_keras.optimizers.Adam(self.params.learning_rate)
        losses = [self.samples.loss.built() if output.dtype.is_floating else None for output in model.outputs]
        with blaming(BadModel, "tf_keras cannot train the model"):
            model = _with_list(model)
            model.compile(optimizer=optimizer, loss=losses, loss_weights=self.samples.weights)
            history = model.fit(
                _batches(self.samples, model, seed=self.seed),
                epochs=self.params.epochs,
                shuffle=False,
                verbose=0,
                callbacks=[*callbacks, _watch(self.on_progress, self.steps)],
            ).history
        return [round(float(each), 8) for each in history["loss"]]


def _with_list(model: Any) -> Any:
    """A model of the same layers that gives a list, as targets are one, in the order of its outputs."""
    import tf_keras

    return tf_keras.Model(model.inputs, model.outputs) if isinstance(model.output, dict) else model


def trainer_of(work: Work, model: Any, params: Training) -> Trainer:
    """What fine-tunes a model on its work's data set; see `training_set.training_set_of` for what it raises."""
    samples = training_set_of(work, model, params.loss, params.batch_size)
    return Trainer(samples, params, work.seed, work.on_progress)


def save(model: Any, work: Work, *, notes: dict[str, Any]) -> Done:
    """Writes model.h5 without the optimizer's state.

    Raises:
        BadModel: tf_keras cannot save it.
    """
    work.on_progress("saving", 0.95)
    with blaming(BadModel, "tf_keras cannot save the model"):
        model.save(work.output / FILE, include_optimizer=False)
    return Done(warnings=(_IN_ORDER,) if keeps_state(model) else (), notes=notes)


def _batches(samples: TrainingSet, model: Any, *, seed: int) -> Any:
    """The batches of one epoch after another, whose shapes are known when the training step is traced."""
    import tensorflow as tf

    epochs = itertools.count()

    def epoch() -> Iterator[Any]:
        for rows in samples.order(seed, epoch=next(epochs)):
            yield samples.batch(rows, model)

    first = samples.batch(samples.order(seed, epoch=0)[0], model)
    signature = tf.nest.map_structure(lambda array: tf.TensorSpec(array.shape, _dtype(array)), first)
    return tf.data.Dataset.from_generator(epoch, output_signature=signature)


def _dtype(array: NDArray[Any]) -> Any:
    import tensorflow as tf

    return tf.string if array.dtype.kind in "OSU" else tf.as_dtype(array.dtype)


def _watch(on_progress: OnProgress, steps: int) -> Any:
    import tf_keras

    class Watch(tf_keras.callbacks.Callback):  # type: ignore[misc]  # tf_keras has no types
        """Reports each step, and ends training whose loss is no number any more."""

        def __init__(self) -> None:
            super().__init__()
            self._done = 0

        def on_epoch_begin(self, _epoch: int, _logs: Any = None) -> None:
            forget_state(self.model)

        def on_train_batch_end(self, _batch: int, logs: Any = None) -> None:
            self._done += 1
            loss = float((logs or {}).get("loss", 0.0))
            if not math.isfinite(loss):
                raise BadParameter(f"the loss is {loss} after step {self._done} of {steps}; lower the learning rate")
            on_progress("fine-tuning", self._done / steps)

    return Watch()
