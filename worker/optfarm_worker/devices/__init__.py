"""The kinds of device that a worker can serve, one file each: cpu.py is what serves `--device cpu`."""

import importlib
import pkgutil
from typing import Protocol, cast


class DeviceDriver(Protocol):
    """What each file of this folder has. A device is named as `--device` names it: by its kind, or KIND:NUMBER."""

    def names(self) -> tuple[str, ...]:
        """The devices of this kind on this machine."""
        ...

    def attributes(self, name: str) -> dict[str, str | int | float]:
        """What the device is; it stays the same as long as the machine does, and measurements are kept under it."""
        ...

    def environment(self, name: str) -> dict[str, str]:
        """The variables that have a child compute on this device alone."""
        ...


def kinds() -> tuple[str, ...]:
    """Every kind, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def kind_of(name: str) -> DeviceDriver:
    """The kind of a device that this machine has.

    Raises:
        ValueError: it has none of that name; the message lists what it has.
    """
    kind = name.partition(":")[0]
    if kind not in kinds() or name not in _module(kind).names():
        served = ", ".join(each for kind in kinds() for each in _module(kind).names())
        raise ValueError(f"is {name!r}; this version serves {served}")
    return _module(kind)


def _module(kind: str) -> DeviceDriver:
    return cast("DeviceDriver", importlib.import_module(f"{__name__}.{kind}"))
