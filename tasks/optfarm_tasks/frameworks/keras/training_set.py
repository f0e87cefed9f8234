"""What fine-tuning learns from: samples of a split with labels, or with what the original model makes of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks import formats
from optfarm_tasks.data_sets import data
from optfarm_tasks.data_sets.training import ACTIVATION_BYTES, training_samples
from optfarm_tasks.errors import BadData, BadModel
from optfarm_tasks.frameworks.keras import as_saved_model, losses
from optfarm_tasks.technique import Work

_TEACHING_BATCH = 32
_PROBE = 97
"""A batch that no size of a kernel is a multiple of."""
_LEAST_VARIANCE = 1e-12


@dataclass(frozen=True)
class TrainingSet:
    """Samples and what a model should make of them."""

    inputs: dict[str, NDArray[Any]]
    """Model input name → the samples of the split, first axis."""
    targets: list[NDArray[Any]]
    """For each output of the model."""
    loss: losses.Loss
    split: str
    teacher: str
    """Whose answers the targets are."""
    batch_size: int
    """Samples per step."""
    weights: list[float]
    """Of each output's loss; 1 / variance where a model teaches, so that no output drowns the others."""
    keeps_order: bool = False
    """Whether the model keeps state from one batch to the next, so that samples make sense in their order alone."""

    @property
    def count(self) -> int:
        """How many samples there are."""
        return len(self.targets[0])

    def order(self, seed: int, *, epoch: int) -> list[NDArray[np.intp]]:
        """The batches of an epoch; the last one begins again at its first samples, so that all are full."""
        in_order = np.arange(self.count)
        shuffled = in_order if self.keeps_order else np.random.default_rng([seed, epoch]).permutation(in_order)
        starts = range(0, self.count, self.batch_size)
        return [np.take(shuffled, range(start, start + self.batch_size), mode="wrap") for start in starts]

    def batch(self, rows: NDArray[np.intp], model: Any) -> tuple[Any, tuple[Any, ...]]:
        """Inputs in the model's order and types, one alone or a tuple, and targets."""
        inputs = arranged(model, {name: array[rows] for name, array in self.inputs.items()})
        targets = tuple(target[rows] for target in self.targets)
        return tuple(inputs) if isinstance(inputs, list) else inputs, targets

    @property
    def notes(self) -> dict[str, Any]:
        """What a result says of them."""
        return {
            "split": self.split,
            "samples": self.count,
            "taught_by": self.teacher,
            "loss_function": self.loss.name,
            "batch_size": self.batch_size,
        }


