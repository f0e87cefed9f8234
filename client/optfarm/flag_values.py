"""Reads values as people type them: sizes, durations, and lists of numbers or recipes."""

from collections.abc import Iterable, Iterator

import yaml

from optfarm.errors import BadRequest
from optfarm_tasks.schema.feeding import NOTHING, Feeding
from optfarm_tasks.schema.recipe import Scalar, pieces
from optfarm_tasks.schema.spec import Auto

_BYTES = {"": 1, "B": 1} | {
    f"{prefix}{unit}": base**power
    for power, prefix in enumerate("KMGT", start=1)
    for unit, base in (("B", 1000), ("IB", 1024))
}
_MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


def size_bytes(text: str) -> int:
    """A size as people write it: 2GB, 512MiB, 1000000.

    Raises:
        BadRequest: it is none.
    """
    number = text.strip().rstrip("BbKkMmGgTtIi ")
    unit = text.strip()[len(number) :].strip().upper()
    try:
        return int(float(number) * _BYTES[unit])
    except (ValueError, KeyError, OverflowError):
        raise BadRequest(f"{text!r} is no size; write 2GB or 512MiB") from None


def size_text(count: int) -> str:
    """A size as people write it, in the unit that leaves the fewest digits: 64MiB, 2GB."""
    whole = [(count // size, unit) for unit, size in _BYTES.items() if count and count % size == 0]
    number, unit = min(whole, default=(count, "B"))
    return f"{number}{unit.replace('IB', 'iB') or 'B'}"


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


def numbers(text: str, flag: str) -> list[int | Auto]:
    """Whole numbers parted by commas, or auto.

    Raises:
        BadRequest: it holds something else.
    """
    try:
        return ["auto" if part.strip() == "auto" else int(part) for part in text.split(",")]
    except ValueError:
        raise BadRequest(f"--{flag} {text!r}: write whole numbers, parted by commas, or auto") from None


def feeding_of(
    inputs: Iterable[str], outputs: Iterable[str], constants: Iterable[str], batch_axes: Iterable[str]
) -> Feeding | None:
    """How a model is called, from the flags that say it; None where nothing is said.

    Raises:
        BadRequest: one is malformed.
    """
    said = Feeding(
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        constants={name: _value(text) for name, text in _pairs("--constant", constants, "NAME=VALUE")},
        batch_axes={name: _axis(name, text) for name, text in _pairs("--batch-axis", batch_axes, "NAME=AXIS")},
    )
    return None if said == NOTHING else said


def _pairs(flag: str, texts: Iterable[str], form: str) -> Iterator[tuple[str, str]]:
    for text in texts:
        name, equals, value = text.rpartition("=")
        if not equals or not name or not value:
            raise BadRequest(f"{flag} {text!r}: write {flag} {form}")
        yield name, value


def _value(text: str) -> Scalar:
    value = yaml.safe_load(text)
    return value if isinstance(value, Scalar) else text


def _axis(name: str, text: str) -> int | None:
    if text == "none":
        return None
    if not text.isdecimal():
        raise BadRequest(f"--batch-axis {name}={text}: an axis is a number from 0 on, or none")
    return int(text)
