"""Times the variants of a network against its baseline: paired at batch 1, and by the ladder of batches to its end."""

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.gpu import roofline, subjects
from benchmarks.gpu.roofline import Peak
from optfarm_tasks.benchmark.analysis import ladder, pairs
from optfarm_tasks.benchmark.analysis.pairs import CANDIDATE
from optfarm_tasks.benchmark.analysis.rules import PrecisionTarget
from optfarm_tasks.benchmark.controller import climb, paired_scenarios
from optfarm_tasks.benchmark.controller.attempts import Clock
from optfarm_tasks.benchmark.controller.climb import LadderBudget
from optfarm_tasks.benchmark.controller.paired_scenarios import MeasurementPlan
from optfarm_tasks.benchmark.controller.resident import Variant
from optfarm_tasks.benchmark.controller.turns import PairSetup
from optfarm_tasks.benchmark.host import energy
from optfarm_tasks.benchmark.process import shield
from optfarm_tasks.errors import TaskError
from optfarm_tasks.schema.device import DeviceSpec
from optfarm_tasks.schema.spec import Effort

AMOUNT = replace(pairs.AMOUNTS[Effort.QUICK], min_pairs=2, max_pairs=2, pair_s=1.0, backoff_s=())
_MEMORY_BYTES = 64 << 30
_KINDS = {"torch-tf32": "tf32", "torch-bfloat16": "bfloat16", "torch-float16": "float16"}


def setup_of(baseline: Variant, candidate: Variant, device: DeviceSpec) -> PairSetup:
    """What a measurement of two variants on one core shares."""
    cores, _ = shield.choose_cores(os.sched_getaffinity(0), 1)
    return PairSetup(
        (baseline, candidate), cores=cores, threads=1, batch_size=1, seed=0, amount=AMOUNT, device=device,
        meter=energy.find(os.environ),
    )  # fmt: skip


def compared(network: str, recipe: str, device: DeviceSpec, *, folder: Path, peak: Peak) -> dict[str, Any]:
    """One row: how a variant does against the baseline, or why there is none."""
    row: dict[str, Any] = {"network": network, "recipe": recipe}
    baseline = subjects.exported(network, folder)
    try:
        candidate = subjects.variant(baseline, recipe) if recipe != "baseline" else baseline
        return row | _measured(setup_of(baseline, candidate, device), network, recipe, peak=peak)
    except TaskError as error:
        return row | {"failed": f"{error.reason}: {error}"}


def _measured(setup: PairSetup, network: str, recipe: str, *, peak: Peak) -> dict[str, Any]:
    plan = MeasurementPlan(setup, Effort.QUICK, PrecisionTarget(pairs.HALF_WIDTH))
    measured = paired_scenarios.measure(plan, lambda *_: None, clock=Clock())
    budget = LadderBudget(ladder.AMOUNTS[Effort.QUICK], _MEMORY_BYTES, (None, None))
    climbed = climb.climb_batches(setup, CANDIDATE, budget).ladder
    best = ladder.best(climbed.rungs)
    kind = next((kind for step, kind in _KINDS.items() if step in recipe), "float32")
    work = roofline.work_of(subjects.program(network))
    least_s = roofline.least_s(work, peak, kind=kind, batch=best.batch_size)
    share = least_s * best.throughput_per_s / best.batch_size
    return {
        "measurement": measured.summary.candidate.model_dump(mode="json"),
        "ladder": climbed.model_dump(mode="json"),
        "flop": sum(each.flop for each in work),
        "roofline_share": None if math.isnan(share) else share,
    }
