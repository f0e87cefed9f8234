"""Reads and writes raw.npz, the raw samples as columns, from which every published number can be computed again."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.benchmark.analysis import gpu_use
from optfarm_tasks.benchmark.analysis.stats import MAX_PAIRS, Samples
from optfarm_tasks.data_sets import npz
from optfarm_tasks.errors import BadData
from optfarm_tasks.schema.ladder import Axis

FILE = "raw.npz"

Columns = dict[str, NDArray[Any]]

AXES = (Axis.BATCH_SIZE, Axis.THREADS)
"""What the numbers of `rung_axis` stand for."""

_TIMED = ("pair", "block", "group", "side", "dropped", "requests", "wall_ns", "cpu_ns", "switches")
CLOCKS = ("enqueue_ns", "compute_ns", "copies_ns")
"""Columns of requests on a device that has a clock of its own; -1 where only the other variant's has."""
_SENT = ("pair", "side", "trial", "rate_per_s", "arrival_ns", "start_ns", "end_ns", "cpu_ns", "switches")
_LATENCY_LIMIT = "bound_ms"
"""The name in stored files, which stays."""
_WARM = ("warm_pair", "warm_side", "warm_wall_ns")
_RUNGS = ("rung_side", "rung_axis", "rung_threads", "rung_batch_size", "rung_wall_ns")
_PLACE = ("block_pair", "block_index", "block_side")
_USED = ("block_elapsed_ns", "block_run_delay_ns", "block_process_cpu_ns", "block_energy_uj", "block_held_bytes")
_ESTIMATOR = "estimator"
_FASTEST_PER_S = 1e7
"""No loop in Python answers more queries."""


def kept(stored: Mapping[str, NDArray[Any]]) -> Samples:
    """The samples that count, from the columns of raw.npz."""
    mask = ~stored["dropped"]
    names = ("pair", "group", "side", "wall_ns", "cpu_ns", "switches")
    return Samples(**{name: stored[name][mask].astype(np.int64) for name in names})


def has_queries(stored: Collection[str]) -> bool:
    """Whether columns of such names hold queries that arrive, as in the scenario Server."""
    return "arrival_ns" in stored


def warm_up_ns(stored: Mapping[str, NDArray[Any]], side: int) -> list[int]:
    """How long a variant's processes warmed up, one value a pair."""
    own = stored["warm_side"] == side
    pairs, wall_ns = stored["warm_pair"][own], stored["warm_wall_ns"][own].astype(np.int64)
    return [int(wall_ns[pairs == pair].sum()) for pair in np.unique(pairs)]


def read(path: Path) -> tuple[Columns, str]:
    """The columns of a raw.npz, and the estimator's name, from which every published number can be computed.

    Raises:
        BadData: it is damaged, or holds something else than the samples of 1 to 20 whole pairs, or searches.
    """
    stated = {each.key: each for each in npz.scan(path)}
    main = _SENT if has_queries(stated) else _TIMED
    clocks = CLOCKS if main is _TIMED and set(CLOCKS) & set(stated) else ()
    groups = [(*main, *clocks), _WARM, (*_PLACE, *_USED, *(gpu_use.NAMES if set(gpu_use.NAMES) & set(stated) else ()))]
    groups += [_RUNGS] if set(_RUNGS) & set(stated) else []
    single = (_ESTIMATOR, _LATENCY_LIMIT) if main is _SENT else (_ESTIMATOR,)
    names = {*single, *(name for group in groups for name in group)}
    if missing := names - set(stated):
        raise BadData(f"{path.name} holds no raw samples: {', '.join(sorted(missing))} is missing")
    for group in groups:
        if len({stated[name].shape for name in group}) > 1 or len(stated[group[0]].shape) != 1:
            raise BadData(f"{path.name} holds no raw samples: its columns are not of one length")
    if stated[_ESTIMATOR].dtype != "string" or any(stated[name].shape for name in single):
        raise BadData(f"{path.name} names no estimator, or no latency limit")
    stored = npz.read(path, names)
    estimator = str(stored.pop(_ESTIMATOR))
    _require_kinds(stored, path)
    (_require_searches if main is _SENT else _require_pairs)(stored, path)
    if _RUNGS in groups:
        _require_rungs(stored, path)
    _require_blocks(stored, path)
    return stored, estimator


