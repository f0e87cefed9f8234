"""Trains a PilotNet of about 17 million parameters on a recording and writes the model and its data set.

The network is the one of Bojarski et al., "End to End Learning for Self-Driving Cars" (arXiv:1604.07316), with a
wider dense head. It takes raw pixels in 0..255; its first layer normalises them, as the paper's does.
"""

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROAD_ROWS = 84
"""Rows above the dashboard of a 96 by 96 frame."""
HEIGHT, WIDTH = 66, 200
CALIBRATION_FRAMES = 256


def pilotnet(*, head: int) -> Any:
    """A compiled PilotNet; with head=13,500 it has about 17.0 million parameters."""
    import tf_keras
    from tf_keras import layers

    convolutions = [(24, 5, 2), (36, 5, 2), (48, 5, 2), (64, 3, 1), (64, 3, 1)]
    model = tf_keras.Sequential(
        [
            layers.InputLayer((HEIGHT, WIDTH, 3), name="image"),
            layers.Rescaling(1 / 127.5, offset=-1),
            *(
                layers.Conv2D(filters, kernel, strides=stride, activation="relu")
                for filters, kernel, stride in convolutions
            ),
            layers.Flatten(),
            *(layers.Dense(units, activation="relu") for units in (head, 100, 50, 10)),
            layers.Dense(1, name="steering"),
        ],
        name="pilotnet",
    )
    model.compile(tf_keras.optimizers.Adam(3e-4), "mse")
    return model


def roads(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The road of each frame, (N, 96, 96, 3) → (N, 66, 200, 3), as whole pixel values."""
    import tensorflow as tf

    resized = tf.image.resize(frames[:, :ROAD_ROWS], (HEIGHT, WIDTH)).numpy()
    return np.rint(resized).astype(np.uint8)


def train(recording: Path, target: Path, *, epochs: int, head: int, seed: int = 1) -> None:
    """Writes model.keras, with its optimizer's state, and data.npz with calibration, train and test splits.

    The last fifth of the tracks is never trained on: it is the test split.
    """
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tf_keras

    tf_keras.utils.set_random_seed(seed)
    recorded = np.load(recording)
    images, steering, track = roads(recorded["frames"]), recorded["steering"][:, None], recorded["track"]
    is_test = track >= int(track.max() + 1) * 4 // 5
    model = pilotnet(head=head)
    print(f"PilotNet with {model.count_params():,} parameters; {np.sum(~is_test)} frames to learn from", flush=True)
    model.fit(images[~is_test], steering[~is_test], epochs=epochs, batch_size=64, verbose=2)
    target.mkdir(parents=True, exist_ok=True)
    model.save(target / "model.keras")
    calibration = np.random.default_rng(seed).permutation(np.flatnonzero(~is_test))[:CALIBRATION_FRAMES]
    np.savez_compressed(
        target / "data.npz",
        **{
            "calibration/image": images[calibration],
            "train/image": images[~is_test],
            "train/labels": steering[~is_test],
            "test/image": images[is_test],
            "test/labels": steering[is_test],
        },
    )
    print(f"test MSE {model.evaluate(images[is_test], steering[is_test], verbose=0):.5f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains a PilotNet on a recording of CarRacing-v3.")
    parser.add_argument("recording", type=Path, help="the .npz file that record.py wrote")
    parser.add_argument("target", type=Path, help="folder for model.keras and data.npz")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--head", type=int, default=13_500, help="units of the first dense layer")
    options = parser.parse_args()
    train(options.recording, options.target, epochs=options.epochs, head=options.head)


if __name__ == "__main__":
    main()
