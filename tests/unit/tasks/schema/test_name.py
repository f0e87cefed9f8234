"""Names are what people write, in any script; what would not survive a command line or a path is refused."""

import pytest
from pydantic import TypeAdapter, ValidationError

from optfarm_tasks.schema.name import Name, name_fault, normal

NAMES = TypeAdapter(Name)


@pytest.mark.parametrize("name", ["model", "модель 1", "данные #1", "é", "内", "a?b", "50%", "x" * 100, "_x", "a.b-c"])
def test_a_name_of_any_script_stays_as_it_is(name: str) -> None:
    assert NAMES.validate_python(name) == name


def test_a_letter_that_may_be_written_in_two_ways_is_one_name() -> None:
    assert NAMES.validate_python("cafe\u0301") == normal("cafe\u0301") == "caf\u00e9"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "it is empty"),
        ("a/b", "it has a '/', which would make it a path"),
        (".hidden", "it begins with '.'"),
        ("-x", "it begins with '-'"),
        (" x", "it begins or ends with a space"),
        ("x ", "it begins or ends with a space"),
        ("a\x1b[31m", "it has the character U+001B, which cannot be seen"),
        ("a\u202eb", "it has the character U+202E, which cannot be seen"),
        ("a\nb", "it has the character U+000A, which cannot be seen"),
        ("x" * 101, "it has 101 characters, and a name has up to 100"),
    ],
)
def test_what_is_no_name_is_refused_with_the_reason(name: str, why: str) -> None:
    assert name_fault(name) == why
    with pytest.raises(ValidationError, match="is no name"):
        NAMES.validate_python(name)
