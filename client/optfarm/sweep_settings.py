"""The settings of a sweep, as flags, a YAML file or a script give them, checked before anything is sent."""

from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from optfarm.errors import BadRequest
from optfarm.flag_values import duration_ms, size_bytes, size_text
from optfarm_tasks.schema.faults import Place, faults_of, nearest, shown
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.spec import Auto, Effort, Limits, Scenario
from optfarm_tasks.schema.sweep import Purpose, SweepSpec, Tracing
from optfarm_tasks.schema.value import Value


class SweepSettings(Value):
    """The settings that were given; None where one was not, so that the default of SweepSpec holds."""

    model: str | None = None
    data: str | None = None
    recipes: tuple[Recipe, ...] | None = None
    devices: tuple[str, ...] | None = None
    effort: Effort | None = None
    threads: tuple[int | Auto, ...] | None = None
    batch_sizes: tuple[int | Auto, ...] | None = None
    scenario: Scenario | None = None
    latency_limit_ms: float | None = None
    runtime: str | None = None
    timeout_s: float | None = None
    memory_bytes: int | None = None
    seed: int | None = None
    fresh: bool | None = None
    trace: Tracing | None = None
    purpose: Purpose | None = None
    schema_version: int | None = None

    def over(self, other: "SweepSettings") -> "SweepSettings":
        """The settings of both; where both have one, this wins."""
        return other.model_copy(update=self._said())

    def but(self, **changes: Any) -> "SweepSettings":
        """The same with some settings changed."""
        return self.model_copy(update=changes)

    def spec(self) -> SweepSpec:
        """The sweep.

        Raises:
            BadRequest: a setting is out of its range, or they do not go together; the message names it.
        """
        said = self._said()
        limits = {name: said.pop(name) for name in Limits.model_fields if name in said}
        try:
            return SweepSpec.model_validate({**said, "limits": limits})
        except ValidationError as error:
            raise _refused(error) from error

    def _said(self) -> dict[str, Any]:
        return {name: value for name, value in self if value is not None}


_FIELDS = {
    **{name: name for name in SweepSettings.model_fields},
    "techniques": "recipes",
    "timeout": "timeout_s",
    "profile": "effort",
    "bound": "latency_limit",
    "bound_ms": "latency_limit_ms",
}
"""What people may write → the field. The last three are names that files of earlier versions have."""
_FLAGS = {
    "model": "the model",
    "recipes": "--recipe",
    "latency_limit_ms": "--latency-limit",
    "timeout_s": "--timeout",
    "memory_bytes": "--memory",
    "trace": "the profile",
    "runs": "--runs",
}
"""The field → what people call it, where that is not its name with two dashes."""
_UNITS = {"latency_limit_ms": "ms", "timeout_s": "s", "memory_bytes": "B"}
_WITH_UNITS = {"latency_limit": "latency_limit_ms", "memory": "memory_bytes"}
"""What is written with its unit → the field of plain numbers."""
_LISTS = ("recipes", "devices", "threads", "batch_sizes")
_SCENARIOS = {
    "single-stream": Scenario.SINGLE_STREAM,
    "offline": Scenario.OFFLINE,
    "server": Scenario.SERVER,
    **{str(each): each for each in Scenario},
}


def settings_of(said: Mapping[str, Any]) -> SweepSettings:
    """The settings that people wrote; one word where a list is wanted counts as a list of one.

    Raises:
        BadRequest: there is no such setting, and the message has the nearest; or a value is none that it takes;
            or one setting stands there under two names.
    """
    given: dict[str, Any] = {}
    names: dict[str, str] = {}
    for name, value in ((name, value) for name, value in said.items() if value is not None):
        field = _FIELDS.get(name, name)
        first = names.setdefault(_WITH_UNITS.get(field, field), name)
        if first != name:
            raise BadRequest(f"{first!r} and {name!r} are one setting; keep one of them")
        given[field] = value
    given |= _limits(given.pop("limits", {}))
    given |= {name: [given[name]] for name in _LISTS if name in given and not isinstance(given[name], list | tuple)}
    given |= {"scenario": _scenario(str(given["scenario"]))} if "scenario" in given else {}
    given |= {"latency_limit_ms": duration_ms(str(given.pop("latency_limit")))} if "latency_limit" in given else {}
    given |= {"memory_bytes": size_bytes(str(given.pop("memory")))} if "memory" in given else {}
    if unknown := [name for name in given if name not in SweepSettings.model_fields]:
        raise BadRequest(f"there is no setting {unknown[0]!r}; {_hint(str(unknown[0]))}")
    try:
        return SweepSettings.model_validate(given)
    except ValidationError as error:
        raise _refused(error) from error


def read_yaml(path: Path) -> SweepSettings:
    """The settings in a YAML file: model, recipes (or techniques), data, devices, effort …; see docs/cli.md.

    Raises:
        BadRequest: there is no such file, or it is no YAML mapping; see also `settings_of`.
    """
    try:
        found = yaml.safe_load(path.read_text())
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise BadRequest(f"{path} is no YAML: {error}") from error
    if not isinstance(found, dict):
        raise BadRequest(f"{path} holds no settings; write at least `model: NAME`")
    return settings_of(found)


def _limits(limits: Any) -> dict[str, Any]:
    if not isinstance(limits, Mapping | Limits):
        raise BadRequest(f"limits are {limits!r}; write `limits: {{timeout_s: 600, memory_bytes: 8000000000}}`")
    return dict(limits)


def _scenario(text: str) -> Scenario:
    if text not in _SCENARIOS:
        raise BadRequest(f"there is no scenario {text!r}; there are single-stream, offline and server")
    return _SCENARIOS[text]


def _hint(name: str) -> str:
    names = [*_FIELDS, "latency_limit", "memory", "limits"]
    return nearest(name, names)


def _refused(error: ValidationError) -> BadRequest:
    return BadRequest("; ".join(faults_of(error, name=_flag, show=_with_unit)))


def _flag(place: Place) -> str:
    """The setting at a place, as the command line calls it."""
    name = next((str(part) for part in reversed(place) if isinstance(part, str)), "")
    return _FLAGS.get(name, f"--{name.replace('_', '-')}" if name else "")


def _with_unit(value: Any, place: Place) -> str:
    unit = _UNITS.get(str(place[-1]), "") if place else ""
    if unit == "B" and isinstance(value, int):
        return size_text(value)
    return f"{shown(value)}{unit if isinstance(value, int | float) and isfinite(value) else ''}"
