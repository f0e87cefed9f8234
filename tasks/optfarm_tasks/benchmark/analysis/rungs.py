"""Reads ladders back from raw samples, and what was chosen by them."""

from collections.abc import Sequence

import numpy as np

from optfarm_tasks.benchmark.analysis import ladder, raw
from optfarm_tasks.benchmark.analysis.pairs import Side
from optfarm_tasks.errors import BadData
from optfarm_tasks.schema.measurement import Axis, Ladder, Rung
from optfarm_tasks.schema.spec import Benchmark

Ladders = tuple[Ladder, ...]


def ladders_of(columns: raw.Columns, side: Side, published: Ladders) -> Ladders:
    """A variant's ladders with their rungs as the samples tell them; why each ends is taken from those published.

    Raises:
        BadData: there are samples of other ladders than these.
    """
    climbed = columns["rung_axis"][columns["rung_side"] == side] if "rung_side" in columns else np.array([])
    axes = {raw.AXES[number] for number in np.unique(climbed)}
    if axes != {each.axis for each in published} or len(axes) != len(published):
        raise BadData("its ladders are not those of its raw samples")
    return tuple(each.model_copy(update={"rungs": _rungs(columns, side, each.axis)}) for each in published)


def chosen(action: Benchmark, baseline: Ladders, candidate: Ladders) -> tuple[int, tuple[int, int]]:
    """The threads, and the batches of the baseline and of the candidate, that were asked for or come of ladders.

    Raises:
        BadData: there is no ladder of what was left to the farm.
    """
    threads, batch_size = action.threads, action.batch_size
    if threads == "auto":
        threads = ladder.best(_along(Axis.THREADS, candidate).rungs).threads
    if batch_size == "auto":
        own = _along(Axis.BATCH_SIZE, baseline), _along(Axis.BATCH_SIZE, candidate)
        return threads, ladder.chosen_batches(*own, action.scenario)
    return threads, (batch_size, batch_size)


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
    for threads, batch_size in _in_order(settings.tolist()):
        p50_ns = int(np.median(wall_ns[(settings == (threads, batch_size)).all(axis=1)]))
        found.append(ladder.rung(threads, batch_size, p50_ns, before=found[-1] if found else None))
    return tuple(found)


def _in_order(settings: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    return list(dict.fromkeys((threads, batch_size) for threads, batch_size in settings))
