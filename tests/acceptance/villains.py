"""Writes models that misbehave when they are run: python villains.py NAME TARGET.h5.

A legacy .h5 may carry Python byte code in a Lambda layer: a model is somebody else's program.
"""

import sys
from pathlib import Path

import numpy as np


def never_returns(value):
    while True:
        pass


def eats_memory(value):
    import numpy

    held = []
    while True:
        held.append(numpy.ones(32 << 20))


def exits(value):
    import os

    os._exit(7)


def crashes(value):
    import ctypes

    ctypes.string_at(0)


def write(name: str, target: Path) -> None:
    """Saves a model whose Lambda layer behaves when it is built and misbehaves when it is loaded again."""
    import tf_keras

    layer = tf_keras.layers.Lambda(lambda value: value, output_shape=(4,), name="villain")
    model = tf_keras.Sequential([tf_keras.layers.InputLayer((4,), name="x"), layer, tf_keras.layers.Dense(2)])
    model.predict(np.zeros((1, 4), np.float32), verbose=0)
    layer.function = globals()[name]
    model.save(target)


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))
