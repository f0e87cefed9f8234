"""Lists which of the method's rules for multi-threaded, memory-bound and disturbed work applied, and why."""

from collections.abc import Iterator
from dataclasses import dataclass

from optfarm_tasks.benchmark.analysis import pairs
from optfarm_tasks.benchmark.analysis.stats import Estimator

_MB = 1e6


@dataclass(frozen=True)
class PrecisionTarget:
    """How narrow the interval of the log ratio is to be, what a block leaves out, and why."""

    half_width: float
    """The widest half of the interval that is precise enough."""
    settle_ns: int = 0
    """See `pairs.block_plan`."""
    rules: tuple[str, ...] = ()
    """Sentences on what the variants' size decided, for the published record."""


def precision_target_of(model_bytes: int, cache_bytes: int | None) -> PrecisionTarget:
    """The target for a model's size: twice as wide, with more of each block left out, where no cache holds the weights.

    Args:
        model_bytes: of the larger variant.
        cache_bytes: the last-level cache; None where it is not known.
    """
    is_bound = is_memory_bound(model_bytes, cache_bytes)
    return PrecisionTarget(
        half_width=pairs.MEMORY_BOUND_HALF_WIDTH if is_bound else pairs.HALF_WIDTH,
        settle_ns=pairs.MEMORY_BOUND_SETTLE_NS if is_bound else 0,
        rules=of_size(model_bytes, cache_bytes),
    )


def is_memory_bound(model_bytes: int, cache_bytes: int | None) -> bool:
    """Whether a variant's files exceed the last-level cache, so that weights are read from memory at every request."""
    return cache_bytes is not None and model_bytes > cache_bytes


def of_size(model_bytes: int, cache_bytes: int | None) -> tuple[str, ...]:
    """Sentences on what the larger variant's size decided; bundles of older measurements are compared with them."""
    if cache_bytes is None:
        return (f"±{pairs.HALF_WIDTH:.0%} is asked of the ratio: the kernel tells no size of a cache",)
    if not is_memory_bound(model_bytes, cache_bytes):
        return ()
    sizes = f"{model_bytes / _MB:.3g} MB of files exceed the last-level cache of {cache_bytes / _MB:.3g} MB"
    asked = f"±{pairs.MEMORY_BOUND_HALF_WIDTH:.0%} is asked of the ratio"
    left_out = f"where variants take turns, the first {pairs.MEMORY_BOUND_SETTLE_NS / 1e6:.0f} ms of each are left out"
    return (f"memory-bound: {asked}, and {left_out}, for {sizes}",)


def of_work(*, threads: int, estimator: Estimator) -> Iterator[str]:
    """Sentences on what the threads and disturbances decided; bundles of older measurements are compared with them."""
    if threads > 1:
        yield (
            f"{threads} threads: all requests count, for a switch of the calling thread tells nothing of the others; "
            "the host has to be idle instead"
        )
        yield f"{threads} threads: CPU time is that of the process (process_cpu_ns), for cpu_p50_ns is of one thread"
    elif estimator is Estimator.CPU_P50:
        yield "cpu_p50: too few requests are clean, they take over 10 ms, and the calling thread does the work itself"
    elif estimator is Estimator.P50:
        yield "p50: some group has no clean request of one of the variants"
