"""Models with preprocessing, code or unusual types inside."""

from typing import Any

import numpy as np

from tests.zoo.entries import pixels, real, whole, words
from tests.zoo.keras_entries import functional, model, sequential

Tensor = Any


def _adapted(keras: Any, *shape: int) -> Any:
    layer = keras.layers.Normalization(name="normalised")
    layer.adapt(np.random.default_rng(0).normal(3, 2, (64, *shape)).astype(np.float32))
    return layer


@functional("normalization", "keras.keras", a=real(16))
@functional("normalization_h5", "tf_keras.h5", a=real(16))
@functional("normalization_save", "tf_keras.save", a=real(16))
def normalization(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    return layers.Dense(4, name="y")(layers.Dense(64, activation="relu")(_adapted(keras, 16)(a)))


@functional("rescaled_by_array", "keras.keras", a=pixels(10, 10, 3))
def rescaled_by_array(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.Rescaling([0.01, 0.02, 0.005], offset=[-1.0, 0.0, 1.0])(a)
    return layers.Dense(4, name="y")(layers.Flatten()(layers.Conv2D(8, 3, activation="relu")(hidden)))


@sequential("augmented", "keras.keras", real(12, 12, 3))
@sequential("augmented_h5", "tf_keras.h5", real(12, 12, 3))
def augmented(keras: Any) -> Any:
    layers = keras.layers
    return [
        layers.RandomFlip(), layers.RandomRotation(0.1), layers.RandomContrast(0.1), layers.CenterCrop(8, 8),
        layers.Conv2D(16, 3, activation="relu"), layers.Flatten(), layers.Dense(4, name="y"),
    ]  # fmt: skip


@functional("looked_up_words", "keras.keras", a=words(1))
@functional("looked_up_words_save", "tf_keras.save", a=words(1))
def looked_up_words(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.StringLookup(vocabulary=["red", "green", "blue"], output_mode="one_hot")(a)
    return layers.Dense(4, name="y")(layers.Dense(300, activation="relu")(hidden))


@functional("looked_up_integers", "keras.keras", a=whole(1, below=9))
def looked_up_integers(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.IntegerLookup(vocabulary=[3, 5, 7], output_mode="one_hot")(a)
    return layers.Dense(4, name="y")(layers.Dense(300, activation="relu")(hidden))


@functional("encoded", "keras.keras", a=whole(3, below=9), b=real(2))
def encoded(keras: Any, a: Tensor, b: Tensor) -> Any:
    layers = keras.layers
    parts = [layers.CategoryEncoding(9, output_mode="multi_hot")(a), layers.Discretization([-1.0, 0.0, 1.0])(b)]
    hidden = layers.Concatenate()([parts[0], layers.Flatten()(layers.Embedding(4, 16)(parts[1]))])
    return layers.Dense(4, name="y")(layers.Dense(64, activation="relu")(hidden))


@functional("lambda", "keras.keras", a=real(16))
@functional("lambda_h5", "tf_keras.h5", a=real(16))
def with_lambda(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.Lambda(lambda x: x * 2.0 + 1.0, name="doubled")(layers.Dense(64, activation="relu")(a))
    return layers.Dense(4, name="y")(hidden)


@model("custom_layer", "keras.keras", {"x": real(16)})
@model("custom_layer_h5", "tf_keras.h5", {"x": real(16)})
@model("custom_layer_save", "tf_keras.save", {"x": real(16)})
def custom_layer(keras: Any) -> Any:
    class Doubled(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x * 2.0

    x = keras.Input((16,), name="x")
    return keras.Model(x, keras.layers.Dense(4, name="y")(Doubled(name="doubled")(keras.layers.Dense(64)(x))))


@functional("custom_activation", "keras.keras", a=real(16))
def custom_activation(keras: Any, a: Tensor) -> Any:
    def thrice(x: Any) -> Any:
        return x * 3.0

    return keras.layers.Dense(4, name="y")(keras.layers.Dense(64, activation=thrice, name="tripled")(a))


@functional("mixed_float16", "keras.keras", tags="rounded", a=real(12, 12, 3))
@functional("mixed_float16_h5", "tf_keras.h5", tags="rounded", a=real(12, 12, 3))
def mixed_float16(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.Conv2D(16, 3, activation="relu", dtype="mixed_float16")(a)
    hidden = layers.Dense(24, activation="relu", dtype="mixed_float16")(layers.Flatten()(hidden))
    return layers.Dense(4, dtype="float32", name="y")(hidden)


@functional("mixed_bfloat16", "keras.keras", tags="rounded", a=real(16))
def mixed_bfloat16(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    return layers.Dense(4, dtype="float32", name="y")(layers.Dense(64, activation="relu", dtype="mixed_bfloat16")(a))


@functional("float64", "keras.keras", a=real(8, dtype="float64"))
@functional("float64_h5", "tf_keras.h5", a=real(8, dtype="float64"))
def float64(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.Dense(64, activation="tanh", dtype="float64")(a)
    return layers.Dense(3, dtype="float64", name="y")(hidden)


@functional("convnext", "keras.keras", a=real(8, 8, 16))
def convnext(keras: Any, a: Tensor) -> Any:
    from keras.src.applications.convnext import LayerScale

    layers = keras.layers
    hidden = layers.LayerNormalization(epsilon=1e-6)(layers.DepthwiseConv2D(7, padding="same")(a))
    hidden = layers.Dense(16)(layers.Activation("gelu")(layers.Dense(64)(hidden)))
    hidden = layers.Add()([a, LayerScale(0.5, 16, name="scaled")(hidden)])
    return layers.Dense(4, name="y")(layers.GlobalAveragePooling2D()(hidden))
