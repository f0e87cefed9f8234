"""Judges what was seen of a GPU while a variant was timed on it: what slowed it, whose it was, how its clocks went."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.schema.measurement import GpuConditions

PREFIX = "block_gpu_"
_CAPPED = 0x04
_REASONS = {
    0x01: "idle",
    0x02: "clocks set by an application",
    _CAPPED: "power cap",
    0x08: "hardware slowdown",
    0x10: "synchronised with others",
    0x20: "heat, by the driver",
    0x40: "heat, by the hardware",
    0x80: "power brake",
    0x100: "display",
}
"""The bits of NVML's clocks event reasons, in its order."""
_SLOWDOWNS = 0x08 | 0x20 | 0x40 | 0x80
"""Those under which nothing that is timed means anything."""


@dataclass(frozen=True)
class GpuUse:
    """What was seen of a GPU in one stretch; None where its driver does not tell."""

    reasons: int
    """The bits of all that governed its clocks."""
    hot_ns: int | None
    """How long it was slowed by heat or by the board, by counters that miss nothing between samples."""
    capped_ns: int | None
    """How long it was slowed by the limit of its power."""
    sm_low_mhz: int
    sm_high_mhz: int
    memory_low_mhz: int
    memory_high_mhz: int
    power_w: float | None
    temperature_c: int
    strangers: int | None
    """Processes there that are not timed; None where that cannot be told."""
    held_bytes: int | None
    """The most of its memory that the timed process held."""


NAMES = tuple(f"{PREFIX}{field.name}" for field in fields(GpuUse))
"""The columns of raw.npz that hold it."""


def columns_of(use: GpuUse) -> dict[str, NDArray[np.float64]]:
    """One row of the columns; NaN stands for None."""
    return {f"{PREFIX}{name}": np.array([value], np.float64) for name, value in vars(use).items()}


def conditions(columns: Mapping[str, NDArray[Any]], counts: NDArray[np.bool_]) -> GpuConditions | None:
    """The conditions in the stretches that count, together; None where nothing was timed on a GPU."""
    if NAMES[0] not in columns:
        return None
    seen = {name.removeprefix(PREFIX): columns[name][counts] for name in NAMES}
    bits = int(np.bitwise_or.reduce(seen["reasons"].astype(np.int64)))
    return GpuConditions(
        sm_mhz=(int(seen["sm_low_mhz"].min()), int(seen["sm_high_mhz"].max())),
        memory_mhz=(int(seen["memory_low_mhz"].min()), int(seen["memory_high_mhz"].max())),
        power_w=_known(float(np.mean(seen["power_w"]))),
        temperature_c=int(seen["temperature_c"].max()),
        reasons=tuple(name for bit, name in _REASONS.items() if bits & bit),
        is_slowed=bool(bits & _SLOWDOWNS) or _is_positive(seen["hot_ns"]),
        is_capped=bool(bits & _CAPPED) or _is_positive(seen["capped_ns"]),
        strangers=None if np.isnan(seen["strangers"]).any() else int(seen["strangers"].max()),
        held_bytes=None if np.isnan(seen["held_bytes"]).any() else int(seen["held_bytes"].max()),
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _is_positive(values: NDArray[np.float64]) -> bool:
    return bool((values > 0).any())  # what is not known is not above 0
