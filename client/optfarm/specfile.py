"""A sweep written down: the YAML of `sweep run --file`, and the words of its flags."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from optfarm.errors import BadRequest
from optfarm_tasks.schema.recipe import pieces
from optfarm_tasks.schema.spec import Auto, Scenario
from optfarm_tasks.schema.sweep import SweepSpec

_UNITS = {"": 1, "B": 1, "KB": 1000, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3}
_SCENARIOS = {
    "single-stream": Scenario.SINGLE_STREAM,
    "offline": Scenario.OFFLINE,
    "server": Scenario.SERVER,
    **{str(each): each for each in Scenario},
}
_UNITS |= {"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}


_SPEC_NAMES = {"techniques": "recipes", "profile": "effort", "bound": "latency_limit"}
"""What people may write, and have written in files, → the present name."""


def read_yaml(path: Path) -> dict[str, Any]:
    """The settings in a YAML file: model, recipes (or techniques), data, devices, effort …; see docs/cli.md.

    Raises:
        BadRequest: there is no such file, or it is no YAML mapping.
    """
    try:
        found = yaml.safe_load(path.read_text())
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadRequest(f"{path} is no YAML: {error}") from error
    if not isinstance(found, dict):
        raise BadRequest(f"{path} holds no settings; write at least `model: NAME`")
    return normal(found)


def normal(settings: dict[str, Any]) -> dict[str, Any]:
    """The same settings under the names of SweepSpec: one word where a list is wanted counts as a list of one."""
    plain = {_SPEC_NAMES.get(name, name): value for name, value in settings.items()}
    for name in ("recipes", "devices", "threads", "batch_sizes"):
        if name in plain and not isinstance(plain[name], list | tuple):
            plain[name] = [plain[name]]
    plain |= {"scenario": _scenario(str(plain["scenario"]))} if plain.get("scenario") is not None else {}
    plain |= {"latency_limit_ms": duration_ms(str(plain.pop("latency_limit")))} if "latency_limit" in plain else {}
    limits = dict(plain.get("limits") or {})
    limits |= {"timeout_s": plain.pop("timeout")} if "timeout" in plain else {}
    limits |= {"memory_bytes": size_bytes(str(plain.pop("memory")))} if "memory" in plain else {}
    return {**plain, "limits": limits} if limits else plain


def checked(settings: dict[str, Any]) -> SweepSpec:
    """The spec of a sweep.

    Raises:
        BadRequest: a setting does not exist or is out of its range; the message names it.
    """
    try:
        return SweepSpec.model_validate(settings)
    except ValidationError as error:
        faults = tuple(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise BadRequest("the sweep cannot be run as asked:", faults) from error


def size_bytes(text: str) -> int:
    """A size as people write it: 2GB, 512MiB, 1000000.

    Raises:
        BadRequest: it is none.
    """
    number = text.strip().rstrip("BbKkMmGgTtIi ")
    unit = text.strip()[len(number) :].strip().upper()
    try:
        return int(float(number) * _UNITS[unit])
    except (ValueError, KeyError, OverflowError):
        raise BadRequest(f"{text!r} is no size; write 2GB or 512MiB") from None


def duration_ms(text: str) -> float:
    """A duration as people write it, in milliseconds: 50ms, 0.2s, 800us.

    Raises:
        BadRequest: it is none.
    """
    number = text.strip().rstrip("musMUS ")
    try:
        return float(number) * _MILLISECONDS[text.strip()[len(number) :].strip().lower()]
    except (ValueError, KeyError):
        raise BadRequest(f"{text!r} is no duration; write 50ms or 0.2s") from None


def _scenario(text: str) -> str:
    if text not in _SCENARIOS:
        raise BadRequest(f"there is no scenario {text!r}; there are single-stream, offline and server")
    return str(_SCENARIOS[text])


def listed(text: str) -> list[str]:
    """The recipes in one text, parted by commas that stand in no brackets and no quotes."""
    parts, depth = [""], 0
    for piece in pieces(text):
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if piece == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    return [part.strip() for part in parts if part.strip()]


def numbers(text: str, what: str) -> list[int | Auto]:
    """Whole numbers parted by commas, or auto.

    Raises:
        BadRequest: it holds something else.
    """
    try:
        return ["auto" if part.strip() == "auto" else int(part) for part in text.split(",")]
    except ValueError:
        raise BadRequest(f"--{what} {text!r}: write whole numbers, parted by commas, or auto") from None
