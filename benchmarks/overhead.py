"""What the farm adds to the work itself: waits between tasks, the way from submit to start, cached answers."""

import statistics
import tempfile
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.farm import Farm
from benchmarks.figure import Figure

IDLE_SUBMITS = 15
VARIANTS = 16
"""With the baseline 17 recipes, each converted, scored and timed: 51 tasks."""
MANY_TASKS = [
    word for count in range(1, VARIANTS + 1) for word in ("--recipe", f"tflite-int8-float(calibration_samples={count})")
]


def figures(farm: Farm, model: Path) -> list[Figure]:
    """Overheads on one device, from the times that results carry."""
    farm.optfarm("model", "push", str(model), "--name", "subject")
    whole = _sweep(farm, "--techniques", "tflite-float32,tflite-float16,tflite-dynamic-range")
    with tempfile.TemporaryDirectory() as folder:
        many = ["--data", str(_samples(Path(folder))), *MANY_TASKS]
        gap = _gap(_sweep(farm, *many))
        return [_whole(whole), gap, _first_start(farm), _cached(farm, many)]


def _samples(folder: Path) -> Path:
    """A small data set of noise for basic-pitch, whose input is (N, 43844, 1) of sound."""
    noise = np.random.default_rng(0).standard_normal((VARIANTS, 43844, 1)).astype(np.float32)
    np.savez(folder / "noise.npz", allow_pickle=False, **{"calibration/input_2": noise, "test/input_2": noise[:4]})
    return folder / "noise.npz"


def _sweep(farm: Farm, *words: str) -> dict[str, Any]:
    receipt = farm.json("sweep", "run", "subject", "--effort", "quick", *words)
    farm.optfarm("sweep", "watch", receipt["id"])
    return _with_results(farm, farm.json("sweep", "show", receipt["id"]))


def _with_results(farm: Farm, sweep: dict[str, Any]) -> dict[str, Any]:
    sweep["tasks"] = [farm.json("task", "show", task["id"]) for task in sweep["tasks"]]
    return sweep


def _whole(sweep: dict[str, Any]) -> Figure:
    wall_s = _seconds(sweep["created_at"], sweep["finished_at"])
    children_s = sum(task["result"]["duration_s"] for task in sweep["tasks"])
    note = f"{len(sweep['tasks'])} tasks, {wall_s:.1f} s against {children_s:.1f} s of the children's own"
    return Figure("sweep wall ÷ children", wall_s / children_s, "", "<=", 1.10, note)


def _gap(sweep: dict[str, Any]) -> Figure:
    ran = [task["result"] for task in sweep["tasks"] if not task["cached"]]
    results = sorted(ran, key=lambda result: result["started_at"])
    gaps = [_seconds(before["finished_at"], after["started_at"]) * 1e3 for before, after in pairwise(results)]
    note = f"from a child's end to the next one's start, p50 of {len(gaps)}; worst {max(gaps):.0f} ms"
    return Figure("gap between tasks", statistics.median(gaps), "ms", "<=", 20, note)


def _first_start(farm: Farm) -> Figure:
    waits = [_first_start_ms(farm) for _ in range(IDLE_SUBMITS)]
    note = f"idle farm, p50 of {IDLE_SUBMITS} submits; worst {max(waits):.0f} ms"
    return Figure("submit → first child", statistics.median(waits), "ms", "<=", 100, note)


def _first_start_ms(farm: Farm) -> float:
    receipt = farm.json("sweep", "run", "subject", "--effort", "quick", "--fresh", "--recipe", "baseline")
    while True:
        sweep = farm.json("sweep", "show", receipt["id"])
        started = [task for task in sweep["tasks"] if task["kind"] == "convert" and task["state"] == "done"]
        if started:
            break
    farm.optfarm("sweep", "cancel", receipt["id"])
    result = farm.json("task", "show", started[0]["id"])["result"]
    while any(device["running"] for device in farm.json("devices")):
        continue
    return _seconds(sweep["created_at"], result["started_at"]) * 1e3


def _cached(farm: Farm, words: list[str]) -> Figure:
    started = time.perf_counter()
    receipt = farm.json("sweep", "run", "subject", "--effort", "quick", *words)
    report = farm.json("report", receipt["id"])
    wall_s = time.perf_counter() - started
    if not all(row["cached"] for row in report["rows"]):
        raise RuntimeError("the second sweep was not answered from the store")
    note = f"{receipt['tasks']} tasks, two commands from submit to report, their start-up included"
    return Figure("cached sweep", wall_s, "s", "<=", 1.0, note)


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
