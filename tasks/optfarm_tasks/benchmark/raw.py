"""Raw samples as columns, in memory and in raw.npz, so that anyone can compute a published number again."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.benchmark.stats import Samples
from optfarm_tasks.benchmark.turns import Pair, Start
from optfarm_tasks.measurement import Rung

FILE = "raw.npz"

Columns = dict[str, NDArray[Any]]


def columns(pairs: Sequence[Pair]) -> Columns:
    """Every timed request as columns (N,), `dropped` marking those left out, and those of the warm-up (M,)."""
    found = [_block_columns(number, block, pair) for number, pair in enumerate(pairs) for block in _numbered(pair)]
    warm = [warm_columns(number, side, pair.starts[side]) for number, pair in enumerate(pairs) for side in (0, 1)]
    return {**joined(found), **joined(warm)}


def rung_columns(taken: Sequence[tuple[int, Sequence[Rung], Sequence[NDArray[np.int64]]]]) -> Columns:
    """Every timed request of the rungs of ladders (K,), given each ladder's side, rungs and wall times."""
    parts: list[Columns] = [
        {
            "rung_side": np.full(wall_ns.size, side, np.int8),
            "rung_threads": np.full(wall_ns.size, rung.threads, np.int32),
            "rung_batch_size": np.full(wall_ns.size, rung.batch_size, np.int32),
            "rung_wall_ns": wall_ns,
        }
        for side, rungs, walls in taken
        for rung, wall_ns in zip(rungs, walls, strict=True)
    ]
    return joined(parts) if parts else {}


def kept(stored: Mapping[str, NDArray[Any]]) -> Samples:
    """The samples that count, from the columns of raw.npz."""
    mask = ~stored["dropped"]
    names = ("pair", "group", "side", "wall_ns", "cpu_ns", "switches")
    return Samples(**{name: stored[name][mask].astype(np.int64) for name in names})


def write(folder: Path, stored: Mapping[str, NDArray[Any]], *, estimator: str) -> None:
    """Writes raw.npz, with the estimator's name beside the columns."""
    folder.mkdir(parents=True, exist_ok=True)
    # The stubs let no names but array names through **, though a mapping's keys are just that.
    np.savez_compressed(folder / FILE, allow_pickle=False, estimator=np.array(estimator), **stored)


def _numbered(pair: Pair) -> list[tuple[int, Any]]:
    return list(enumerate(pair.blocks))


def _block_columns(number: int, numbered: tuple[int, Any], pair: Pair) -> Columns:
    index, block = numbered
    wall_ns, cpu_ns, switches = block.samples
    size = wall_ns.size
    return {
        "pair": np.full(size, number, np.int16),
        "block": np.full(size, index, np.int32),
        "group": np.full(size, block.group, np.int32),
        "side": np.full(size, block.side, np.int8),
        "dropped": np.arange(size) < min(pair.plan.dropped, size - 1),
        "requests": np.full(size, pair.starts[block.side].group, np.int32),
        "wall_ns": wall_ns,
        "cpu_ns": cpu_ns,
        "switches": switches.astype(np.int32),
    }


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
