"""The models that every technique is tried on: a trained one for quality, and a common one for structure and speed."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/pilotnet"
REQUIRED = {
    "PilotNet": ("place-ops(match=Conv2D)", "resize-input(height=33, width=100)"),
    "MobileNetV2": ("place-ops(match=Conv2D)", "resize-input(height=112, width=112)"),
}
"""Techniques with parameters that have no default, as they fit each model."""

_MOBILENET = """
import sys
import numpy as np
import tf_keras

tf_keras.utils.set_random_seed(0)
tf_keras.applications.MobileNetV2(weights=None).save(sys.argv[1])
images = np.random.default_rng(0).uniform(-1, 1, (96, 224, 224, 3)).astype(np.float32)
np.savez(sys.argv[2], **{"train/image": images[:32], "calibration/image": images[32:64], "test/image": images[64:]})
"""


@dataclass(frozen=True)
class Subject:
    """A model with its data set, and what is special about it."""

    name: str
    about: str
    keras: Path
    data: Path


def prepared(folder: Path) -> tuple[Subject, ...]:
    """Both models; what is not yet there is trained or drawn.

    Args:
        folder: has a folder for each; the example's build/pilotnet is used again.
    """
    return _pilotnet(folder / "pilotnet"), _mobilenet(folder / "mobilenet-v2")


def _pilotnet(folder: Path) -> Subject:
    keras, data = folder / "model.keras", folder / "data.npz"
    if not (folder / "recording.npz").exists():
        _python(EXAMPLE / "record.py", folder / "recording.npz")
    if not (keras.exists() and data.exists()):
        _python(EXAMPLE / "train.py", folder / "recording.npz", folder)
    return Subject("PilotNet", "Trained, 17.0 M parameters, Keras 2; its data set has labels", keras, data)


def _mobilenet(folder: Path) -> Subject:
    keras, data = folder / "model.keras", folder / "data.npz"
    if not (keras.exists() and data.exists()):
        folder.mkdir(parents=True, exist_ok=True)
        _python("-c", _MOBILENET, keras, data)
    about = "Random weights, 3.5 M parameters, 224 x 224, Keras 2; random images: structure and speed alone"
    return Subject("MobileNetV2", about, keras, data)


def _python(*words: object) -> None:
    subprocess.run([sys.executable, *map(str, words)], check=True)
