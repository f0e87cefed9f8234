"""Turns the pairs of a measurement into the two records that are published."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optfarm_tasks.benchmark import raw
from optfarm_tasks.benchmark.conclusion import Conclusion, Seen, Setting, conclude
from optfarm_tasks.benchmark.pairs import BASELINE, CANDIDATE, Side
from optfarm_tasks.benchmark.turns import Bench, Block, Pair
from optfarm_tasks.spec import Profile


@dataclass(frozen=True)
class Summary(Conclusion):
    """Both measurements and what they rest on."""

    columns: raw.Columns


def summarise(bench: Bench, pairs: Sequence[Pair], *, profile: Profile, attempt: int, half_width: float) -> Summary:
    """The published records; an interval of the log ratio is too wide when half of it passes half_width."""
    columns = raw.columns(pairs)
    setting = Setting(profile, attempt, threads=bench.threads, batch_size=bench.batch_size, half_width=half_width)
    seen = _seen(bench, pairs, BASELINE), _seen(bench, pairs, CANDIDATE)
    return Summary(**vars(conclude(columns, seen, setting)), columns=columns)


def _seen(bench: Bench, pairs: Sequence[Pair], side: Side) -> Seen:
    starts = [pair.starts[side] for pair in pairs]
    blocks = [block for pair in pairs for block in pair.blocks if block.side == side]
    return Seen(
        runtime=bench.variants[side].runtime.rpartition(".")[2],
        precision=starts[0].precision,
        duration_s=sum(block.elapsed_ns for block in blocks) / 1e9,
        load_ms=float(np.median([start.load_ns for start in starts])) / 1e6,
        first_ms=float(np.median([start.first_ns for start in starts])) / 1e6,
        peak_rss_bytes=max(pair.peak_rss_bytes[side] for pair in pairs),
        run_delay_frac=_run_delay(blocks),
        ext_cpu=_mean([pair.surroundings.ext_cpu for pair in pairs]),
        steal_frac=_mean([pair.surroundings.steal_frac for pair in pairs]),
        psi_cpu_frac=_mean([pair.surroundings.psi_cpu_frac for pair in pairs]),
        is_shielded=all(start.is_shielded for start in starts),
        is_steady=all(start.is_steady for start in starts),
    )


def _run_delay(blocks: Sequence[Block]) -> float | None:
    delays = [block.run_delay_ns for block in blocks if block.run_delay_ns is not None]
    return sum(delays) / sum(block.elapsed_ns for block in blocks) if len(delays) == len(blocks) else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
