"""Ladders of batch sizes and threads: decides the next setting and the best rung, and reads them from raw samples."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from optfarm_tasks.benchmark.analysis import raw
from optfarm_tasks.benchmark.analysis.pairs import Side
from optfarm_tasks.errors import BadData
from optfarm_tasks.schema.ladder import Axis, Ladder, Rung, Stop
from optfarm_tasks.schema.spec import LARGEST_BATCH, Benchmark, Effort, Scenario

Ladders = tuple[Ladder, ...]

GAIN = 0.05
"""A rung that adds less to the throughput of the one before is the last."""

_UNABLE = {Stop.MEMORY, Stop.REFUSED, Stop.TIME}


@dataclass(frozen=True)
class RungAmount:
    """How much of a rung is timed."""

    timed_s: float
    min_requests: int
    max_s: float
    """A rung that would take longer is not tried; the first always is."""


AMOUNTS = {
    Effort.QUICK: RungAmount(timed_s=0.2, min_requests=5, max_s=10),
    Effort.FULL: RungAmount(timed_s=1, min_requests=10, max_s=60),
}


def within(amount: RungAmount, timeout_s: float) -> RungAmount:
    """The same amount for a task of such a time limit: rungs double, so a ladder takes about twice its last one."""
    return replace(amount, max_s=min(amount.max_s, timeout_s / 20))


@dataclass(frozen=True)
class Steps:
    """The settings that a ladder may try, and why it stops after the last of them."""

    axis: Axis
    values: tuple[int, ...]
    end: Stop


@dataclass(frozen=True)
class TriedRung:
    """A rung as it was tried, and the peak memory of the process that tried it."""

    rung: Rung
    peak_rss_bytes: int


def batch_steps(fixed: int | None) -> Steps:
    """1, 2, 4 …, or the one batch that a model insists on."""
    if fixed is not None:
        return Steps(Axis.BATCH_SIZE, (fixed,), Stop.FIXED_BATCH)
    return Steps(Axis.BATCH_SIZE, _doubled(LARGEST_BATCH), Stop.LARGEST)


def thread_steps(cores: int) -> Steps:
    """1, 2, 4 … and the number of cores."""
    return Steps(Axis.THREADS, _doubled(cores), Stop.CORES)


def next_step(tried: Sequence[TriedRung], steps: Steps, ceiling_bytes: int, *, amount: RungAmount) -> int | Stop:
    """The setting to try next, or why there is none.

    Args:
        tried: the rungs that were tried, in order.
        steps: the settings that may be tried.
        ceiling_bytes: the memory that one process may use.
        amount: how much of a rung is timed.
    """
    if not tried:
        return steps.values[0]
    gain = tried[-1].rung.gain
    if gain is not None and gain < GAIN:
        return Stop.GAIN
    if len(tried) == len(steps.values):
        return steps.end
    if steps.axis is Axis.BATCH_SIZE and _expected_bytes(tried) > ceiling_bytes:
        return Stop.MEMORY
    if 2 * tried[-1].rung.p50_ns / 1e9 * amount.min_requests > amount.max_s:
        return Stop.TIME
    return steps.values[len(tried)]


def rung(threads: int, batch_size: int, p50_ns: int, *, before: Rung | None) -> Rung:
    """A rung whose requests take so long, compared with the one before."""
    throughput_per_s = batch_size / max(p50_ns, 1) * 1e9
    return Rung(
        threads=threads,
        batch_size=batch_size,
        throughput_per_s=throughput_per_s,
        p50_ns=p50_ns,
        gain=None if before is None else throughput_per_s / before.throughput_per_s - 1,
    )


def best(rungs: Sequence[Rung]) -> Rung:
    """The one of the highest throughput, the earliest of equals."""
    return max(rungs, key=lambda each: each.throughput_per_s)


def chosen_batches(baseline: Ladder, candidate: Ladder, scenario: Scenario) -> tuple[int, int]:
    """The batches at which the baseline and the candidate are measured: Offline each at its own best."""
    if scenario is Scenario.OFFLINE:
        return best(baseline.rungs).batch_size, best(candidate.rungs).batch_size
    common = common_batch(baseline, candidate)
    return common, common


def common_batch(baseline: Ladder, candidate: Ladder) -> int:
    """The batch at which both are measured where they share one: the candidate's best that the baseline can take."""
    wanted = best(candidate.rungs).batch_size
    largest = max(each.batch_size for each in baseline.rungs)
    if baseline.stop is Stop.FIXED_BATCH:
        return largest
    if candidate.stop is Stop.FIXED_BATCH or baseline.stop not in _UNABLE:
        return wanted
    return min(wanted, largest)


def ladders_of(columns: raw.Columns, side: Side, published: Ladders) -> Ladders:
    """A variant's ladders with rungs computed from the samples; why each stopped is taken from the published ones.

    Raises:
        BadData: there are samples of other ladders than these.
    """
    climbed = columns["rung_axis"][columns["rung_side"] == side] if "rung_side" in columns else np.array([])
    axes = {raw.AXES[number] for number in np.unique(climbed)}
    if axes != {each.axis for each in published} or len(axes) != len(published):
        raise BadData("its ladders are not those of its raw samples")
    return tuple(each.model_copy(update={"rungs": _rungs(columns, side, each.axis)}) for each in published)


def chosen(action: Benchmark, baseline: Ladders, candidate: Ladders) -> tuple[int, tuple[int, int]]:
    """The threads, and the batch sizes of both variants: as asked for, or the best rungs of their ladders.

    Raises:
        BadData: there is no ladder of what was left to the farm.
    """
    threads, batch_size = action.threads, action.batch_size
    if threads == "auto":
        threads = best(_along(Axis.THREADS, candidate).rungs).threads
    if batch_size == "auto":
        own = _along(Axis.BATCH_SIZE, baseline), _along(Axis.BATCH_SIZE, candidate)
        return threads, chosen_batches(*own, action.scenario)
    return threads, (batch_size, batch_size)


def _doubled(most: int) -> tuple[int, ...]:
    return (*(1 << power for power in range(most.bit_length()) if 1 << power < most), most)


def _expected_bytes(tried: Sequence[TriedRung]) -> int:
    """What the next rung will use: inputs and activations grow with the batch, so twice as much as by the last step."""
    last = tried[-1].peak_rss_bytes
    return last if len(tried) == 1 else last + 2 * (last - tried[-2].peak_rss_bytes)


def _along(axis: Axis, ladders: Ladders) -> Ladder:
    found = next((each for each in ladders if each.axis is axis), None)
    if found is None:
        raise BadData(f"there is no ladder of {axis}, which was left to the farm")
    return found


def _rungs(columns: raw.Columns, side: Side, axis: Axis) -> tuple[Rung, ...]:
    own = (columns["rung_side"] == side) & (columns["rung_axis"] == raw.AXES.index(axis))
    settings = np.stack([columns["rung_threads"][own], columns["rung_batch_size"][own]], axis=1)
    wall_ns = columns["rung_wall_ns"][own]
    found: list[Rung] = []
    for threads, batch_size in dict.fromkeys(map(tuple, settings.tolist())):
        p50_ns = int(np.median(wall_ns[(settings == (threads, batch_size)).all(axis=1)]))
        found.append(rung(threads, batch_size, p50_ns, before=found[-1] if found else None))
    return tuple(found)
