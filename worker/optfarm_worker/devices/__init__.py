"""The kinds of device that a worker can serve, one file each: cpu.py is what serves `--device cpu`."""

import importlib
import pkgutil
from typing import Protocol, cast

from optfarm_tasks.schema.waiting import Holder


class DeviceDriver(Protocol):
    """What each file of this folder has. A device is named as `--device` names it: by its kind, or KIND:NUMBER."""

    def names(self) -> tuple[str, ...]:
        """The devices of this kind on this machine."""
        ...

    def absence(self, name: str) -> str:
        """Why this machine has no device of a name; nothing where there is no more to say than that."""
        ...

    def canonical(self, name: str) -> str:
        """The name of a device that is meant by another; one that is not known stays as it is."""
        ...

    def attributes(self, name: str) -> dict[str, str | int | float]:
        """What the device is; it stays the same as long as the machine does, and measurements are kept under it."""
        ...

    def environment(self, name: str) -> dict[str, str]:
        """The variables that have a child compute on this device alone.

        Raises:
            NoDevice: it is not there any more.
        """
        ...

    def fault(self, name: str) -> str:
        """Why nothing can run on the device now; nothing where something can."""
        ...

    def strangers(self, name: str) -> tuple[Holder, ...]:
        """The processes that compute on the device while this worker has none there.

        Raises:
            NoDevice: it is not there any more.
        """
        ...

    def cores(self, name: str) -> frozenset[int]:
        """The cores of this process that are near the device."""
        ...


def kinds() -> tuple[str, ...]:
    """Every kind, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def named(given: str) -> str:
    """The name of a device of this machine, whichever way it is meant.

    Raises:
        ValueError: it has none of that name; the message says what it has, and why there is none of that kind.
    """
    kind, why = given.partition(":")[0], ""
    if kind in kinds():
        name = _module(kind).canonical(given)
        if name in _module(kind).names():
            return name
        why = _module(kind).absence(name)
    there = ", ".join(each for kind in kinds() for each in _module(kind).names())
    raise ValueError(f"is {given!r}; this machine has {there}{f' ({why})' if why else ''}")


def kind_of(name: str) -> DeviceDriver:
    """The kind of a device that this machine has."""
    return _module(name.partition(":")[0])


def _module(kind: str) -> DeviceDriver:
    return cast("DeviceDriver", importlib.import_module(f"{__name__}.{kind}"))
