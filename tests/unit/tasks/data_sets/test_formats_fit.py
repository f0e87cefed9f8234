"""A data set feeds a model's inputs, or is refused with both sides named."""

from typing import Any

import pytest

from optfarm_tasks.data_sets.data import fit
from optfarm_tasks.description import Signature, Split, Tensor
from optfarm_tasks.errors import BadData


def signature(*tensors: tuple[str, str, tuple[int | None, ...] | None], scale: float | None = None) -> Signature:
    """A signature of inputs alone."""
    return Signature(inputs=tuple(Tensor(name=n, dtype=d, shape=s, scale=scale) for n, d, s in tensors))


def split(*tensors: tuple[str, str, tuple[int, ...]]) -> Split:
    """A split of two samples."""
    return Split(count=2, inputs=tuple(Tensor(name=n, dtype=d, shape=s) for n, d, s in tensors))


def test_one_array_feeds_one_input_of_any_name() -> None:
    assert fit(signature(("serving_x", "float32", (None, 3))), split(("x", "float32", (3,)))) == {"serving_x": "x"}


def test_several_arrays_are_matched_by_name() -> None:
    wanted = signature(("a", "float32", (None, 3)), ("b", "int32", (None,)))

    assert fit(wanted, split(("b", "int32", ()), ("a", "float32", (3,)))) == {"a": "a", "b": "b"}


def test_names_that_differ_are_listed_on_both_sides() -> None:
    wanted = signature(("a", "float32", (None, 3)), ("b", "float32", (None, 1)))

    with pytest.raises(
        BadData, match=r"no array for b and no input for c\. The model takes a: .*, b: .*has a: .*, c: "
    ):
        fit(wanted, split(("a", "float32", (3,)), ("c", "float32", (1,))))


@pytest.mark.parametrize(
    ("shape", "sample", "fits"),
    [
        ((None, 224, 224, 3), (224, 224, 3), True),
        ((1, 224, 224, 3), (224, 224, 3), True),
        ((None, None, None, 3), (64, 80, 3), True),
        (None, (7, 7), True),
        ((None,), (), True),
        ((None, 224, 224, 3), (96, 96, 3), False),
        ((None, 224, 224, 3), (224, 224), False),
        ((None, 4), (2, 4), False),
    ],
)
def test_shapes_fit_but_for_what_varies(shape: Any, sample: Any, fits: bool) -> None:
    wanted, given = signature(("x", "float32", shape)), split(("x", "float32", sample))

    if fits:
        assert fit(wanted, given) == {"x": "x"}
    else:
        with pytest.raises(BadData, match=r"x wants \[.*\] per sample and gets \[.*\]\. The model takes x: float32\["):
            fit(wanted, given)


@pytest.mark.parametrize(
    ("wanted", "given", "fits"),
    [
        ("float32", "uint8", True),
        ("float32", "int64", True),
        ("float32", "float64", True),
        ("float16", "float32", True),
        ("bfloat16", "float32", True),
        ("int32", "uint8", True),
        ("int32", "int64", True),
        ("uint16", "uint8", True),
        ("string", "string", True),
        ("int32", "float32", False),
        ("int8", "uint8", False),
        ("uint8", "int8", False),
        ("int8", "int64", False),
        ("float32", "string", False),
        ("string", "int32", False),
        ("float32", "complex64", False),
        ("bool", "int8", False),
    ],
)
def test_types_fit_where_no_value_is_lost(wanted: str, given: str, fits: bool) -> None:
    model, data = signature(("x", wanted, (None, 2))), split(("x", given, (2,)))

    if fits:
        assert fit(model, data) == {"x": "x"}
    else:
        with pytest.raises(BadData, match=f"x wants {wanted} and gets {given}"):
            fit(model, data)


def test_a_quantised_input_takes_real_numbers() -> None:
    wanted = signature(("x", "int8", (None, 2)), scale=0.1)

    assert fit(wanted, split(("x", "float32", (2,)))) == {"x": "x"}
    assert fit(wanted, split(("x", "uint8", (2,)))) == {"x": "x"}
