"""Rebuilds Keras 3 models of many shapes in tf_keras: python bridge_runs.py FOLDER. A process of its own.

Each model is saved and loaded first, as people bring it. FOLDER/runs.json has, for each by its name, the largest
difference of outputs, or the refusal.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow"}

import keras  # noqa: TID253 (this script is a process of its own)
import numpy as np
import tensorflow as tf  # noqa: TID253 (as above)
import tf_keras  # noqa: TID253 (as above)

from optfarm_tasks.errors import TaskError
from optfarm_tasks.frameworks.keras.bridge import to_tf_keras

L = keras.layers
Tensor, Build = Any, Callable[[], Any]
MODELS: dict[str, Build] = {}


def sequence(name: str, shape: tuple[int, ...], *layers: Callable[[], Any]) -> None:
    """A Sequential model."""
    MODELS[name] = lambda: keras.Sequential([keras.Input(shape, name="x"), *(layer() for layer in layers)])


def function(*shapes: tuple[int, ...], dtype: str = "float32") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A functional model: the decorated function makes its outputs of its inputs a, b …"""

    def register(body: Callable[..., Any]) -> Callable[..., Any]:
        def build() -> Any:
            inputs = [keras.Input(shape, name="ab"[index], dtype=dtype) for index, shape in enumerate(shapes)]
            return keras.Model(inputs, body(*inputs))

        MODELS[body.__name__] = build
        return body

    return register


def adapted() -> Any:
    layer = L.Normalization()
    layer.adapt(np.random.default_rng(0).normal(5, 3, (64, 3)).astype(np.float32))
    return layer


def block(name: str, size: int) -> Any:
    """A model that goes into another; its layers have the names of those of its like."""
    x = keras.Input((size,))
    return keras.Model(x, L.BatchNormalization(name="norm")(L.Dense(4, name="dense")(x)), name=name)


sequence("regularised", (8,), lambda: L.Dense(4, kernel_regularizer="l2", bias_constraint="non_neg"))
sequence("normalised", (3,), adapted, lambda: L.Dense(2))
sequence("rescaled", (8, 8, 3), lambda: L.Rescaling([0.1, 0.5, 0.2], offset=[0.0, 1.0, 2.0]), lambda: L.Conv2D(4, 3))
sequence("lstm", (6, 3), lambda: L.LSTM(4), lambda: L.Dense(2))
sequence("gru", (6, 3), lambda: L.GRU(4, return_sequences=True), lambda: L.Dense(2))
sequence("bidirectional", (6, 3), lambda: L.Bidirectional(L.LSTM(4)), lambda: L.Dense(2))
sequence("merged", (6, 3), lambda: L.Bidirectional(L.GRU(2, return_sequences=True), merge_mode="sum"))
sequence("cells", (6, 3), lambda: L.RNN([L.LSTMCell(4), L.GRUCell(3)]))
sequence("distributed", (6, 3), lambda: L.TimeDistributed(L.Dense(4)))
sequence("conv_lstm", (3, 6, 6, 1), lambda: L.ConvLSTM2D(2, 3), L.Flatten)
sequence("masked", (6, 3), L.Masking, lambda: L.LSTM(4))
sequence("leaky", (8,), lambda: L.LeakyReLU(negative_slope=0.2), L.ELU, L.PReLU, L.Softmax)
sequence("grouped", (8,), lambda: L.GroupNormalization(4), L.UnitNormalization, L.LayerNormalization)
sequence("causal", (16, 3), lambda: L.Conv1D(4, 3, padding="causal"), L.MaxPooling1D, L.ZeroPadding1D, L.Flatten)
sequence("spatial", (5, 6, 7, 2), lambda: L.Conv3D(3, 2), lambda: L.Conv3DTranspose(2, 2), L.GlobalMaxPooling3D)
sequence("half", (8,), lambda: L.Dense(8, dtype="mixed_float16"), lambda: L.Dense(2, dtype="float32"))
sequence("augmented", (8, 8, 3), L.RandomFlip, lambda: L.RandomRotation(0.1), lambda: L.RandomContrast(0.1), L.Flatten)
sequence("nested_sequence", (7,), lambda: keras.Sequential([L.Dense(6), L.BatchNormalization()]), lambda: L.Dense(2))
sequence("hard_sigmoid", (8,), lambda: L.Dense(4), lambda: L.Dense(8, activation="hard_sigmoid", name="gate"))
sequence("hard_inside", (8,), lambda: keras.Sequential([L.Dense(6, activation="hard_silu")]), lambda: L.Dense(2))
sequence("hard_gates", (9, 8), lambda: L.LSTM(8, recurrent_activation="hard_sigmoid", name="gates"))
sequence("mobile_net", (32, 32, 3), lambda: keras.applications.MobileNetV3Small((32, 32, 3), weights=None))
sequence("random_crop", (8, 8, 3), lambda: L.RandomCrop(5, 6, name="crop"), L.Flatten)
sequence("unknown_activation", (8,), lambda: L.Dense(8, activation="glu", name="gated"))


