"""Saves small models with the Keras of the interpreter that runs this: python record.py LIBRARY FOLDER WAY...

LIBRARY is keras or tensorflow.keras; a WAY is h5, keras, save (a SavedModel by Keras) or export. FOLDER/MODEL.npz has
the inputs; what the model gives for them is put beside them, the files into FOLDER/MODEL.WAY. It needs NumPy and Keras
alone, and runs by Python 3.7, whose syntax it keeps to.
"""

import os
import sys
from pathlib import Path

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", KERAS_BACKEND="tensorflow")

import numpy as np


def images(keras):
    """A Sequential model as tutorials write it: its input is named after its first layer."""
    layers = keras.layers
    return keras.models.Sequential(
        [
            layers.Conv2D(8, 3, use_bias=False, input_shape=(12, 12, 1)),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.SeparableConv2D(12, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.DepthwiseConv2D(3),
            layers.LeakyReLU(),
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(5, activation="softmax", name="scores"),
        ]
    )


def sequences(keras):
    """Words and a series, read by recurrent layers; two outputs."""
    layers = keras.layers
    words, series = layers.Input((10,), name="words", dtype="int32"), layers.Input((10, 3), name="series")
    read = layers.Bidirectional(layers.LSTM(6))(layers.Embedding(12, 8, mask_zero=True)(words))
    hidden = layers.GRU(5, return_sequences=True)(series)
    both = layers.Concatenate()([read, layers.GlobalAveragePooling1D()(hidden)])
    hidden = layers.BatchNormalization()(layers.Dense(32, activation="elu")(both))
    outputs = [layers.Dense(3, activation="softmax", name="kind")(hidden), layers.Dense(1, name="amount")(hidden)]
    return keras.models.Model([words, series], outputs)


MODELS = {"images": images, "sequences": sequences}


def trained(model, inputs):
    """Has it take a step, so that an optimizer is saved too; then gives it weights that nobody's default is."""
    model.compile("adam", "mse")
    targets = model.predict(inputs)
    model.train_on_batch(inputs, targets)
    random = np.random.RandomState(3)
    model.set_weights([_weight(random, each.shape) for each in model.get_weights()])


def _weight(random, shape):
    """Biases, scales and statistics from 0.5 to 1.5, so that variances are positive; kernels by the size of theirs."""
    if len(shape) < 2:
        return random.uniform(0.5, 1.5, shape)
    return random.normal(0, 1, shape) / np.sqrt(np.prod(shape[:-1]))


def save(model, folder, way):
    """Writes the model into an empty folder, in one of the ways."""
    if way in ("h5", "keras"):
        model.save(str(folder / ("model." + way)))
    elif way == "save":
        model.save(str(folder), save_format="tf")
    else:
        model.export(str(folder))


def main(library, folder, *ways):
    """Makes, saves and asks every model."""
    keras = __import__("tensorflow").keras if library.startswith("tensorflow") else __import__("keras")
    for name, make in MODELS.items():
        file = Path(folder, name + ".npz")
        with np.load(file) as stored:
            arrays = {key: stored[key] for key in stored if key.startswith("inputs/")}
        inputs = list(arrays.values())
        model = make(keras)
        trained(model, inputs)
        outputs = model.predict(inputs)
        names = [layer.name for layer in model.layers[-len(outputs) :]] if isinstance(outputs, list) else ["scores"]
        given = dict(zip(names, outputs if isinstance(outputs, list) else [outputs]))  # noqa: B905 (Python 3.7)
        np.savez_compressed(file, **arrays, **{"outputs/" + key: array for key, array in given.items()})
        for way in ways:
            target = Path(folder, name + "." + way)
            target.mkdir()
            save(model, target, way)


if __name__ == "__main__":
    main(*sys.argv[1:])
