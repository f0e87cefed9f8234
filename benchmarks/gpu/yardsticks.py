"""Holds our clock against PyTorch's and Triton's own on the same network, and pairs of one file against each other."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.benchmark import Timer

from benchmarks.gpu import speed, subjects
from optfarm_tasks.benchmark.analysis import pairs
from optfarm_tasks.benchmark.analysis.rules import PrecisionTarget
from optfarm_tasks.benchmark.controller import paired_scenarios
from optfarm_tasks.benchmark.controller.attempts import Clock
from optfarm_tasks.benchmark.controller.paired_scenarios import MeasurementPlan
from optfarm_tasks.benchmark.process.asynchronous import time_asynchronous
from optfarm_tasks.benchmark.process.clock import Span
from optfarm_tasks.frameworks.torch.on_gpu import GpuModel
from optfarm_tasks.runtimes import torch as runtime
from optfarm_tasks.schema.device import DeviceSpec
from optfarm_tasks.schema.spec import Effort

SECONDS, REQUESTS = 2, 200


def agreement(network: str, device: DeviceSpec, *, folder: Path) -> dict[str, Any]:
    """Median times of a request by us, by torch.utils.benchmark, and of its kernels by us and by do_bench, in ms."""
    from triton.testing import do_bench  # noqa: PLC0415 (builds of PyTorch without CUDA do not bring it along)

    session = runtime.load(subjects.exported(network, folder).folder, threads=1, device=device)
    assert isinstance(session, GpuModel)
    feed = session.feed({session.signature.inputs[0].name: np.ones((1, *subjects.IMAGE), np.float32)})
    for _ in range(REQUESTS):
        session.run(feed)
    timed = time_asynchronous(session.enqueue, [feed], Span(SECONDS * 10**9, REQUESTS, 60 * 10**9), room=10**6)
    theirs = Timer("session.run(feed)", globals={"session": session, "feed": feed}).blocked_autorange(
        min_run_time=SECONDS
    )
    torch.cuda.synchronize()
    assert timed.device_ns is not None
    return {
        "network": network,
        "end_to_end_ms": {"ours": float(np.median(timed.wall_ns)) / 1e6, "torch.utils.benchmark": theirs.median * 1e3},
        "kernels_ms": {
            "ours": float(np.median(timed.device_ns[1])) / 1e6,
            "do_bench": do_bench(feed.buffers.call, rep=SECONDS * 1000, return_mode="median"),
        },
    }


def twin(network: str, device: DeviceSpec, *, folder: Path, seed: int) -> dict[str, Any]:
    """The interval of a ratio whose truth is 1: one file against itself."""
    baseline = subjects.exported(network, folder)
    setup = speed.setup_of(baseline, baseline, device)
    plan = MeasurementPlan(setup, Effort.QUICK, PrecisionTarget(pairs.HALF_WIDTH))
    ratio = paired_scenarios.measure(plan, lambda *_: None, clock=Clock()).summary.candidate.ratio
    assert ratio.ci95 is not None
    return {"seed": seed, "ratio": ratio.value, "ci95": ratio.ci95, "covers": ratio.ci95[0] <= 1 <= ratio.ci95[1]}