@function((7,))
def sequence_within(a: Tensor) -> Any:
    return keras.Sequential([L.Dense(6), L.Dense(5)], name="tail")(a)


@function((3,))
def models_within(a: Tensor) -> Any:
    again = block("second", 4)
    return again(again(block("first", 3)(a)))


@function((4,), (4,))
def shared(a: Tensor, b: Tensor) -> Any:
    dense = L.Dense(5)
    return L.Dense(2)(L.Concatenate()([dense(a), dense(b)]))


@function((4,))
def outputs_by_name(a: Tensor) -> Any:
    return {"p": L.Dense(2)(a), "q": L.Dense(3)(a)}


@function((6,))
def handed_on(a: Tensor) -> Any:
    return [a, L.Dense(2)(a)]


@function((6, 4), (5, 4))
def attention(a: Tensor, b: Tensor) -> Any:
    return [L.MultiHeadAttention(2, 3)(a, b), L.AdditiveAttention()([a, b]), L.Attention()([a, b])]


@function((12, 12, 4))
def convolutions(a: Tensor) -> Any:
    hidden = L.SeparableConv2D(6, 3)(L.DepthwiseConv2D(3)(L.Conv2D(8, 3, groups=2)(a)))
    return L.Conv2DTranspose(4, 3, strides=2)(hidden)


@function((4,), (4,))
def operations(a: Tensor, b: Tensor) -> Any:
    return [keras.ops.relu(a - b * 2.0 + 1.0), a[:, 1:3], keras.ops.mean(a, axis=-1, keepdims=True), L.Dot(1)([a, b])]


@function((6, 3))
def mask_of_its_own(a: Tensor) -> Any:
    return L.LSTM(4)(a, mask=keras.ops.any(keras.ops.not_equal(a, 9.0), axis=-1))


@function((6, 3))
def state_handed_on(a: Tensor) -> Any:
    output, state = L.GRU(4, return_state=True)(a)
    return [L.GRU(4)(a, initial_state=state), output]


@function((6,), dtype="int32")
def embedded(a: Tensor) -> Any:
    return L.Dense(2)(L.LSTM(5)(L.Embedding(10, 4, mask_zero=True)(a)))


@function((1,), dtype="int32")
def looked_up(a: Tensor) -> Any:
    return L.Dense(2)(L.IntegerLookup(vocabulary=[3, 5, 7], output_mode="one_hot")(a))


@function((4,))
def unknown_operation(a: Tensor) -> Any:
    return keras.ops.erf(a)


def drawn(tensor: Any) -> Any:
    """Samples that feed an input."""
    rng = np.random.default_rng(1)
    shape = [size or 2 for size in tensor.shape]
    is_whole = "int" in str(tensor.dtype)
    return rng.integers(0, 9, shape).astype("int32") if is_whole else rng.standard_normal(shape).astype("float32")


def outcome(build: Build, file: Path) -> dict[str, Any]:
    """How far the rebuilt model is, written and read by plain tf_keras, from the one that was loaded."""
    build().save(file)
    model = keras.models.load_model(file)
    inputs = [drawn(tensor) for tensor in model.inputs]
    given = inputs if len(inputs) > 1 else inputs[0]
    try:
        to_tf_keras(model, "x").save(file.with_suffix(".h5"), include_optimizer=False)
    except TaskError as error:
        return {"failure": [type(error).__name__, str(error)]}
    twin = tf_keras.models.load_model(file.with_suffix(".h5"), compile=False)
    pairs = zip(
        keras.tree.flatten(model(given, training=False)), tf.nest.flatten(twin(given, training=False)), strict=True
    )
    return {"difference": max(float(np.abs(np.asarray(ours) - np.asarray(theirs)).max()) for ours, theirs in pairs)}


if __name__ == "__main__":
    target = Path(sys.argv[1])
    found = {name: outcome(build, target / f"{name}.keras") for name, build in MODELS.items()}
    (target / "runs.json").write_text(json.dumps(found))