def write(folder: Path, stored: Mapping[str, NDArray[Any]], *, estimator: str) -> None:
    """Writes raw.npz, with the estimator's name beside the columns."""
    folder.mkdir(parents=True, exist_ok=True)
    # The stubs let no names but array names through **, though a mapping's keys are just that.
    np.savez_compressed(folder / FILE, allow_pickle=False, estimator=np.array(estimator), **stored)


def _require_kinds(stored: Columns, path: Path) -> None:
    others = {"dropped": "b", "rate_per_s": "f", _LATENCY_LIMIT: "f", **dict.fromkeys((*_USED, *gpu_use.NAMES), "f")}
    if any(column.dtype.kind not in others.get(name, "iu") for name, column in stored.items() if name != "dropped"):
        raise BadData(f"{path.name} holds no raw samples: its columns are not integers")
    if "dropped" in stored and stored["dropped"].dtype.kind != "b":
        raise BadData(f"{path.name} holds no raw samples: `dropped` is not true or false")


def _require_pairs(stored: Columns, path: Path) -> None:
    samples = kept(stored)
    if (samples.wall_ns < 1).any() or (samples.cpu_ns < 0).any():
        raise BadData(f"{path.name} holds requests that took no time")
    timed = _combinations(samples.pair, samples.group, samples.side)
    pairs = {pair for pair, _, _ in timed}
    both_timed = {(pair, group, side) for pair, group, _ in timed for side in (0, 1)}
    if not 1 <= len(pairs) <= MAX_PAIRS or timed != both_timed or not _is_warm(stored, pairs):
        raise BadData(f"{path.name} does not hold both variants in each group of 1 to {MAX_PAIRS} pairs")


def _require_searches(stored: Columns, path: Path) -> None:
    rate_per_s, arrival_ns, start_ns = stored["rate_per_s"], stored["arrival_ns"], stored["start_ns"]
    if not ((rate_per_s > 0) & (rate_per_s <= _FASTEST_PER_S)).all():
        raise BadData(f"{path.name} holds queries that were sent at no rate")
    if ((arrival_ns < 0) | (start_ns < arrival_ns) | (stored["end_ns"] <= start_ns) | (stored["cpu_ns"] < 0)).any():
        raise BadData(f"{path.name} holds queries that were answered before they came, or in no time")
    search = stored["pair"], stored["side"], stored["trial"]
    sent = _combinations(*search)
    at_rates = _combinations(*search, np.unique(rate_per_s, return_inverse=True)[1])
    pairs = {pair for pair, _, _ in sent}
    first = {(pair, side, 0) for pair in pairs for side in (0, 1)}
    before = {(pair, side, trial - 1) for pair, side, trial in sent if trial}
    is_whole = first | before <= sent and len(at_rates) == len(sent) and {side for _, side, _ in sent} == {0, 1}
    if not 1 <= len(pairs) <= MAX_PAIRS or not is_whole or not _is_warm(stored, pairs):
        raise BadData(f"{path.name} does not hold the trials of both variants in each of 1 to {MAX_PAIRS} searches")


def _require_rungs(stored: Columns, path: Path) -> None:
    values = [stored[name] for name in ("rung_wall_ns", "rung_threads", "rung_batch_size")]
    axis, side = stored["rung_axis"], stored["rung_side"]
    if any((each < 1).any() for each in values) or not (np.isin(axis, (0, 1)) & np.isin(side, (0, 1))).all():
        raise BadData(f"{path.name} holds rungs of no ladder")


def _require_blocks(stored: Columns, path: Path) -> None:
    timed = "trial" if has_queries(stored) else "block"
    blocks = _combinations(*(stored[name] for name in _PLACE))
    if blocks != _combinations(stored["pair"], stored[timed], stored["side"]) or len(blocks) < stored[_PLACE[0]].size:
        raise BadData(f"{path.name} does not hold what each of its blocks used")
    if not (stored[_USED[0]] > 0).all() or any((stored[name] < 0).any() for name in _USED):
        raise BadData(f"{path.name} holds blocks that took no time, or used less than nothing")


def _is_warm(stored: Columns, pairs: Collection[int]) -> bool:
    both = {(pair, side) for pair in pairs for side in (0, 1)}
    return _combinations(stored["warm_pair"], stored["warm_side"]) == both


def _combinations(*found: NDArray[Any]) -> set[tuple[int, ...]]:
    return set(map(tuple, np.unique(np.stack(found), axis=1).T.tolist()))
