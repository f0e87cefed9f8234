"""A recipe: techniques with parameters, in order, and the way people write it down."""

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any, Self

import yaml
from pydantic import Field, model_serializer, model_validator

from optfarm_tasks.errors import BadParameter
from optfarm_tasks.schema.value import Value

Scalar = bool | int | float | str

NAME = r"[a-z0-9][a-z0-9-]*"
"""What a technique may be called."""

_STEP = re.compile(rf"^(?P<name>{NAME})\s*(?:\((?P<arguments>.*)\))?$", re.DOTALL)

_PIECE = re.compile(r"""=\s*(?:'(?:[^']|'')*'|"(?:\\.|[^"\\])*")|->|.""", re.DOTALL)
_SEPARATES = re.compile(r"""[,'"\n]|->""")


class Step(Value):
    """One technique and the parameters that differ from its defaults."""

    technique: str
    params: dict[str, Scalar] = Field(default_factory=dict)

    def __str__(self) -> str:
        """Prints the way it is written: prune(sparsity=0.8)."""
        if not self.params:
            return self.technique
        return f"{self.technique}({', '.join(f'{key}={_shown(value)}' for key, value in self.params.items())})"


class Recipe(Value):
    """Techniques in the order in which they run; on the wire, the text that people write."""

    steps: tuple[Step, ...] = Field(min_length=1)

    def __str__(self) -> str:
        """Prints the way it is written: prune(sparsity=0.8) -> tflite-int8."""
        return " -> ".join(str(step) for step in self.steps)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `prune(sparsity=0.8) -> tflite-int8`; values are YAML scalars, those with signs in quotes.

        Raises:
            BadParameter: the text does not follow that form.
        """
        return cls(steps=tuple(_steps(text)))

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return {"steps": list(_steps(value))}
        except BadParameter as error:
            raise ValueError(str(error)) from error

    @model_serializer
    def _to_text(self) -> str:
        return str(self)


def pieces(text: str) -> list[str]:
    """A text cut into values in quotes, within which no sign separates anything, arrows, and single characters."""
    return _PIECE.findall(text)


def _shown(value: Scalar) -> str:
    style = None
    if isinstance(value, str) and (_SEPARATES.search(value) or _read(value) != value):
        style = '"' if "\n" in value else "'"
    text = yaml.safe_dump(value, default_style=style, allow_unicode=True, width=math.inf)
    return text.removesuffix("\n").removesuffix("...").strip()


def _steps(text: str) -> Iterator[Step]:
    return (_step(part.strip()) for part in _split(text, "->"))


def _step(text: str) -> Step:
    match = _STEP.match(text)
    if match is None:
        raise BadParameter(f"{text!r} is no step of a recipe; write name or name(parameter=value, …)")
    return Step(technique=match["name"], params=dict(_arguments(match["arguments"] or "", text)))


def _split(text: str, separator: str) -> Iterator[str]:
    part = ""
    for piece in pieces(text):
        if piece == separator:
            yield part
            part = ""
        else:
            part += piece
    yield part


def _arguments(text: str, step: str) -> Iterable[tuple[str, Scalar]]:
    for part in filter(None, (part.strip() for part in _split(text, ","))):
        name, equals, value = part.partition("=")
        if not equals or not name.strip().isidentifier():
            raise BadParameter(f"{part!r} in {step!r} is no parameter; write parameter=value")
        parsed = _read(value)
        if not isinstance(parsed, Scalar):
            raise BadParameter(
                f"{value.strip()!r} in {step!r} is no number, text, true or false; put text that has signs in quotes: "
                f"{name.strip()}='{value.strip()}'"
            )
        yield name.strip(), parsed


def _read(text: str) -> Any:
    """The YAML scalar; None where it is none, as in *a."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


BASELINE = Recipe.parse("baseline")
"""The model as it was pushed, which every sweep has and everything is compared with."""
