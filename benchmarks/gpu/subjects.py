"""The networks that are timed, with drawn weights: exported once, and turned into each variant by the techniques."""

from pathlib import Path
from typing import Any

import torch
import torchvision

from optfarm_tasks.actions import convert
from optfarm_tasks.benchmark.controller.resident import Variant
from optfarm_tasks.schema.recipe import Recipe

RUNTIME = "optfarm_tasks.runtimes.torch"
IMAGE = (3, 224, 224)
NETWORKS = ("mobilenet_v2", "resnet50", "vit_b_16")
FASTEST = "torch-channels-last -> torch-float16 -> torch-compile -> torch-cuda-graph"
RECIPES = (
    FASTEST, "torch-float16 -> torch-cuda-graph", "torch-cuda-graph", "torch-float16", "torch-tf32", "torch-bfloat16",
    "torch-compile", "torch-float16 -> torch-compile", "torch-channels-last -> torch-float16",
)  # fmt: skip
"""What is compared with PyTorch op by op in float32; what tells most comes first."""


def program(network: str) -> Any:
    """A network of torchvision as an ExportedProgram whose batch varies."""

    torch.manual_seed(0)
    model = getattr(torchvision.models, network)(weights=None).eval()
    batch = torch.export.Dim("batch", min=1, max=1 << 16)
    return torch.export.export(model, (torch.randn(2, *IMAGE),), dynamic_shapes=({0: batch},))


def exported(network: str, folder: Path) -> Variant:
    """The network in a folder of its own, as the baseline."""

    place = folder / network / "baseline"
    if not place.exists():
        place.mkdir(parents=True)
        torch.export.save(program(network), place / "model.pt2")
    return Variant("baseline", place, RUNTIME)


def variant(baseline: Variant, recipe: str) -> Variant:
    """What a recipe makes of the network.

    Raises:
        TaskError: the recipe has nothing to do, or cannot be done.
    """
    place = baseline.folder.parent / recipe.replace(" -> ", "+")
    if not place.exists():
        place.mkdir()
        convert.chain(Recipe.parse(recipe), baseline.folder, place, data=None, seed=0, on_progress=lambda *_: None)
    return Variant("candidate", place, RUNTIME)
