"""Dense models, attention, normalisation, embeddings, and the ways in which layers are put together."""

from typing import Any

import numpy as np

from tests.zoo.entries import real, whole
from tests.zoo.keras_entries import functional, model, sequential

Tensor = Any


@sequential("dense", "keras.keras", real(16))
@sequential("dense_h5", "keras.h5", real(16))
@sequential("dense_export", "keras.export", real(16))
@sequential("dense_tf_keras", "tf_keras.keras", real(16))
@sequential("dense_tf_keras_h5", "tf_keras.h5", real(16))
@sequential("dense_tf_keras_export", "tf_keras.export", real(16))
@sequential("dense_tf_keras_save", "tf_keras.save", real(16))
def dense(keras: Any) -> Any:
    layers = keras.layers
    return [layers.Dense(64, activation="relu"), layers.Dropout(0.3), layers.Dense(48), layers.Dense(4, name="y")]


@functional("classes", "tf_keras.h5", a=real(24))
def classes(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.BatchNormalization()(layers.Dense(64, activation="relu")(a))
    return layers.Activation("softmax", name="scores")(layers.Dense(6)(hidden))


@functional("normalised_first", "keras.keras", a=real(24))
def normalised_first(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.Dense(64)(layers.BatchNormalization()(a))
    return layers.BatchNormalization(name="y")(layers.Dense(8)(layers.Activation("tanh")(hidden)))


@functional("layer_norms", "keras.keras", a=real(16))
def layer_norms(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.LayerNormalization()(layers.Dense(64, activation="gelu")(a))
    hidden = layers.GroupNormalization(4)(layers.Dense(64)(hidden))
    return layers.Dense(3, name="y")(layers.UnitNormalization()(hidden))


@functional("shared", "keras.keras", a=real(24), b=real(24))
@functional("shared_h5", "tf_keras.h5", a=real(24), b=real(24))
def shared(keras: Any, a: Tensor, b: Tensor) -> Any:
    layers = keras.layers
    both = layers.Dense(48, activation="relu", name="both")
    return layers.Dense(4, name="y")(layers.Concatenate()([both(a), both(b)]))


def _block(keras: Any, name: str, size: int) -> Any:
    layers = keras.layers
    x = keras.Input((size,))
    return keras.Model(x, layers.BatchNormalization()(layers.Dense(40, activation="relu")(x)), name=name)


@functional("nested", "keras.keras", a=real(24))
@functional("nested_h5", "tf_keras.h5", a=real(24))
@functional("nested_save", "tf_keras.save", a=real(24))
def nested(keras: Any, a: Tensor) -> Any:
    again = _block(keras, "second", 40)
    return keras.layers.Dense(4, name="y")(again(again(_block(keras, "first", 24)(a))))


@model("nested_sequence", "keras.h5", {"x": real(16)})
def nested_sequence(keras: Any) -> Any:
    layers = keras.layers
    inner = keras.Sequential([layers.Dense(64, activation="relu"), layers.Dense(32)], name="inner")
    return keras.Sequential([keras.Input((16,), name="x"), inner, layers.Dense(4, name="y")])


@model("subclassed", "keras.export", {"x": real(16)})
@model("subclassed_save", "tf_keras.save", {"x": real(16)})
def subclassed(keras: Any) -> Any:
    class Network(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.wide = keras.layers.Dense(64, activation="relu")
            self.last = keras.layers.Dense(4)

        def call(self, x: Any) -> Any:
            return self.last(self.wide(x))

    made = Network()
    made(np.zeros((1, 16), np.float32))
    return made


@functional("residual", "keras.keras", a=real(32))
def residual(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = a
    for _ in range(3):
        hidden = layers.Add()([hidden, layers.Dense(32, activation="swish")(hidden)])
    return layers.Dense(2, name="y")(hidden)


@functional("attention", "keras.keras", a=real(10, 16))
@functional("attention_tf_keras", "tf_keras.keras", a=real(10, 16))
def attention(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.LayerNormalization()(layers.Add()([a, layers.MultiHeadAttention(2, 16)(a, a)]))
    hidden = layers.Add()([hidden, layers.Dense(16)(layers.Dense(64, activation="relu")(hidden))])
    return layers.Dense(3, name="y")(layers.GlobalAveragePooling1D()(hidden))


@functional("attention_causal", "keras.keras", a=real(10, 16))
@functional("attention_causal_tf_keras", "tf_keras.keras", a=real(10, 16))
def attention_causal(keras: Any, a: Tensor) -> Any:
    layers, large = keras.layers, keras.initializers.RandomNormal(stddev=0.5, seed=1)
    attended = layers.MultiHeadAttention(2, 16, kernel_initializer=large)(a, a, use_causal_mask=True)
    return layers.Dense(3, name="y")(layers.LayerNormalization()(layers.Add()([a, attended])))


@functional("attention_of_length", "keras.keras", a=real(10, 16, declared=(None, 16)))
def attention_of_length(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.Attention()([layers.Dense(64)(a), layers.Dense(64)(a)])
    return layers.Dense(3, name="y")(layers.GlobalMaxPooling1D()(hidden))


@functional("embedding", "keras.keras", a=whole(12, below=50))
@functional("embedding_h5", "tf_keras.h5", a=whole(12, below=50))
def embedding(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.GlobalAveragePooling1D()(layers.Embedding(50, 24, name="words")(a))
    return layers.Dense(4, name="y")(layers.Dense(64, activation="relu")(hidden))


@functional("masked_embedding", "keras.keras", a=whole(8, below=50))
def masked_embedding(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.LSTM(24)(layers.Embedding(50, 24, mask_zero=True)(a))
    return layers.Dense(4, name="y")(hidden)


@functional("activations", "keras.keras", a=real(16))
def activations(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = a
    for name in ("elu", "selu", "softplus", "softsign", "hard_sigmoid", "gelu", "leaky_relu", "mish"):
        hidden = layers.Dense(32, activation=name)(hidden)
    hidden = layers.PReLU()(layers.Dense(32)(hidden))
    return layers.Dense(4, name="y")(layers.ReLU(6.0)(hidden))


@functional("operations", "keras.keras", a=real(16), b=real(16))
def operations(keras: Any, a: Tensor, b: Tensor) -> Any:
    layers, ops = keras.layers, keras.ops
    hidden = ops.concatenate([ops.maximum(a, b * 0.5), ops.square(a) - 1.0, a[:, 2:6]], axis=-1)
    hidden = ops.mean(ops.reshape(layers.Dense(64)(hidden), (-1, 8, 8)), axis=1)
    return layers.Dense(3, name="y")(ops.exp(-ops.abs(hidden)))


@functional("operations_tf_keras", "tf_keras.h5", a=real(16))
def operations_tf_keras(keras: Any, a: Tensor) -> Any:
    import tensorflow as tf

    layers = keras.layers
    hidden = tf.concat([tf.nn.relu(a - 0.5), tf.square(a), a[:, 2:6]], axis=-1)
    return layers.Dense(3, name="y")(tf.math.abs(layers.Dense(64)(hidden)) * 0.5)


@functional("one_number", "keras.keras", a=real(12))
def one_number(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    return layers.Dense(1, name="steering")(layers.Dense(100, activation="elu")(a))


@functional("regularised", "tf_keras.h5", a=real(32))
def regularised(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.Dense(64, kernel_regularizer="l2", activity_regularizer="l1", bias_constraint="non_neg")(a)
    return layers.Dense(4, use_bias=False, kernel_constraint="max_norm", name="y")(layers.GaussianNoise(0.1)(hidden))
