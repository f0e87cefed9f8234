"""Raw samples as columns, in memory and in raw.npz, so that anyone can compute a published number again."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks import npz
from optfarm_tasks.benchmark.stats import MAX_PAIRS, Samples
from optfarm_tasks.errors import BadData

if TYPE_CHECKING:
    from optfarm_tasks.benchmark.turns import Pair

FILE = "raw.npz"

Columns = dict[str, NDArray[Any]]

_TIMED = ("pair", "block", "group", "side", "dropped", "requests", "wall_ns", "cpu_ns", "switches")
_WARM = ("warm_pair", "warm_side", "warm_wall_ns")
_ESTIMATOR = "estimator"


def columns(pairs: "Sequence[Pair]") -> Columns:
    """Every timed request as columns (N,), `dropped` marking those left out, and those of the warm-up (M,)."""
    found = [_block_columns(number, block, pair) for number, pair in enumerate(pairs) for block in _numbered(pair)]
    warm = [_warm_columns(number, side, pair) for number, pair in enumerate(pairs) for side in (0, 1)]
    return {**_joined(found), **_joined(warm)}


def kept(stored: Mapping[str, NDArray[Any]]) -> Samples:
    """The samples that count, from the columns of raw.npz."""
    mask = ~stored["dropped"]
    names = ("pair", "group", "side", "wall_ns", "cpu_ns", "switches")
    return Samples(**{name: stored[name][mask].astype(np.int64) for name in names})


def warm_up_ns(stored: Mapping[str, NDArray[Any]], side: int) -> list[int]:
    """How long a variant's processes warmed up, one value a pair."""
    own = stored["warm_side"] == side
    pairs, wall_ns = stored["warm_pair"][own], stored["warm_wall_ns"][own].astype(np.int64)
    return [int(wall_ns[pairs == pair].sum()) for pair in np.unique(pairs)]


def read(path: Path) -> tuple[Columns, str]:
    """The columns of a raw.npz, and the estimator's name, from which every published number can be computed.

    Raises:
        BadData: it is damaged, or holds something else than the samples of 1 to 20 whole pairs.
    """
    told = {each.key: each for each in npz.scan(path)}
    if missing := {*_TIMED, *_WARM, _ESTIMATOR} - set(told):
        raise BadData(f"{path.name} holds no raw samples: {', '.join(sorted(missing))} is missing")
    for names in (_TIMED, _WARM):
        if len({told[name].shape for name in names}) > 1 or len(told[names[0]].shape) != 1:
            raise BadData(f"{path.name} holds no raw samples: its columns are not of one length")
    if told[_ESTIMATOR].dtype != "string" or told[_ESTIMATOR].shape:
        raise BadData(f"{path.name} names no estimator")
    stored = npz.read(path, {*_TIMED, *_WARM, _ESTIMATOR})
    estimator = str(stored.pop(_ESTIMATOR))
    _require_whole(stored, path)
    return stored, estimator


def write(folder: Path, stored: Mapping[str, NDArray[Any]], *, estimator: str) -> None:
    """Writes raw.npz, with the estimator's name beside the columns."""
    folder.mkdir(parents=True, exist_ok=True)
    # The stubs let no names but array names through **, though a mapping's keys are just that.
    np.savez_compressed(folder / FILE, allow_pickle=False, estimator=np.array(estimator), **stored)


def _require_whole(stored: Columns, path: Path) -> None:
    if any(stored[name].dtype.kind not in "iu" for name in (*_TIMED, *_WARM) if name != "dropped"):
        raise BadData(f"{path.name} holds no raw samples: its columns are not integers")
    if stored["dropped"].dtype.kind != "b":
        raise BadData(f"{path.name} holds no raw samples: `dropped` is not true or false")
    samples = kept(stored)
    if (samples.wall_ns < 1).any() or (samples.cpu_ns < 0).any():
        raise BadData(f"{path.name} holds requests that took no time")
    timed = _combinations(samples.pair, samples.group, samples.side)
    warm = _combinations(stored["warm_pair"], stored["warm_side"])
    pairs = {pair for pair, _, _ in timed}
    both_timed = {(pair, group, side) for pair, group, _ in timed for side in (0, 1)}
    both_warm = {(pair, side) for pair in pairs for side in (0, 1)}
    if not 1 <= len(pairs) <= MAX_PAIRS or timed != both_timed or warm != both_warm:
        raise BadData(f"{path.name} does not hold both variants in each group of 1 to {MAX_PAIRS} pairs")


def _combinations(*found: NDArray[Any]) -> set[tuple[int, ...]]:
    return set(map(tuple, np.unique(np.stack(found), axis=1).T.tolist()))


def _numbered(pair: "Pair") -> list[tuple[int, Any]]:
    return list(enumerate(pair.blocks))


def _block_columns(number: int, numbered: tuple[int, Any], pair: "Pair") -> Columns:
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


def _warm_columns(number: int, side: int, pair: "Pair") -> Columns:
    wall_ns = pair.starts[side].warm_ns
    return {
        "warm_pair": np.full(wall_ns.size, number, np.int16),
        "warm_side": np.full(wall_ns.size, side, np.int8),
        "warm_wall_ns": wall_ns,
    }


def _joined(parts: Sequence[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
