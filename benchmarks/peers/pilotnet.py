"""The one model that everybody optimises: a trained PilotNet with its data, as each of them wants to have it."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.tasks import LocalTasks
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.spec import Convert

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/pilotnet"


@dataclass(frozen=True)
class PilotNet:
    """Files of the trained model; its data set has a calibration split and a labelled test split."""

    keras: Path
    """model.keras with the state of its optimizer."""
    data: Path
    """data.npz."""
    saved_model: Path
    """A folder that TensorFlow runs, made from the Keras file by the recipe `baseline`."""
    onnx: Path
    """model.onnx, made from the SavedModel by tf2onnx's command line."""


def prepared(folder: Path, tasks: LocalTasks) -> PilotNet:
    """The PilotNet of examples/pilotnet; what is not yet there is recorded, trained and converted.

    Args:
        folder: where the example leaves recording.npz, model.keras and data.npz.
        tasks: runs the farm's own conversion, and keeps what comes of it.
    """
    keras, data = folder / "model.keras", folder / "data.npz"
    if not (folder / "recording.npz").exists():
        _python(EXAMPLE / "record.py", folder / "recording.npz")
    if not (keras.exists() and data.exists()):
        _python(EXAMPLE / "train.py", folder / "recording.npz", folder)
    saved_model = tasks.folder / "saved_model"
    if not saved_model.exists():
        tasks.convert(Convert(recipe=Recipe.parse("baseline")), keras, data).rename(saved_model)
    onnx = tasks.folder / "onnx/model.onnx"
    if not onnx.exists():
        onnx.parent.mkdir(parents=True, exist_ok=True)
        _python("-m", "tf2onnx.convert", "--saved-model", saved_model, "--opset", 17, "--output", onnx)
    return PilotNet(keras, data, saved_model, onnx)


def _python(*words: object) -> None:
    subprocess.run([sys.executable, *map(str, words)], check=True)
