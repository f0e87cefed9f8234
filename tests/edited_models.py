"""Small models for the techniques that edit, and what they should become; keras or tf_keras is an argument."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf  # noqa: TID253 (imported by a script that is a process of its own)

SIDE = 12


class Detector(tf.Module):
    """Boxes by NonMaxSuppression, and a second signature."""

    def __init__(self) -> None:
        super().__init__()
        random = np.random.default_rng(0)
        self.kernel = tf.Variable(random.standard_normal((3, 3, 3, 8)).astype(np.float32))
        self.head = tf.Variable(random.standard_normal((8, 5)).astype(np.float32))

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, SIDE, SIDE, 3], tf.float32, name="image"),
            tf.TensorSpec([], tf.float32, name="threshold"),
        ]
    )
    def detect(self, image: Any, threshold: Any) -> dict[str, Any]:
        cells = tf.reshape(tf.nn.relu(tf.nn.conv2d(image, self.kernel, 4, "SAME")), [-1, 8]) @ self.head
        boxes, scores = tf.sigmoid(cells[:, :4]), tf.sigmoid(cells[:, 4])
        chosen, kept = tf.image.non_max_suppression_with_scores(boxes, scores, 5, 0.5, threshold)
        return {"boxes": tf.gather(boxes, chosen), "scores": kept}

    @tf.function(input_signature=[tf.TensorSpec([None, SIDE, SIDE, 3], tf.float32, name="image")])
    def features(self, image: Any) -> dict[str, Any]:
        return {"features": tf.nn.conv2d(image, self.kernel, 4, "SAME")}


def write_detector(folder: Path) -> None:
    """The detector as a SavedModel with two signatures."""
    detector = Detector()
    signatures = {"serving_default": detector.detect, "features": detector.features}
    tf.saved_model.save(detector, folder, signatures=signatures)


def pooled(library: Any, height: int = SIDE, width: int = SIDE) -> Any:
    """Takes images of any size, for it ends in global pooling; with a model within it and odd convolutions."""
    layers = library.layers
    image = library.Input((height, width, 3), name="image")
    inner = library.Sequential([library.Input((None, None, 8)), layers.Conv2D(8, 3, padding="same")], name="inner")
    hidden = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu", name="first")(image)
    hidden = layers.Conv2D(8, 3, dilation_rate=2, name="apart")(layers.UpSampling2D(name="up")(hidden))
    hidden = layers.Conv2D(8, 1, groups=2, name="grouped")(layers.BatchNormalization(name="normed")(hidden))
    hidden = layers.GlobalAveragePooling2D(name="pool")(inner(hidden))
    return library.Model(image, layers.Dense(6, name="scores")(hidden))


def flat(library: Any) -> Any:
    """Takes its own size only: a Dense layer after Flatten."""
    layers = library.layers
    stages = [
        layers.Conv2D(4, 3, padding="same", name="body"),
        layers.Flatten(name="flat"),
        layers.Dense(6, name="scores"),
    ]
    return library.Sequential([library.Input((SIDE, SIDE, 3), name="image"), *stages])


def mask(library: Any, height: int = SIDE, width: int = SIDE) -> Any:
    """Gives a number for each pixel."""
    layers = library.layers
    stages = [layers.Conv2D(4, 3, padding="same", name="body"), layers.Conv2D(1, 1, name="mask")]
    return library.Sequential([library.Input((height, width, 3), name="image"), *stages])


def residual(library: Any, blocks: int = 3) -> Any:
    """Branches that are added, and an activation after each."""
    layers = library.layers
    image = library.Input((SIDE, SIDE, 3), name="image")
    hidden = layers.Conv2D(8, 3, padding="same", name="stem")(image)
    for index in range(blocks):
        branch = layers.Conv2D(8, 3, padding="same", name=f"block{index}_conv")(hidden)
        branch = layers.BatchNormalization(name=f"block{index}_norm")(branch)
        hidden = layers.Add(name=f"block{index}_add")([hidden, layers.ReLU(name=f"block{index}_relu")(branch)])
        hidden = layers.ReLU(name=f"block{index}_out")(hidden)
    return library.Model(image, layers.Dense(6, name="scores")(layers.GlobalAveragePooling2D(name="pool")(hidden)))


def stack(library: Any, *, deep: bool = True) -> Any:
    """Equal layers in a row, with and without the last one of them."""
    layers = library.layers
    equal = [layers.Conv2D(8, 3, padding="same", name="last"), layers.BatchNormalization(name="last_norm")]
    return library.Sequential(
        [
            library.Input((SIDE, SIDE, 3), name="image"),
            layers.Conv2D(8, 3, padding="same", activation="relu", name="first"),
            layers.Conv2D(8, 3, padding="same", activation="relu", name="second"),
            *(equal if deep else []),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(6, name="scores"),
        ]
    )


def several(library: Any, *, deep: bool = True) -> Any:
    """Two inputs, one of which comes in late, and two outputs."""
    layers = library.layers
    left, right = library.Input((8,), name="left"), library.Input((4,), name="right")
    hidden = layers.Dense(8, activation="relu", name="first")(left)
    hidden = layers.Dense(8, activation="relu", name="last")(hidden) if deep else hidden
    hidden = layers.Concatenate(name="both")([hidden, right])
    return library.Model([left, right], [layers.Dense(1, name="one")(hidden), layers.Dense(2, name="two")(hidden)])


def recurrent(library: Any) -> Any:
    """Layers within layers."""
    layers = library.layers
    cell = layers.Bidirectional(layers.LSTM(4, return_sequences=True), name="cell")
    each = layers.TimeDistributed(layers.Dense(3), name="each")
    stages = [cell, each, layers.Flatten(name="flat"), layers.Dense(2, name="scores")]
    return library.Sequential([library.Input((5, 3), name="steps"), *stages])


def shared(library: Any) -> Any:
    """One layer that is called twice."""
    layers = library.layers
    values = library.Input((8,), name="values")
    twice = layers.Dense(8, name="twice")
    return library.Model(values, layers.Dense(2, name="scores")(twice(twice(values))))
