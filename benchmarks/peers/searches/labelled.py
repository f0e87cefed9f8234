"""What every search is given: the calibration frames, and the labelled frames on which its loss is limited."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
BATCH = 32


@dataclass(frozen=True)
class Job:
    """One search: a model, its data, how much may be lost, and where artifacts go."""

    model: Path
    """An .onnx file whose one input takes (N, 66, 200, 3) float32 pixels in 0..255."""
    calibration: Floats
    """(N, 66, 200, 3)"""
    images: Floats
    """(M, 66, 200, 3)"""
    labels: Floats
    """(M, 1)"""
    max_loss: float
    """0.05 lets the mean square error rise by 5%."""
    found: Path
    """Each artifact gets a folder of its own here."""

    def place(self, label: str) -> Path:
        """A new folder for an artifact."""
        folder = self.found / label
        folder.mkdir(parents=True)
        return folder

    def mse(self, run: Callable[[Floats], Floats]) -> float:
        """The mean square error against the labels of a function of images."""
        batches = [self.images[start : start + BATCH] for start in range(0, len(self.images), BATCH)]
        outputs = np.concatenate([run(batch) for batch in batches])
        return float(np.mean((outputs.astype(np.float64) - self.labels) ** 2))


def job() -> Job:
    """The job on the command line."""
    parser = ArgumentParser()
    for name in ("model", "data", "found"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--max-loss", type=float, required=True)
    options = parser.parse_args()
    stored = np.load(options.data)
    calibration, images = (stored[f"{split}/image"].astype(np.float32) for split in ("calibration", "test"))
    labels = stored["test/labels"].astype(np.float32)
    return Job(options.model, calibration, images, labels, options.max_loss, options.found)


def report(found: Path, *, did: str, distributions: tuple[str, ...], failed: Mapping[str, str]) -> None:
    """Writes said.json: versions, what was run, and which part of the search failed for which reason."""
    versions = {name: metadata.version(name) for name in distributions}
    (found / "said.json").write_text(json.dumps({"versions": versions, "did": did, "failed": failed}, indent=2))
