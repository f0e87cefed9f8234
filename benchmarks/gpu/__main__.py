"""Times PyTorch on a GPU: python -m benchmarks.gpu [--parts speed yardsticks twins peak] [--networks …] [--recipes …].

Each answer is a line of benchmarks/gpu/results.jsonl, so that a run that was ended goes on where it was; `--page`
renews the table of docs/gpu.md from it. The interpreter needs PyTorch with CUDA, torchvision, pydantic, numpy and
nvidia-ml-py.
"""

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu import page, roofline, speed, subjects, yardsticks
from benchmarks.gpu.roofline import Peak
from optfarm_tasks.benchmark.host import nvml
from optfarm_tasks.benchmark.host.nvml import Gpu
from optfarm_tasks.schema.device import CPU, DeviceKind, DeviceSpec

HERE = Path(__file__).parent
RESULTS, PAGE = HERE / "results.jsonl", HERE.parents[1] / "docs/gpu.md"
PARTS = ("peak", "speed", "yardsticks", "twins")
TWINS = 20
Answer = dict[str, Any]


def main() -> None:
    """Asks what is not answered yet, and writes each answer down."""
    options = _options()
    known, ends_at = _known(options.results), time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory() as folder, options.results.open("a") as stream:
        for key, ask in _questions(options, Path(folder), known):
            if key in known:
                continue
            if time.monotonic() > ends_at:
                sys.stdout.write(f"the time is up: from {key} on, a later run goes on\n")
                break
            known[key] = ask() | {"on": options.device, "at": f"{datetime.now(UTC):%Y-%m-%d}"}
            stream.write(json.dumps({"key": key, **known[key]}) + "\n")
            stream.flush()
            sys.stdout.write(f"{key}\n")
            sys.stdout.flush()
    if options.page:
        PAGE.write_text(page.renewed(PAGE.read_text(), known))


def _questions(
    options: argparse.Namespace, folder: Path, known: dict[str, Answer]
) -> Iterator[tuple[str, Callable[[], Answer]]]:
    """Key → how it is answered, in order; the peak of the device comes before what is held against it."""
    device = _device(options.device)
    where = "cuda" if device.kind is DeviceKind.GPU else "cpu"
    if "peak" in options.parts:
        yield "peak", partial(_machine, device, where)
    for network in options.networks:
        if "yardsticks" in options.parts:
            yield f"yardsticks {network}", partial(yardsticks.agreement, network, device, folder=folder)
        for recipe in options.recipes if "speed" in options.parts else ():
            yield f"speed {network} {recipe}", partial(_compared, network, recipe, device, folder, known)
    for seed in range(TWINS if "twins" in options.parts else 0):
        yield f"twin {seed}", partial(yardsticks.twin, options.networks[0], device, folder=folder, seed=seed)


def _compared(network: str, recipe: str, device: DeviceSpec, folder: Path, known: dict[str, Answer]) -> Answer:
    peak = Peak(**known["peak"]["peak"])
    return speed.compared(network, recipe, device, folder=folder, peak=peak)


def _machine(device: DeviceSpec, where: str) -> Answer:
    """What the device is, and what it does per second."""
    size = {"size": 512, "copied_bytes": 1 << 24} if where == "cpu" else {}
    gpu = None if where == "cpu" else asdict(_gpu(device.index or 0))
    return {
        "gpu": gpu and {name: value for name, value in gpu.items() if name != "cores"},
        "processor": platform.processor(),
        "torch": torch.__version__,
        "peak": asdict(roofline.peak(where, **size)),
    }


def _device(name: str) -> DeviceSpec:
    if name == "cpu":
        return CPU
    gpu = _gpu(int(name.removeprefix("gpu:")))
    return DeviceSpec(kind=DeviceKind.GPU, index=gpu.index, uuid=gpu.uuid)


def _gpu(index: int) -> Gpu:
    return next(gpu for gpu in nvml.gpus() if gpu.index == index)


def _known(file: Path) -> dict[str, Answer]:
    lines = file.read_text().splitlines() if file.is_file() else []
    return {answer.pop("key"): answer for answer in map(json.loads, lines)}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="gpu:0", help="gpu:N; cpu tries the program out")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--networks", nargs="+", choices=subjects.NETWORKS, default=subjects.NETWORKS)
    parser.add_argument("--recipes", nargs="+", default=("baseline", *subjects.RECIPES))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="nothing more is asked after so many")
    parser.add_argument("--page", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
