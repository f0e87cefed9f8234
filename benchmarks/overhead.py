"""What the farm adds to the work itself: waits between tasks, the way from submit to start, cached answers."""

import statistics
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.farm import Farm
from benchmarks.figure import Figure

IDLE_SUBMITS = 15
_BATCH_SIZES = ",".join(str(size) for size in range(1, 25))
MANY_TASKS = ("--recipe", "tflite-dynamic-range", "--batch-sizes", _BATCH_SIZES)
"""Small work in 50 tasks: two conversions, each timed at 24 batch sizes."""


def figures(farm: Farm, model: Path) -> list[Figure]:
    """Overheads on one device, from the times that results carry."""
    farm.optfarm("model", "push", str(model), "--name", "subject")
    whole = _sweep(farm, "--techniques", "all")
    many = _sweep(farm, *MANY_TASKS)
    return [_whole(whole), _gap(many), _first_start(farm), _cached(farm)]


def _sweep(farm: Farm, *words: str) -> dict[str, Any]:
    receipt = farm.json("sweep", "run", "subject", "--profile", "quick", *words)
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
    results = sorted((task["result"] for task in sweep["tasks"]), key=lambda result: result["started_at"])
    gaps = [_seconds(before["finished_at"], after["started_at"]) * 1e3 for before, after in pairwise(results)]
    note = f"from a child's end to the next one's start, p50 of {len(gaps)}; worst {max(gaps):.0f} ms"
    return Figure("gap between tasks", statistics.median(gaps), "ms", "<=", 20, note)


def _first_start(farm: Farm) -> Figure:
    waits = [_first_start_ms(farm) for _ in range(IDLE_SUBMITS)]
    note = f"idle farm, p50 of {IDLE_SUBMITS} submits; worst {max(waits):.0f} ms"
    return Figure("submit → first child", statistics.median(waits), "ms", "<=", 100, note)


def _first_start_ms(farm: Farm) -> float:
    receipt = farm.json("sweep", "run", "subject", "--profile", "quick", "--fresh", "--recipe", "baseline")
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


def _cached(farm: Farm) -> Figure:
    started = time.perf_counter()
    receipt = farm.json("sweep", "run", "subject", "--profile", "quick", *MANY_TASKS)
    report = farm.json("report", receipt["id"])
    wall_s = time.perf_counter() - started
    if not all(row["cached"] for row in report["rows"]):
        raise RuntimeError("the second sweep was not answered from the store")
    note = f"{receipt['tasks']} tasks, two commands from submit to report, their start-up included"
    return Figure("cached sweep", wall_s, "s", "<=", 1.0, note)


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
