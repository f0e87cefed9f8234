"""What a schema refuses is said in the farm's words, never in those of the library that checks it."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError, model_validator

from optfarm_tasks.schema.faults import faults_of, nearest
from optfarm_tasks.schema.spec import Effort
from optfarm_tasks.schema.tree import File
from optfarm_tasks.schema.value import Value


class Inner(Value):
    share: float = Field(default=0.5, gt=0, lt=1, allow_inf_nan=False)


class Sample(Value):
    threads: tuple[Annotated[int, Field(ge=1, le=64)] | Literal["auto"], ...] = Field(default=(1,), min_length=1)
    effort: Effort = Effort.FULL
    name: str = Field(default="x", pattern="^[a-z]$")
    is_on: bool = True
    inner: Inner = Inner()
    file: File | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Sample":
        if self.name == "q":
            raise ValueError("a sample called q is none")
        return self


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"threads": [0]}, "threads.0 is 0; it takes 1 or more, or auto"),
        ({"threads": [65]}, "threads.0 is 65; it takes 64 or less, or auto"),
        ({"threads": ["many"]}, "threads.0 is 'many'; it takes a whole number, or auto"),
        ({"threads": []}, "threads is empty; it takes at least 1"),
        ({"threads": 5}, "threads is 5; it takes a list"),
        ({"effort": "fast"}, "effort is 'fast'; it takes quick or full"),
        ({"name": "AB"}, "name is 'AB'; it takes text like ^[a-z]$"),
        ({"name": 5}, "name is 5; it takes text"),
        ({"is_on": "perhaps"}, "is_on is 'perhaps'; it takes true or false"),
        ({"inner": {"share": 2}}, "inner.share is 2; it takes less than 1"),
        ({"inner": {"share": "nan"}}, "inner.share is 'nan'; it takes a finite number"),
        ({"inner": {"share": "half"}}, "inner.share is 'half'; it takes a number"),
        ({"inner": 5}, "inner is 5; it takes names with values"),
        ({"colour": 5}, "there is no colour"),
        ({"name": "q"}, "a sample called q is none"),
        ({"file": {"path": "a", "sha256": "0" * 64}}, "file.size_bytes is missing"),
        ({"file": {"path": "../a", "sha256": "0" * 64, "size_bytes": 1}}, "'../a' is not a plain relative path"),
    ],
)
def test_a_fault_says_what_was_seen_and_what_is_taken(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Sample.model_validate(given)

    assert faults_of(refused.value) == (said,)


def test_two_faults_of_one_group_stay_two() -> None:
    with pytest.raises(ValidationError) as refused:
        Sample.model_validate({"threads": [0, 99]})

    assert faults_of(refused.value) == (
        "threads.0 is 0; it takes 1 or more, or auto",
        "threads.1 is 99; it takes 64 or less, or auto",
    )


def test_names_and_units_are_those_of_whoever_asks() -> None:
    with pytest.raises(ValidationError) as refused:
        Sample.model_validate({"inner": {"share": 2}})

    said = faults_of(refused.value, name=lambda place: f"--{place[-1]}", show=lambda value, _: f"{value:.0%}")

    assert said == ("--share is 200%; it takes less than 100%",)


def test_a_long_value_is_cut() -> None:
    with pytest.raises(ValidationError) as refused:
        Sample.model_validate({"name": "A" * 500})

    assert len(faults_of(refused.value)[0]) < 150


def test_what_is_no_json_is_told_without_repeating_it() -> None:
    with pytest.raises(ValidationError) as refused:
        Sample.model_validate_json("no JSON")

    assert faults_of(refused.value)[0].startswith("it is no JSON: expected ident at line 1")


def test_a_near_name_is_suggested_and_else_all_of_them() -> None:
    assert nearest("sparsty", ["sparsity", "epochs"]) == "did you mean 'sparsity'?"
    assert nearest("x", ["sparsity", "epochs"]) == "there are sparsity, epochs"
