"""Arguments of a SavedModel's function have names that TensorFlow takes, in the order of the inputs' own."""

import pytest

from optfarm_tasks.frameworks.saved_names import argument_names


@pytest.mark.parametrize("names", [("image",), ("image", "speed"), ("imageA", "imageB"), ("x_1", "x_2")])
def test_plain_names_stay(names: tuple[str, ...]) -> None:
    assert argument_names(names) == {name: name for name in names}


@pytest.mark.parametrize(
    "names",
    [
        ("größe",),
        ("幅", "größe"),
        ("myInput", "MYINPUT"),
        ("my-input", "x"),
        ("image 1", "image-1", "image_1"),
        ("1st",),
    ],
)
def test_others_are_numbered_in_their_order(names: tuple[str, ...]) -> None:
    arguments = argument_names(names)

    assert set(arguments) == set(names)
    assert len(set(arguments.values())) == len(names)
    assert all(argument.isascii() and argument.isidentifier() for argument in arguments.values())
    assert sorted(arguments, key=arguments.__getitem__) == sorted(names)
