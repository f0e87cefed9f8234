"""A ladder as people read it: every rung, and why it is the last."""

from optfarm_tasks.schema.measurement import Axis, Ladder, Rung, Stop

_NAMES = {Axis.BATCH_SIZE: "batch", Axis.THREADS: "threads"}
_ENDS = {
    Stop.GAIN: "the last gained less than 5%",
    Stop.FIXED_BATCH: "the model has a fixed batch",
    Stop.MEMORY: "memory ends here",
    Stop.CORES: "the device has no more cores",
    Stop.LARGEST: "no larger batch is tried",
    Stop.TIME: "the next would take too long",
    Stop.REFUSED: "the runtime refuses the next",
}


def shown_ladder(ladder: Ladder) -> str:
    """One line: batch 1: 820/s in 1.22 ms, 2: 1,502/s in 1.33 ms (+83%); the last gained less than 5%."""
    rungs = ", ".join(_shown(rung, ladder.axis) for rung in ladder.rungs)
    detail = f" ({ladder.detail})" if ladder.detail else ""
    return f"{_NAMES[ladder.axis]} {rungs}; {_ENDS[ladder.stop]}{detail}"


def shown_rate(per_s: float) -> str:
    """A rate to three digits, or to the whole number where that says more."""
    return f"{per_s:,.0f}" if per_s >= 100 else f"{per_s:.3g}"  # noqa: PLR2004 (three digits)


def _shown(rung: Rung, axis: Axis) -> str:
    value = rung.batch_size if axis is Axis.BATCH_SIZE else rung.threads
    gain = "" if rung.gain is None else f" ({100 * rung.gain:+.0f}%)"
    return f"{value}: {shown_rate(rung.throughput_per_s)}/s in {rung.p50_ns / 1e6:.3g} ms{gain}"
