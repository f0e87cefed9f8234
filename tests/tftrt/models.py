"""Models of many kinds as SavedModels with drawn weights, written by the toolchain's TensorFlow and its Keras."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf


def _exported(model: Any, folder: Path) -> None:
    model.export(folder, verbose=False)


def _application(name: str) -> Callable[[Path], None]:
    return lambda folder: _exported(
        getattr(keras.applications, name)(weights=None, input_shape=(96, 96, 3), classes=10), folder
    )


def _recurrent(folder: Path) -> None:
    layers = keras.layers
    _exported(keras.Sequential([keras.Input((12, 8), name="x"), layers.LSTM(16), layers.Dense(4)]), folder)


def _encoder(folder: Path) -> None:
    layers = keras.layers
    given = keras.Input((16, 32), name="x")
    attended = layers.LayerNormalization()(given + layers.MultiHeadAttention(4, 8)(given, given))
    fed = layers.Dense(32)(layers.Dense(64, activation="gelu")(attended))
    _exported(keras.Model(given, layers.LayerNormalization()(attended + fed)), folder)


class _Detector(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.kernel = tf.Variable(tf.random.stateless_normal([3, 3, 3, 8], [1, 2]))
        self.heads = [tf.Variable(tf.random.stateless_normal([8, each], [1, each])) for each in (4, 1)]

    @tf.function(input_signature=[tf.TensorSpec([1, 32, 32, 3], tf.float32, name="image")])
    def __call__(self, image: Any) -> dict[str, Any]:
        features = tf.reshape(tf.nn.relu(tf.nn.conv2d(image, self.kernel, 2, "SAME")), [-1, 8])
        boxes, scores = features @ self.heads[0], tf.sigmoid(features @ self.heads[1])[:, 0]
        kept = tf.image.non_max_suppression(boxes, scores, 10)
        return {"boxes": tf.gather(boxes, kept), "scores": tf.gather(scores, kept)}


class _Words(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.Variable(tf.random.stateless_normal([4, 4], [1, 2]))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="words")])
    def __call__(self, words: Any) -> dict[str, Any]:
        numbers = tf.strings.to_number(tf.strings.split(words, ",").to_tensor("0", shape=[None, 4]))
        return {"y": tf.nn.softmax(tf.nn.relu(numbers @ self.weights) @ self.weights)}


class _Table(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        keys = tf.lookup.KeyValueTensorInitializer(["a", "b"], [0, 1])
        self.table = tf.lookup.StaticHashTable(keys, -1)
        self.weights = tf.Variable(tf.random.stateless_normal([3, 4], [1, 2]))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="words")])
    def __call__(self, words: Any) -> dict[str, Any]:
        return {"y": tf.nn.relu(tf.gather(self.weights, self.table.lookup(words) + 1))}


class _Upper(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="words")])
    def __call__(self, words: Any) -> dict[str, Any]:
        return {"y": tf.strings.upper(words)}


class _Alternating(tf.Module):
    """Many segments, with an op between them that TensorRT does not take."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.Variable(tf.random.stateless_normal([8, 8], [1, 2]))

    @tf.function(input_signature=[tf.TensorSpec([None, 8], tf.float32, name="x")])
    def __call__(self, x: Any) -> dict[str, Any]:
        for _ in range(25):
            x = tf.math.erfinv(tf.tanh(tf.nn.relu(x @ self.weights) + 1.0) * 0.5)
        return {"y": x}


class _AnySize(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, name="image")])
    def __call__(self, image: Any) -> dict[str, Any]:
        return {"y": tf.reduce_mean(tf.nn.relu(image * 2.0 + 1.0), [1, 2])}


def _module(kind: type[tf.Module]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        module = kind()
        tf.saved_model.save(module, str(folder), signatures=module.__call__)

    return write


WRITERS: dict[str, Callable[[Path], None]] = {
    "mobilenet": _application("MobileNetV2"),
    "resnet": _application("ResNet50"),
    "recurrent": _recurrent,
    "encoder": _encoder,
    "detector": _module(_Detector),
    "words": _module(_Words),
    "table": _module(_Table),
    "upper": _module(_Upper),
    "alternating": _module(_Alternating),
    "any-size": _module(_AnySize),
}
"""Model → what writes it into a folder."""


def write(name: str, folder: Path) -> Path:
    """One of them, alike each time but for names that TensorFlow draws."""
    keras.utils.set_random_seed(3)
    WRITERS[name](folder / name)
    return folder / name
