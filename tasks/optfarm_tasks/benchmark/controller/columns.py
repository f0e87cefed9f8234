"""Turns timed blocks, warm-ups, rungs and queries into the columns of raw.npz."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.benchmark.analysis import device_clock, usage
from optfarm_tasks.benchmark.analysis.raw import AXES, Columns
from optfarm_tasks.benchmark.controller.turns import Block, Pair, Start
from optfarm_tasks.schema.ladder import Ladder


def pair_columns(pairs: Sequence[Pair]) -> Columns:
    """Every timed request as columns (N,), `dropped` marking those left out, the warm-up (M,), and blocks (B,)."""
    numbered = [
        (number, index, block, pair) for number, pair in enumerate(pairs) for index, block in enumerate(pair.blocks)
    ]
    found = [_block_columns(number, index, block, pair) for number, index, block, pair in numbered]
    if any(record.start.has_device_clock for pair in pairs for record in pair.processes):
        found = [
            each | device_clock.columns_of(block.samples)
            for each, (_, _, block, _) in zip(found, numbered, strict=True)
        ]
    used = [usage.columns_of(number, index, block.side, block.used) for number, index, block, _ in numbered]
    warm = [
        warm_columns(number, side, pair.processes[side].start) for number, pair in enumerate(pairs) for side in (0, 1)
    ]
    return {**joined(found), **joined(warm), **joined(used)}


def rung_columns(taken: Sequence[tuple[int, Ladder, Sequence[NDArray[np.int64]]]]) -> Columns:
    """Every timed request of the rungs of ladders (K,), given the side, the ladder, and its rungs' wall times."""
    parts: list[Columns] = [
        {
            "rung_side": np.full(wall_ns.size, side, np.int8),
            "rung_axis": np.full(wall_ns.size, AXES.index(ladder.axis), np.int8),
            "rung_threads": np.full(wall_ns.size, rung.threads, np.int32),
            "rung_batch_size": np.full(wall_ns.size, rung.batch_size, np.int32),
            "rung_wall_ns": wall_ns,
        }
        for side, ladder, walls in taken
        for rung, wall_ns in zip(ladder.rungs, walls, strict=True)
    ]
    return joined(parts) if parts else {}


def warm_columns(number: int, side: int, start: Start) -> Columns:
    """The warm-up of one process (M,)."""
    wall_ns = start.warm_ns
    return {
        "warm_pair": np.full(wall_ns.size, number, np.int16),
        "warm_side": np.full(wall_ns.size, side, np.int8),
        "warm_wall_ns": wall_ns,
    }


def query_columns(number: int, side: int, trial: int, *, rate_per_s: float, table: NDArray[np.int64]) -> Columns:
    """Every query of a trial of the scenario Server (N,): scheduled arrival, start and end of its answer, in ns."""
    arrival_ns, start_ns, end_ns, cpu_ns, switches = table
    return {
        "pair": np.full(arrival_ns.size, number, np.int16),
        "side": np.full(arrival_ns.size, side, np.int8),
        "trial": np.full(arrival_ns.size, trial, np.int16),
        "rate_per_s": np.full(arrival_ns.size, rate_per_s),
        "arrival_ns": arrival_ns,
        "start_ns": start_ns,
        "end_ns": end_ns,
        "cpu_ns": cpu_ns,
        "switches": switches.astype(np.int32),
    }


def joined(parts: Sequence[Columns]) -> Columns:
    """Parts of the same columns, one after the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _block_columns(number: int, index: int, block: Block, pair: Pair) -> Columns:
    wall_ns, cpu_ns, switches = block.samples[:3]
    size = wall_ns.size
    return {
        "pair": np.full(size, number, np.int16),
        "block": np.full(size, index, np.int32),
        "group": np.full(size, block.group, np.int32),
        "side": np.full(size, block.side, np.int8),
        "dropped": np.arange(size) < min(pair.plan.dropped[block.side], size - 1),
        "requests": np.full(size, pair.processes[block.side].start.group, np.int32),
        "wall_ns": wall_ns,
        "cpu_ns": cpu_ns,
        "switches": switches.astype(np.int32),
    }
