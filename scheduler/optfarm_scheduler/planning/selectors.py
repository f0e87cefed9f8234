"""Which devices a person means by all, gpu, host=alpha, cpu_model~Xeon, cores>=8, label.rack=7 or a device's name."""

import math
import operator
from collections.abc import Callable, Iterable, Sequence

from optfarm_tasks.errors import BadParameter
from optfarm_tasks.schema.device import Inventory

_SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
}  # fmt: skip


def select(selectors: Sequence[str], devices: Iterable[Inventory]) -> tuple[Inventory, ...]:
    """The devices that at least one selector matches, sorted by name.

    Within a selector a comma means "and".

    Raises:
        BadParameter: a selector matches nothing; the message lists what there is.
    """
    there = sorted(devices, key=lambda device: device.name)
    found: dict[str, Inventory] = {}
    for selector in selectors:
        matching = [device for device in there if matches(selector, device)]
        if not matching:
            raise BadParameter(f"the device selector {selector!r} matches nothing; there are: {listing(there)}")
        found |= {device.name: device for device in matching}
    return tuple(found[name] for name in sorted(found))


def matches(selector: str, device: Inventory) -> bool:
    """Whether every part of a selector holds for a device.

    Raises:
        BadParameter: a part of the selector is empty.
    """
    parts = [part.strip() for part in selector.split(",")]
    if not all(parts):
        raise BadParameter(
            f"the device selector {selector!r} has an empty part; write all, cpu, gpu, a name or key=value"
        )
    return all(_holds(part, device) for part in parts)


def listing(devices: Sequence[Inventory]) -> str:
    """The devices in one line, for messages."""
    return ", ".join(_described(device) for device in devices) or "none"


def _holds(part: str, device: Inventory) -> bool:
    if part == "all":
        return True
    for sign in ("~", *_SIGNS, "="):
        key, found, wanted = part.partition(sign)
        if found:
            if sign in _SIGNS and not _is_number(wanted):
                raise BadParameter(f"the device selector {part!r} compares with {wanted.strip()!r}, which is no number")
            return _compare(_value(key.strip(), device), sign, wanted.strip())
    return part in (device.kind, device.name)


def _value(key: str, device: Inventory) -> str | None:
    if key == "instruction_sets":
        return " ".join(device.instruction_sets)
    if key.startswith("label."):
        return device.labels.get(key.removeprefix("label."))
    known = {"host": device.host, "slot": device.slot, "name": device.name}
    value = known.get(key, device.attributes.get(key))
    return None if value is None else str(value)


def _compare(value: str | None, sign: str, wanted: str) -> bool:
    if value is None:
        return False
    if sign in _SIGNS:
        return _is_number(value) and _SIGNS[sign](float(value), float(wanted))
    return wanted.lower() in value.lower() if sign == "~" else wanted == value


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _described(device: Inventory) -> str:
    model = device.attributes.get("gpu_name") or device.attributes.get("cpu_model")
    return f"{device.name} ({model})" if model else device.name