def training_set_of(work: Work, model: Any, loss: str, batch_size: int) -> TrainingSet:
    """What a data set holds for a model to learn.

    Args:
        work: its data set has a train or a calibration split; the work's original model teaches where no labels are.
        model: a tf_keras model, as it is before anything is changed.
        loss: see `losses.Name`.
        batch_size: samples per step; fewer are taken where their activations would not fit.

    Raises:
        BadModel: all of its outputs are whole numbers.
        BadData: there is no such split, or it does not fit the model.
        BadParameter: the loss wants labels and there are none.
    """
    _refuse_whole_numbers(model)
    inputs, labels, split = training_samples(work, formats.describe(work.model).signature)
    size = fixed_batch(model) or min(batch_size, max(1, ACTIVATION_BYTES // activation_bytes(model, inputs)))
    if labels is None:
        return _distilled(work, model, inputs, loss=loss, split=split, batch_size=size)
    if len(model.outputs) > 1:
        raise BadData(
            f"{split}/{data.LABELS} labels one output, and the model has {len(model.outputs)}; leave the labels out, "
            f"and the original model teaches all of them"
        )
    answers = next(iter(predictions(model, {name: array[:_TEACHING_BATCH] for name, array in inputs.items()})))
    chosen = losses.for_labels(loss, labels, answers)
    targets = [losses.shaped(labels, answers, chosen)]
    return TrainingSet(
        inputs,
        targets,
        chosen,
        split=split,
        teacher="labels",
        batch_size=size,
        weights=[1.0],
        keeps_order=keeps_state(model),
    )


def keeps_state(model: Any) -> bool:
    """Whether a model of tf_keras has a layer that goes on from one batch to the next."""
    return bool(getattr(model, "stateful", False))


def _refuse_whole_numbers(model: Any) -> None:
    """An output of whole numbers, such as an argmax, has no gradient; the others of a model are learnt by."""
    if not any(output.dtype.is_floating for output in model.outputs):
        names = ", ".join(as_saved_model.layer_name(output) for output in model.outputs)
        raise BadModel(f"nothing can be learnt by whole numbers, which {names} gives; end the model before its argmax")


def predictions(model: Any, inputs: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """What a model makes of samples, for each output; computed in batches."""
    count, batch_size = len(next(iter(inputs.values()))), fixed_batch(model) or _TEACHING_BATCH
    pieces = [_answers(model, inputs, rows) for rows in _rows(count, batch_size)]
    return [np.concatenate(each)[:count] for each in zip(*pieces, strict=True)]


def fixed_batch(model: Any) -> int | None:
    """The batch of a model that takes no other."""
    return next((int(each.shape[0]) for each in model.inputs if each.shape[0]), None)


def activation_bytes(model: Any, inputs: dict[str, NDArray[Any]]) -> int:
    """What all ops of a model give for one sample of these shapes, as training keeps most of it for the gradients."""
    import tensorflow as tf

    probed = {name: np.broadcast_to(array[:1], (_PROBE, *array.shape[1:])) for name, array in inputs.items()}
    called = tf.function(lambda given: model(given, training=True))
    graph = called.get_concrete_function(arranged(model, probed)).graph
    given = (tensor for op in graph.get_operations() for tensor in op.outputs if tensor.dtype.is_floating)
    sizes = ((tensor.shape.num_elements() or 0, tensor.dtype.size) for tensor in given)
    return sum(count // _PROBE * width for count, width in sizes if count % _PROBE == 0) or 1


def forget_state(model: Any) -> None:
    """Has the layers of a model, of either Keras, begin anew."""
    for layer in model.layers:
        forget = getattr(layer, "reset_states", None) or getattr(layer, "reset_state", None)
        if getattr(layer, "stateful", False) and forget is not None:
            forget()


def _distilled(
    work: Work, model: Any, inputs: dict[str, NDArray[Any]], *, loss: str, split: str, batch_size: int
) -> TrainingSet:
    chosen = losses.for_answers(loss)
    teacher, name = _teacher(work, model)
    work.on_progress("asking the original model", 0.1)
    forget_state(teacher)
    answers = predictions(teacher, inputs)
    if not all(np.isfinite(each).all() for each in answers):
        raise BadData(
            "the original model gives NaN or infinite outputs for this split; nothing can be learnt from them"
        )
    weights = [1 / max(float(np.var(each, axis=0, dtype=np.float64).mean()), _LEAST_VARIANCE) for each in answers]
    return TrainingSet(
        inputs,
        answers,
        chosen,
        split=split,
        teacher=name,
        batch_size=batch_size,
        weights=weights,
        keeps_order=keeps_state(model),
    )


def _teacher(work: Work, model: Any) -> tuple[Any, str]:
    """The model that the recipe began with, if an earlier step did not change what goes in or comes out."""
    if work.original is None or work.original == work.model:
        return model, "outputs of the original model"
    first, _ = as_saved_model.load(work.original)
    sides = [[tuple(each.shape) for each in (*one.inputs, *one.outputs)] for one in (first, model)]
    if sides[0] == sides[1]:
        return first, "outputs of the original model"
    return model, "outputs of the model that the step before made, whose shapes differ from the original's"


def _rows(count: int, batch_size: int) -> Iterator[NDArray[np.intp]]:
    for start in range(0, count, batch_size):
        yield np.arange(start, start + batch_size) % count


def _answers(model: Any, inputs: dict[str, NDArray[Any]], rows: NDArray[np.intp]) -> list[NDArray[Any]]:
    outputs = model(arranged(model, {name: array[rows] for name, array in inputs.items()}), training=False)
    if isinstance(outputs, dict):
        outputs = [outputs[key] for key in sorted(outputs)]
    return [np.asarray(value) for value in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]


def arranged(model: Any, samples: dict[str, NDArray[Any]]) -> Any:
    """Samples by name in the order of the model's inputs, cast to their types."""
    names = [as_saved_model.layer_name(tensor) for tensor in model.inputs]
    if len(names) == 1:
        samples = {names[0]: next(iter(samples.values()))}
    arrays = [
        samples[name].astype(tensor.dtype if isinstance(tensor.dtype, str) else tensor.dtype.as_numpy_dtype)
        for name, tensor in zip(names, model.inputs, strict=True)
    ]
    return arrays[0] if len(arrays) == 1 else arrays
