"""Raw samples as columns, in memory and in raw.npz, so that anyone can compute a published number again."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.benchmark.stats import Samples
from optfarm_tasks.benchmark.turns import Pair

FILE = "raw.npz"

Columns = dict[str, NDArray[Any]]


def columns(pairs: Sequence[Pair]) -> Columns:
    """Every timed request as columns (N,), `dropped` marking those left out, the warm-up (M,), and blocks (B,)."""
    found = [_block_columns(number, block, pair) for number, pair in enumerate(pairs) for block in _numbered(pair)]
    warm = [_warm_columns(number, side, pair) for number, pair in enumerate(pairs) for side in (0, 1)]
    of_blocks = [_whole_block(number, block) for number, pair in enumerate(pairs) for block in _numbered(pair)]
    return {**_joined(found), **_joined(warm), **_joined(of_blocks)}


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


def _whole_block(number: int, numbered: tuple[int, Any]) -> Columns:
    index, block = numbered
    told = {
        "elapsed_ns": block.elapsed_ns,
        "requests": block.requests,
        "process_cpu_ns": block.process_cpu_ns,
        "run_delay_ns": block.run_delay_ns,
        "energy_uj": block.energy_uj,
        "held_bytes": block.held_bytes,
    }
    place = {"pair": number, "index": index, "side": block.side}
    return {
        **{f"block_{name}": np.array([value], np.int32) for name, value in place.items()},
        **{f"block_{name}": np.array([value], np.float64) for name, value in told.items()},
    }


def _warm_columns(number: int, side: int, pair: Pair) -> Columns:
    wall_ns = pair.starts[side].warm_ns
    return {
        "warm_pair": np.full(wall_ns.size, number, np.int16),
        "warm_side": np.full(wall_ns.size, side, np.int8),
        "warm_wall_ns": wall_ns,
    }


def _joined(parts: Sequence[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
