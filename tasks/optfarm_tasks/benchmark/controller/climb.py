"""Finds the best batch sizes and threads by climbing ladders in resident processes."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.benchmark.analysis import ladder, raw
from optfarm_tasks.benchmark.analysis.ladder import RungAmount, Steps, TriedRung
from optfarm_tasks.benchmark.analysis.pairs import BASELINE, CANDIDATE, Side
from optfarm_tasks.benchmark.controller.columns import rung_columns
from optfarm_tasks.benchmark.controller.resident import Resident, table_of
from optfarm_tasks.benchmark.controller.turns import PairSetup
from optfarm_tasks.benchmark.process import protocol, shield
from optfarm_tasks.errors import BadInput, OutOfMemory
from optfarm_tasks.schema.ladder import Ladder, Rung, Stop
from optfarm_tasks.technique import OnProgress

_SHARE_OF_MEMORY = 0.4
"""Of a task's memory, for one resident: two of them and the controller live at once."""


@dataclass(frozen=True)
class LadderBudget:
    """How much time and memory a ladder may take."""

    amount: RungAmount
    memory_bytes: int
    """What the task may use."""
    fixed: tuple[int | None, int | None]
    """The fixed batch sizes of the variants; None where they vary."""

    @property
    def ceiling_bytes(self) -> int:
        """The memory of one process."""
        return int(_SHARE_OF_MEMORY * self.memory_bytes)


@dataclass(frozen=True)
class ClimbedLadder:
    """A ladder, and the samples of its rungs."""

    side: Side
    ladder: Ladder
    walls_ns: tuple[NDArray[np.int64], ...]


@dataclass(frozen=True)
class SettledSetup:
    """A setup whose threads and batch sizes are numbers, and the ladders that these come from."""

    setup: PairSetup
    climbed: tuple[ClimbedLadder, ...] = ()

    def ladders(self, side: Side) -> tuple[Ladder, ...]:
        """The ladders of one variant."""
        return tuple(each.ladder for each in self.climbed if each.side == side)

    @property
    def columns(self) -> raw.Columns:
        """Every timed request of the rungs, as columns (N,) of raw.npz."""
        return rung_columns([(each.side, each.ladder, each.walls_ns) for each in self.climbed])


def settle(
    setup: PairSetup, budget: LadderBudget, on_progress: OnProgress, *, batches: bool, threads: bool
) -> SettledSetup:
    """Climbs what was left open: first the batch sizes of both variants, then the threads of the candidate.

    The scenario Offline gives each variant its own best batch; otherwise both get the candidate's, or the largest below
    it that the baseline takes. The number of threads is what a device gives to either, so it is the candidate's best.

    Raises:
        TaskError: a variant does not even run on the first rung.
    """
    climbed: tuple[ClimbedLadder, ...] = ()
    if batches:
        on_progress("batch sizes of the baseline", 0.0)
        baseline = climb_batches(setup, BASELINE, budget)
        on_progress("batch sizes of the candidate", 0.0)
        candidate = climb_batches(setup, CANDIDATE, budget)
        climbed = (baseline, candidate)
        other, own = ladder.chosen_batches(baseline.ladder, candidate.ladder, setup.scenario)
        setup = replace(setup, batch_size=own, baseline_batch_size=other)
    if threads:
        on_progress("threads", 0.0)
        grown = climb_threads(setup, CANDIDATE, budget)
        climbed = (*climbed, grown)
        setup = _with_threads(setup, ladder.best(grown.ladder.rungs).threads)
    return SettledSetup(setup, climbed)


def climb_batches(setup: PairSetup, side: Side, budget: LadderBudget) -> ClimbedLadder:
    """Climbs the batch sizes of a variant in one process; blocks.

    Raises:
        TaskError: it does not run at the first batch size.
    """
    steps = ladder.batch_steps(budget.fixed[side])
    first = replace(setup, batch_size=steps.values[0], baseline_batch_size=None)
    with Resident(setup.variants[side], cores=setup.cores, threads=setup.threads) as resident:
        _begin(resident, first, side, budget)
        take = partial(_rung, resident, budget.amount)
        return _climb(side, steps, budget, lambda batch_size: (setup.threads, batch_size, *take(batch_size)))


def climb_threads(setup: PairSetup, side: Side, budget: LadderBudget) -> ClimbedLadder:
    """Climbs the threads of a variant, with a process for each number; blocks.

    Raises:
        TaskError: it does not run on one thread.
    """
    batch_size = setup.batch_of(side)

    def take(threads: int) -> tuple[int, int, NDArray[np.int64], int]:
        wider = _with_threads(setup, threads)
        with Resident(wider.variants[side], cores=wider.cores, threads=threads) as resident:
            _begin(resident, wider, side, budget)
            return threads, batch_size, *_rung(resident, budget.amount, batch_size)

    return _climb(side, ladder.thread_steps(len(os.sched_getaffinity(0))), budget, take)


def _begin(resident: Resident, setup: PairSetup, side: Side, budget: LadderBudget) -> None:
    resident.ask(setup.load_command(side))
    resident.ask(protocol.FIRST)
    resident.ask(protocol.Confine(budget.ceiling_bytes))


def _rung(resident: Resident, amount: RungAmount, batch_size: int) -> tuple[NDArray[np.int64], int]:
    min_ns, max_ns = int(amount.timed_s * 1e9), int(amount.max_s * 1e9)
    timed = resident.ask(protocol.TimeRung(batch_size, min_ns, amount.min_requests, max_ns))
    return table_of(timed.samples, 1)[0], timed.peak_rss_bytes


def _climb(
    side: Side, steps: Steps, budget: LadderBudget, take: Callable[[int], tuple[int, int, NDArray[np.int64], int]]
) -> ClimbedLadder:
    tried: list[TriedRung] = []
    walls: list[NDArray[np.int64]] = []
    detail = None
    while not isinstance(step := ladder.next_step(tried, steps, budget.ceiling_bytes, amount=budget.amount), Stop):
        try:
            threads, batch_size, wall_ns, peak_rss_bytes = take(step)
        except (OutOfMemory, BadInput) as error:
            if not tried:
                raise
            step, detail = (Stop.MEMORY if isinstance(error, OutOfMemory) else Stop.REFUSED), str(error)
            break
        before = tried[-1].rung if tried else None
        tried.append(
            TriedRung(ladder.rung(threads, batch_size, int(np.median(wall_ns)), before=before), peak_rss_bytes)
        )
        walls.append(wall_ns)
    rungs: tuple[Rung, ...] = tuple(each.rung for each in tried)
    return ClimbedLadder(side, Ladder(axis=steps.axis, rungs=rungs, stop=step, detail=detail), tuple(walls))


def _with_threads(setup: PairSetup, threads: int) -> PairSetup:
    cores, _ = shield.choose_cores(os.sched_getaffinity(0), threads)
    return replace(setup, threads=threads, cores=cores)
