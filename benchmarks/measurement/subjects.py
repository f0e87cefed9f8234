"""The models that are measured: random weights, 1 to 40 ms on one core, made and converted here."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.tasks import LocalTasks
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.spec import Convert

_SCRIPTS = {
    "PilotNet": "from examples.pilotnet.train import pilotnet; model = pilotnet(head=13500)",
    "MobileNetV2": "model = tf_keras.applications.MobileNetV2(weights=None)",
    "EfficientNetB0": "model = tf_keras.applications.EfficientNetB0(weights=None)",
    "ResNet50": "model = tf_keras.applications.ResNet50(weights=None, input_shape=(128, 128, 3), classes=100)",
}
_SHAPES = {
    "PilotNet": (66, 200, 3),
    "MobileNetV2": (224, 224, 3),
    "EfficientNetB0": (224, 224, 3),
    "ResNet50": (128, 128, 3),
}
_FRAME = """
import sys
import tf_keras
tf_keras.utils.set_random_seed(0)
{}
model.save(sys.argv[1])
"""
_RECIPES = {"tflite": "tflite-float32", "onnx": "onnx", "openvino": "openvino"}


@dataclass(frozen=True)
class Subject:
    """One model in the three forms that tools run; each folder holds the one artifact."""

    name: str
    shape: tuple[int, int, int]
    """Of one image (H, W, C)."""
    tflite: Path
    onnx: Path
    openvino: Path


def prepared(folder: Path) -> tuple[Subject, ...]:
    """The models; what is not yet in the folder is made."""
    return tuple(_prepared(name, folder / name.lower()) for name in _SCRIPTS)


def file_of(artifact: Path, suffix: str) -> Path:
    """The file of an artifact that tools are given."""
    return next(artifact.glob(f"*{suffix}")).absolute()


def _prepared(name: str, folder: Path) -> Subject:
    forms = {form: folder / form for form in _RECIPES}
    if not all(place.exists() for place in forms.values()):
        folder.mkdir(parents=True, exist_ok=True)
        keras = folder / "model.keras"
        subprocess.run([sys.executable, "-c", _FRAME.format(_SCRIPTS[name]), str(keras)], check=True)
        tasks = LocalTasks(folder)
        for form, place in forms.items():
            if not place.exists():
                tasks.convert(Convert(recipe=Recipe.parse(_RECIPES[form])), keras).rename(place)
    return Subject(name, _SHAPES[name], **forms)
