"""Requests that engines are built by have the sizes of the model and the batch of the engines, wherever that lies."""

import numpy as np
import pytest

from optfarm_tasks.description import Shape, Signature, Tensor
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats.tftrt import at_batch
from optfarm_tasks.frameworks.tftrt.feeds import blank


def signature(shape: Shape | None, *, dtype: str = "float32", axis: int | None = 0) -> Signature:
    return Signature(inputs=(Tensor(name="my-input", dtype=dtype, shape=shape, batch_axis=axis),))


@pytest.mark.parametrize(
    ("given", "sizes"),
    [
        (signature((None, 3)), (4, 3)),
        (signature((4, 3)), (4, 3)),
        (signature((2, None, 3), axis=1), (2, 4, 3)),
        (signature((3,), axis=None), (3,)),
        (signature((), axis=0), ()),
    ],
)
def test_a_request_has_the_batch_along_its_axis(given: Signature, sizes: tuple[int, ...]) -> None:
    (array,) = blank(at_batch(given, 4), {"my-input": "input_000000"}, 4).values()

    assert (array.shape, array.dtype) == (sizes, np.float32)


def test_a_range_begins_at_another_batch_and_inputs_go_by_the_names_of_arguments() -> None:
    request = blank(at_batch(signature((None, 3)), 4), {"my-input": "input_000000"}, 2)

    assert {name: array.shape for name, array in request.items()} == {"input_000000": (2, 3)}


def test_strings_are_empty() -> None:
    (array,) = blank(signature((2,), dtype="string"), {"my-input": "x"}, 2).values()

    assert array.tolist() == [b"", b""]


@pytest.mark.parametrize("shape", [None, (None, None, 3)])
def test_a_size_that_varies_beside_the_batch_is_refused(shape: Shape | None) -> None:
    with pytest.raises(BadModel, match="engines are built for known sizes, and those of my-input: float32"):
        blank(at_batch(signature(shape), 4), {"my-input": "x"}, 4)
