"""Profilers: one file each, named as the runtime that it observes; the name registers it."""

import importlib
import pkgutil
from typing import cast

from optfarm_tasks.errors import BadParameter
from optfarm_tasks.profiler import Profiler


def profiler(runtime: str) -> Profiler:
    """The profiler of a runtime; nothing of a framework is imported.

    Raises:
        BadParameter: it has none.
    """
    if runtime not in names():
        raise BadParameter(f"the ops of the runtime {runtime} cannot be observed; those of {', '.join(names())} can")
    return cast("Profiler", importlib.import_module(f"{__name__}.{runtime}"))


def names() -> tuple[str, ...]:
    """The runtimes that have a profiler, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))
