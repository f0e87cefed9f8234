"""A parameter is told twice: in words for people, and so that a search can draw from its range."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from optfarm_tasks import registry
from optfarm_tasks.description import Format
from optfarm_tasks.parameters import parameters_of
from optfarm_tasks.schema.technique_card import Bounds, Parameter
from optfarm_tasks.technique import Params


class Kind(StrEnum):
    FAST = "fast"
    SMALL = "small"


class Every(Params):
    """One of each kind."""

    match: str
    clusters: int = Field(default=16, ge=2, le=256)
    sparsity: float = Field(default=0.5, gt=0, lt=1)
    epochs: int = Field(default=1, ge=1)
    dtype: Literal["bfloat16", "float16"] = "bfloat16"
    is_strict: bool = True
    kind: Kind = Kind.FAST
    height: int | None = None


def told() -> dict[str, Parameter]:
    return {each.name: each for each in parameters_of(Every)}


def test_a_number_tells_its_bounds_and_whether_they_are_in() -> None:
    assert told()["clusters"].bounds == Bounds(lower=2, upper=256)
    assert told()["sparsity"].bounds == Bounds(lower=0, upper=1, is_lower_open=True, is_upper_open=True)
    assert told()["epochs"].bounds == Bounds(lower=1, upper=None)


def test_words_and_truth_values_tell_their_choices() -> None:
    assert told()["dtype"].choices == ("bfloat16", "float16")
    assert told()["is_strict"].choices == (False, True)
    assert told()["kind"].choices == ("fast", "small")


def test_only_what_has_no_default_is_required() -> None:
    assert [name for name, each in told().items() if each.is_required] == ["match"]


def test_what_has_neither_is_left_to_people() -> None:
    for name in ("match", "height"):
        assert told()[name].bounds is None
        assert told()[name].choices == ()


def test_a_card_tells_what_becomes_of_each_format() -> None:
    assert registry.card("baseline").converts[Format.KERAS] is Format.SAVED_MODEL
    assert registry.card("baseline").converts[Format.TFLITE] is Format.TFLITE
