"""Records what timed stretches used of time, CPUs, energy and memory, as columns of raw.npz, and sums it up."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.benchmark.analysis import gpu_use, raw, shape
from optfarm_tasks.benchmark.analysis.gpu_use import GpuUse
from optfarm_tasks.benchmark.analysis.pairs import Side
from optfarm_tasks.schema.measurement import GpuConditions

Floats = NDArray[np.float64]

_SUMMED = ("run_delay_ns", "process_cpu_ns", "energy_uj")


@dataclass(frozen=True)
class Stretch:
    """One block, or one trial of a server; None where the machine does not expose it."""

    elapsed_ns: int
    run_delay_ns: int | None
    """How long threads waited for CPUs that others had."""
    process_cpu_ns: int | None
    """CPU time of all threads."""
    energy_uj: int | None
    """By all that the meter counts."""
    held_bytes: int | None
    """Resident set afterwards."""
    gpu: GpuUse | None = None
    """None where nothing computed on one."""


@dataclass(frozen=True)
class Usage:
    """What a variant used in the stretches that its numbers rest on."""

    duration_s: float
    run_delay_frac: float | None
    process_cpu_ns: float | None
    """Per request."""
    energy_mj: float | None
    """Per request."""
    is_leaking: bool
    """Whether every process kept taking memory."""
    gpu: GpuConditions | None = None


def columns_of(pair: int, index: int, side: Side, stretch: Stretch) -> raw.Columns:
    """One row of the columns `block_…` of raw.npz; NaN stands for None."""
    place = {"pair": pair, "index": index, "side": side}
    used = {name: value for name, value in vars(stretch).items() if name != "gpu"}
    return {
        **{f"block_{name}": np.array([value], np.int32) for name, value in place.items()},
        **{f"block_{name}": np.array([value], np.float64) for name, value in used.items()},
        **({} if stretch.gpu is None else gpu_use.columns_of(stretch.gpu)),
    }


def usage(columns: raw.Columns, side: Side, *, requests: int, deciding: Mapping[int, int] | None = None) -> Usage:
    """What a variant used, as sums and means over its stretches.

    Args:
        columns: those of raw.npz.
        side: the variant.
        requests: those of the stretches that count.
        deciding: the index of the one stretch of each pair that counts; all do when left out.
    """
    own = columns["block_side"] == side
    pairs, indices = columns["block_pair"][own], columns["block_index"][own]
    counts = np.ones(pairs.size, np.bool_)
    if deciding is not None:
        counts = np.array([deciding[pair] == index for pair, index in zip(pairs.tolist(), indices, strict=True)])
    used = {name: columns[f"block_{name}"][own] for name in ("elapsed_ns", *_SUMMED, "held_bytes")}
    elapsed_ns = float(used["elapsed_ns"][counts].sum())
    run_delay_ns, process_cpu_ns, energy_uj = (_sum(used[name][counts]) for name in _SUMMED)
    return Usage(
        duration_s=elapsed_ns / 1e9,
        run_delay_frac=None if run_delay_ns is None else run_delay_ns / elapsed_ns,
        process_cpu_ns=None if process_cpu_ns is None else process_cpu_ns / requests,
        energy_mj=None if energy_uj is None else energy_uj / 1000 / requests,
        is_leaking=all(map(shape.is_leaking, _by_pair(used["held_bytes"], pairs))),
        gpu=gpu_use.conditions(columns, _placed(own, counts)),
    )


def _placed(own: NDArray[np.bool_], counts: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of all stretches those of a variant that count."""
    placed = own.copy()
    placed[own] = counts
    return placed


def _sum(values: Floats) -> float | None:
    return None if np.isnan(values).any() else float(values.sum())


def _by_pair(held_bytes: Floats, pairs: NDArray[np.int32]) -> Iterator[list[int]]:
    for pair in np.unique(pairs):
        own = held_bytes[pairs == pair]
        yield [int(each) for each in own[~np.isnan(own)]]
