"""Runs every technique that takes a .pt2 on a small healthy one: PYTHON torch_runs.py FOLDER; see technique_runs.py.

PYTHON is that of the toolchain torch.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from technique_runs import outcome
from torch import nn

from optfarm_tasks import registry
from optfarm_tasks.description import Format


class Classifier(nn.Module):
    """A small convolutional classifier of images whose channels come last, with drawn weights."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU(), nn.Flatten())
        self.head = nn.Sequential(nn.Linear(1024, 24), nn.ReLU(), nn.Linear(24, 6))

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Scores by name."""
        return {"scores": self.head(self.body(image.permute(0, 3, 1, 2)))}


def write(folder: Path) -> Path:
    """An exported program whose batch varies."""
    torch.manual_seed(3)
    folder.mkdir()
    images = (torch.rand(2, 12, 12, 3),)
    program = torch.export.export(Classifier().eval(), images, dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(program, folder / "model.pt2")
    return folder


def runs(folder: Path) -> Iterator[dict[str, Any]]:
    """Every technique that takes it, and needs no GPU."""
    images = np.random.default_rng(0).random((128, 12, 12, 3)).astype(np.float32)
    np.savez(folder / "data.npz", **{"calibration/image": images})
    places = {Format.PT2: write(folder / "pt2")}
    for name in registry.technique_names():
        card = registry.technique(name).CARD
        if Format.PT2 in card.accepts and not card.needs_gpu:
            yield outcome(name, Format.PT2, places, folder, original=Format.PT2)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    (target / "runs.json").write_text(json.dumps(list(runs(target))))
