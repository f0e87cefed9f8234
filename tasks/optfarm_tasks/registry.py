"""Finds techniques and runtimes by the names of their files, and checks recipes without importing a framework.

Techniques of other distributions come in by entry points: see optfarm_tasks.plugins.
"""

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from types import ModuleType
from typing import cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from optfarm_tasks import plugins, runtimes, techniques
from optfarm_tasks.description import Format
from optfarm_tasks.errors import BadParameter, MissingParameter
from optfarm_tasks.parameters import parameters_of
from optfarm_tasks.runtime import Runtime
from optfarm_tasks.schema.device import DeviceKind
from optfarm_tasks.schema.faults import in_words, nearest, shown
from optfarm_tasks.schema.recipe import Step
from optfarm_tasks.schema.spec import Role
from optfarm_tasks.schema.technique_card import TechniqueCard
from optfarm_tasks.technique import Params, Technique


@functools.cache
def technique_names() -> tuple[str, ...]:
    """Every technique's name, sorted; tflite_int8.py is tflite-int8, and plug-ins bring theirs."""
    return tuple(sorted({*_names(techniques), *_plugins().techniques}))


def faults() -> tuple[str, ...]:
    """Why plug-ins that are installed cannot be used, one line each."""
    return tuple(_plugins().faults.values())


def runtime_names() -> tuple[str, ...]:
    """Every runtime's name, sorted."""
    return _names(runtimes)


def technique(name: str) -> Technique:
    """The technique of that name.

    Raises:
        BadParameter: there is none, and the message names the nearest; or it is a plug-in that cannot be used.
    """
    if name in _names(techniques):
        return cast("Technique", _module(techniques, name))
    if name in _plugins().techniques:
        return _plugins().techniques[name]
    if name in _plugins().faults:
        raise BadParameter(_plugins().faults[name])
    raise BadParameter(f"there is no technique {name!r}; {nearest(name, technique_names())}")


def runtime(name: str) -> Runtime:
    """The runtime of that name.

    Raises:
        BadParameter: there is none.
    """
    if name not in runtime_names():
        raise BadParameter(f"there is no runtime {name!r}; there are {', '.join(runtime_names())}")
    return cast("Runtime", _module(runtimes, name))


def runtimes_of(model_format: Format, device: str = DeviceKind.CPU) -> tuple[str, ...]:
    """Names of the runtimes that run a format on a kind of device, sorted."""
    found = ((name, runtime(name)) for name in runtime_names())
    return tuple(name for name, each in found if model_format in each.FORMATS and device in each.DEVICES)


def computes_on(name: str, device: str, versions: Mapping[str, str]) -> bool:
    """Whether a runtime computes on a kind of device, as the distributions of an environment are built.

    Args:
        name: of a runtime that imports there.
        device: a kind of devices.
        versions: distribution → version, of the environment.
    """
    module = runtime(name)
    if device not in module.DEVICES:
        return False
    if device == DeviceKind.CPU:
        return True
    builds = (build.partition("+") for build in getattr(module, "BUILT_FOR_CPUS", ()))
    return not any(
        versions.get(build, "").endswith(f"{plus}{label}") and build in versions for build, plus, label in builds
    )


def runtime_for(
    model_format: Format, *, device: str = DeviceKind.CPU, wanted: str | None = None, role: str = Role.CANDIDATE
) -> str:
    """The name of the runtime that runs a format on a kind of device: the wanted one, or else the first there is.

    A baseline runs all the same where the wanted one does not take it, for it has to be compared with.

    Raises:
        BadParameter: none does, or the wanted one does not.
    """
    there = runtimes_of(model_format, device)
    if not there:
        raise BadParameter(f"no runtime runs {model_format} on a {device}")
    if wanted in there:
        return wanted
    if wanted is None or role == Role.BASELINE:
        return there[0]
    runtime(wanted)
    raise BadParameter(f"the runtime {wanted} does not run {model_format} on a {device}; {' and '.join(there)} does")


def params_of(step: Step) -> Params:
    """The checked parameters of one step.

    Raises:
        MissingParameter: one without a default was not given.
        BadParameter: no such technique, no such parameter, or a value out of its range.
    """
    wanted = technique(step.technique).PARAMS
    try:
        return wanted.model_validate(step.params)
    except ValidationError as error:
        missing = [str(fault["loc"][0]) for fault in error.errors() if fault["type"] == "missing"]
        if missing:
            form = ", ".join(f"{name}=…" for name in missing)
            raise MissingParameter(f"it needs {' and '.join(missing)}; write {step.technique}({form})") from error
        ranges = {each.name: each.range for each in parameters_of(wanted)}
        said = "; ".join(dict.fromkeys(_fault(fault, ranges) for fault in error.errors()))
        raise BadParameter(f"{step.technique}: {said}") from error


def _fault(fault: ErrorDetails, ranges: Mapping[str, str]) -> str:
    """What is wrong with one parameter, and what it takes."""
    name = str(fault["loc"][0]) if fault["loc"] else ""
    if name and name not in ranges:
        return f"there is no parameter {name!r}; {nearest(name, ranges)}"
    if name and fault["type"] != "value_error":
        return f"{name} is {shown(fault['input'])}; it takes {ranges[name]}"
    return in_words([fault])[0]


def modules_of(name: str) -> frozenset[str]:
    """The modules that a technique imports, and the distribution that brings it if it is a plug-in."""
    imported = frozenset(technique(name).CARD.modules)
    if name in _names(techniques):
        return imported
    # A dot in a distribution's name would be taken for that between modules.
    return imported | {_plugins().distributions[name].replace(".", "-")}


def card(name: str) -> TechniqueCard:
    """A technique as people read it.

    Raises:
        BadParameter: there is none of that name.
    """
    found = technique(name)
    doc = inspect.cleandoc(cast("ModuleType", found).__doc__ or "")
    return TechniqueCard(
        name=name,
        summary=doc.partition("\n")[0],
        description=doc,
        accepts=tuple(sorted(found.CARD.accepts)),
        yields=tuple(sorted(set(found.CARD.yields.values()))),
        converts=dict(found.CARD.yields),
        needs_calibration=found.CARD.needs_calibration,
        needs_training_data=found.CARD.needs_training_data,
        needs_gpu=found.CARD.needs_gpu,
        memory=found.CARD.memory,
        modules=found.CARD.modules,
        parameters=parameters_of(found.PARAMS),
    )


def _plugins() -> plugins.Plugins:
    return plugins.installed(frozenset(_names(techniques)))


@functools.cache
def _names(package: ModuleType) -> tuple[str, ...]:
    return tuple(sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(package.__path__)))


def _module(package: ModuleType, name: str) -> ModuleType:
    return importlib.import_module(f"{package.__name__}.{name.replace('-', '_')}")
